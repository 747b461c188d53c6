"""Materialise a concept and its variants as a dataset folder; nothing where nothing changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specs.faults import Refused
from specs.identity import NUMERICS, identity
from specs.schema import Concept, Variant
from specs.settings import Settings

from . import atomic, card, dataset, items as items_, questions as questions_, variants as variants_
from .audit import Audit, audit
from .dataset import BuiltDataset, open_built, read_manifest
from .layout import CARD, FORMAT, ITEMS, folder_of
from .refusals import place
from .sources import Located, locate, read
from .splits import assign


@dataclass(frozen=True)
class Content:
    """What a concept's dataset holds, before any variant is rendered."""

    concept: Concept
    located: Located
    items: list[dict[str, Any]]
    dataset_id: str
    audit: Audit
    notes: tuple[str, ...]


def build(concept: Concept, variants: Sequence[Variant], settings: Settings) -> BuiltDataset:
    """Write `<home>/datasets/<concept>/` with the variants given and those that still hold.

    Nothing is written where spec, source content, variants and our own numerics are those that
    the folder was built from. Raises NotReachable, CannotRender and Refused; an existing folder
    is then left as it was.
    """
    for variant in variants:
        variants_.refuse_unanswerable(concept, variant)
        _refuse_name(variant)
    folder = folder_of(settings, concept.name)
    located = locate(concept, settings)
    with atomic.locked(folder):
        before = read_manifest(folder) or {}
        if _unchanged(concept, variants, located, before):
            return open_built(folder)
        content = prepare(concept, located)
        asked = {variant.name: variant for variant in variants}
        earlier = {k: v for k, v in before.get("variants", {}).items() if k not in asked}
        kept, dropped = _still_hold(content, earlier)
        everyone = {**kept, **asked}
        with atomic.replaced(folder) as draft:
            dataset.write_items(draft, content.items)
            ids = {name: _rendered(content, everyone[name], draft) for name in sorted(everyone)}
            manifest = _manifest(content, everyone, ids)
            (draft / CARD).write_text(card.card(concept, manifest), encoding="utf-8")
            dataset.write_manifest(draft, manifest)
        return open_built(folder, changed=True, notes=(*content.notes, *dropped))


def prepare(concept: Concept, located: Located) -> Content:
    """Return items and audit of a located concept without writing anything; Refused as `build`."""
    source = read(concept, located)
    kept, left_out = questions_.questions(concept, source)
    assigned = assign(concept, source, kept)
    rows = items_.items(concept, assigned)
    counts = audit(concept, source, kept, left_out, assigned, rows)
    notes = tuple(
        f"{len(numbers)} of {counts.n_source_rows} source rows left out: {reason}"
        for reason, numbers in counts.left_out.items()
    )
    return Content(concept, located, rows, items_.dataset_id(rows), counts, notes)


def _inputs(concept: Concept, located: Located) -> str:
    """Return the id of everything that items, audit and card are made from."""
    about = concept.model_dump(mode="json")
    return identity("build", format=FORMAT, numerics=NUMERICS, concept=about, source=located.sha256)


def _unchanged(
    concept: Concept, variants: Sequence[Variant], located: Located, before: Mapping[str, Any]
) -> bool:
    if before.get("inputs") != _inputs(concept, located):
        return False
    built = before["variants"]
    return all(
        variant.name in built and built[variant.name]["spec"] == variant.model_dump(mode="json")
        for variant in variants
    )


def _rendering(content: Content) -> str:
    """Return the id of everything beside the variant's spec that enters its rows."""
    concept = content.concept
    return identity(
        "rendering",
        format=FORMAT,
        numerics=NUMERICS["variant"],
        dataset_id=content.dataset_id,
        concept=concept.name,
        answer_format=concept.answer_format,
        persona=concept.persona.model_dump() if concept.persona else None,
    )


def _still_hold(content: Content, built: Mapping[str, Any]) -> tuple[dict[str, Variant], list[str]]:
    """Return the variants built earlier that still hold, and a note for each that does not."""
    kept, dropped = {}, []
    for name, about in built.items():
        if about["rendering"] == _rendering(content):
            kept[name] = Variant.model_validate(about["spec"])
        else:
            dropped.append(f"variant {name!r} dropped: rendered from the concept as it was before")
    return kept, dropped


def _rendered(content: Content, variant: Variant, draft: Path) -> str:
    """Write a variant's config, the only one in memory, and return its id."""
    rows = variants_.render(content.concept, variant, content.items)
    dataset.write_variant(draft, variant.name, content.items, rows)
    return variants_.variant_id(content.items, rows)


def _manifest(
    content: Content, variants: Mapping[str, Variant], ids: Mapping[str, str]
) -> dict[str, Any]:
    concept, located = content.concept, content.located
    return {
        "format": FORMAT,
        "name": concept.name,
        "dataset_id": content.dataset_id,
        "inputs": _inputs(concept, located),
        "source": {"sha256": located.sha256, "commit": located.commit},
        "concept": concept.model_dump(mode="json"),
        "variants": {
            name: {
                "variant_id": variant_id,
                "rendering": _rendering(content),
                "spec": variants[name].model_dump(mode="json"),
            }
            for name, variant_id in ids.items()
        },
        "audit": content.audit.to_json(),
    }


def _refuse_name(variant: Variant) -> None:
    if variant.name == ITEMS:
        raise Refused(
            f"{place(variant)}: a variant cannot be called {ITEMS!r}, which is the config of the "
            "questions themselves; rename the file"
        )
