"""What `--model` accepts: the name of a spec, a folder, or a Hub id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runners.models.model_files import HUB_ID
from specs.faults import Refused
from specs.suggestions import did_you_mean

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.schema import Model


def model_from_argument(text: str, catalog: Catalog) -> Model:
    """Return the model that `text` names: a spec first, else a folder, else `organisation/name`.

    A folder or Hub id gets the defaults of a spec (template own, dtype auto) and its own name.

    Raises:
        Refused: it is none of the three.
    """
    from specs.schema import Model

    if text in catalog.names("models"):
        return catalog.get("models", text)
    folder = Path(text).expanduser()
    if folder.is_dir():
        return Model(name=folder.resolve().name, folder=str(folder.resolve()))
    # `./x` and `/x` can only be meant as folders.
    if HUB_ID.fullmatch(text) and not text.startswith("."):
        return Model(name=text, hub=text)
    if "/" in text:
        raise Refused(f"--model {text}: no such folder; name a model spec, a folder or a Hub id")
    hint = did_you_mean(text, catalog.names("models")) or ";"
    raise Refused(
        f"--model {text}: neither a model spec, nor a folder, nor a Hub id (organisation/name)"
        f"{hint} `steerhouse list models` shows the specs"
    )
