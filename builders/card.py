"""README.md of a dataset: the Hub's YAML front matter, then a card with citation and audit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specs.schema import Concept, HubSource, TemplateSource

from .layout import ITEMS
from .splits import SPLITS

TEMPLATE = Path(__file__).parent / "card.md.jinja"
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
TASKS = {"letter": "multiple-choice", "yes_no": "question-answering", "text": "text-generation"}
"""Answer format -> what the Hub calls the task; options are chosen among only where they stand."""
SHOWN_ROWS = 20
"""Source rows left out that the card names per reason; steerhouse.json names all."""


def card(concept: Concept, manifest: Mapping[str, Any]) -> str:
    """Return the text of README.md; generated, never edited, equal for equal manifests."""
    return rendered(
        TEMPLATE,
        front_matter=front_matter(concept, manifest),
        concept=concept,
        source=_source(concept, manifest["source"]),
        dataset_id=manifest["dataset_id"],
        variants=manifest["variants"],
        audit=manifest["audit"],
        cells=_cells(manifest["audit"]),
        splits=_splits(manifest),
        shown_rows=SHOWN_ROWS,
    )


def rendered(template: Path, **values: Any) -> str:
    """Return a card from its jinja2 template; a name that is not given is an error."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(template.read_text(encoding="utf-8")).render(**values)


def size_category(n_rows: int) -> str:
    """Return what the Hub calls a data set of so many rows."""
    return next((size for limit, size in SIZES if n_rows < limit), "n>1M")


def front_matter(concept: Concept, manifest: Mapping[str, Any]) -> str:
    """Return the YAML between the `---` lines: configs with splits, licence, tags, sizes."""
    from huggingface_hub import DatasetCardData

    about = DatasetCardData(
        pretty_name=concept.name,
        language=[concept.language],
        license=concept.licence,
        task_categories=[TASKS[concept.answer_format]],
        size_categories=[size_category(manifest["audit"]["n_items"])],
        tags=["steering-vectors", "contrastive-pairs", *concept.tags],
        configs=[_config(config, manifest) for config in (ITEMS, *manifest["variants"])],
    )
    return str(about.to_yaml())


def _config(config: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    files = [{"split": split, "path": f"{config}/{split}-*.parquet"} for split in _splits(manifest)]
    default = {"default": True} if config == ITEMS else {}
    return {"config_name": config, **default, "data_files": files}


def _splits(manifest: Mapping[str, Any]) -> list[str]:
    return [split for split in SPLITS if manifest["audit"]["splits"][split]["n_items"]]


def _cells(audit: Mapping[str, Any]) -> list[str]:
    """Return the names of all cells, e.g. A/Yes, that occur in any split."""
    return sorted({cell for split in audit["splits"].values() for cell in split["cells"]})


def _source(concept: Concept, located: Mapping[str, Any]) -> str:
    source = concept.source
    if isinstance(source, HubSource):
        commit = located["commit"] or f"{source.revision}, read from a mirror"
        return (
            f"file `{source.file}` of the Hub data set "
            f"[{source.hub}](https://huggingface.co/datasets/{source.hub}), revision {commit}"
        )
    if isinstance(source, TemplateSource):
        return f"the {source.template.size:,} combinations of a template in the spec itself"
    file = getattr(source, "file", None)
    return f"file `{file}`" if file else "questions written into the spec itself"
