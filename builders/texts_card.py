"""README.md of a dataset of texts: the Hub's YAML front matter, then a card with its audit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specs.schema import TextsConcept

from .card import rendered, size_category
from .layout import TEXTS
from .texts import TRAIN

TEMPLATE = Path(__file__).parent / "texts_card.md.jinja"


def card(concept: TextsConcept, manifest: Mapping[str, Any]) -> str:
    """Return the text of README.md; generated, never edited, equal for equal manifests."""
    source = f"file `{concept.source.file}`" if concept.source else "texts written into the spec"
    return rendered(
        TEMPLATE,
        front_matter=front_matter(concept, manifest["audit"]),
        concept=concept,
        source=source,
        dataset_id=manifest["dataset_id"],
        variant_id=manifest["variant_id"],
        audit=manifest["audit"],
    )


def front_matter(concept: TextsConcept, audit: Mapping[str, Any]) -> str:
    """Return the YAML between the `---` lines: the config with its split, licence, tags, size."""
    from huggingface_hub import DatasetCardData

    files = [{"split": TRAIN, "path": f"{TEXTS}/{TRAIN}-*.parquet"}]
    about = DatasetCardData(
        pretty_name=concept.name,
        language=[concept.language],
        license=concept.licence,
        task_categories=["text-generation"],
        size_categories=[size_category(audit["n_positive"] + audit["n_negative"])],
        tags=["steering-vectors", "contrastive-texts", *concept.tags],
        configs=[{"config_name": TEXTS, "default": True, "data_files": files}],
    )
    return str(about.to_yaml())
