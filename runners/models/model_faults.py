"""What would make loading a model fail, found without loading it: `check` never imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runners.models.folder_faults import folder_faults, light_tokenizer, read_json
from runners.models.limits import stated_layers, stated_width
from runners.models.loading import loading_faults, overrides
from runners.models.model_files import HUB_ID, locate
from runners.models.quantisation import KEY, quantisation_faults
from runners.prompts import own_system
from specs.faults import Refused
from specs.reader import place
from specs.settings import Settings

if TYPE_CHECKING:
    from specs.schema import Model


def faults(spec: Model, settings: Settings, online: bool) -> tuple[list[str], list[str]]:
    """Return (faults, what is not reachable from here) of one model spec, a line each.

    A Hub model that is neither mirrored nor cached is not reachable; with `online` the Hub is asked
    whether it has that model and revision, and its answer is a fault. Weights are not downloaded.
    """
    if spec.builtin:
        return _builtin_faults(spec), []
    try:
        folder = locate(spec, settings, download=False).folder
    except Refused as refused:
        if spec.hub is None or not HUB_ID.fullmatch(spec.hub):
            return list(refused.faults), []
        return (_hub_faults(spec), []) if online else ([], list(refused.faults))
    found = [*folder_faults(spec, folder), *loading_faults(spec, None)]
    return found or quantisation_faults(spec, read_json(spec, folder).get(KEY)), []


def variant_faults(spec: Model, settings: Settings, has_system: bool) -> list[str]:
    """Return why a model cannot show variants with or without a system message, at most one line.

    Nothing is returned where the model is not here, or `faults` has more to say.
    """
    if spec.builtin:
        return []
    try:
        folder = locate(spec, settings, download=False).folder
        tokenizer = light_tokenizer(spec, folder)
    except Refused:
        return []
    if tokenizer is None:
        return []
    found = own_system.fault(tokenizer, spec, has_system)
    return [found] if found else []


def known_layers(spec: Model, settings: Settings | None = None) -> int | None:
    """Return how many layers a model has, where that is at hand; None where it is not."""
    if spec.builtin == "reference":
        from runners.reference_model.traits import LAYERS

        return LAYERS
    try:
        folder = locate(spec, settings or Settings(), download=False).folder
        return stated_layers({**read_json(spec, folder), **overrides(spec)})
    except Refused:
        return None


def known_width(spec: Model, settings: Settings) -> int | None:
    """Return the width of a model's residual stream where that is at hand, as `known_layers`."""
    if spec.builtin == "reference":
        from runners.reference_model.axes import WIDTH

        return WIDTH
    try:
        folder = locate(spec, settings, download=False).folder
        return stated_width({**read_json(spec, folder), **overrides(spec)})
    except Refused:
        return None


def _builtin_faults(spec: Model) -> list[str]:
    found = loading_faults(spec, ())
    if spec.dtype not in ("auto", "float32"):
        where = place(spec, ("dtype",))
        found.append(f"{where}: the reference model is exact in float32 only; leave it out")
    return found


def _hub_faults(spec: Model) -> list[str]:
    """Return what the Hub says against a model that is not here yet."""
    from huggingface_hub import HfApi, errors

    where = place(spec, ("hub",))
    try:
        info = HfApi().model_info(str(spec.hub), revision=spec.revision)
    except errors.RevisionNotFoundError:
        return [f"{place(spec, ('revision',))}: {spec.hub} has no revision {spec.revision!r}"]
    except (OSError, ValueError, errors.HTTPError) as error:
        cause = str(error).strip().splitlines()[0]
        return [f"{where}: the Hub does not give {spec.hub}: {cause}; mend the name or log in"]
    names = [sibling.rfilename for sibling in info.siblings or []]
    if not any(name.endswith(".safetensors") for name in names):
        return [f"{where}: {spec.hub} has no safetensors weights, and pickles are never loaded"]
    return []
