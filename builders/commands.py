"""`steerhouse build`: datasets from concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.schema import Concept, TextsConcept, Variant
    from specs.settings import Settings

    from .dataset import BuiltDataset
    from .texts_dataset import BuiltTexts


@click.command()
@click.argument("names", metavar="[CONCEPT]...", nargs=-1)
@click.option("--experiment", metavar="NAME", help="Also what this experiment needs.")
@click.option(
    "--variant",
    "variants",
    metavar="NAME",
    multiple=True,
    help="Render these only (names, globs, tag:WORD).",
)
@click.pass_obj
def build(
    settings: Settings, names: tuple[str, ...], experiment: str | None, variants: tuple[str, ...]
) -> None:
    """Build the datasets of concepts (names, globs, tag:WORD; none: of all that can be read).

    Each concept is rendered under every variant that it has answers for, or those of --variant
    and --experiment. What has not changed is not written again.
    """
    from specs import catalog as catalogs
    from specs.faults import Refused

    catalog = catalogs.open(settings)
    named = catalog.resolve("variants", variants) if variants else None
    everything = not names and experiment is None
    concepts, needed = _asked(catalog, names, experiment)
    faults: list[str] = []
    for name in concepts:
        faults.extend(_build_one(catalog, name, named, needed, settings, lenient=everything))
    if faults:
        raise Refused(*faults)


def _asked(
    catalog: Catalog, names: tuple[str, ...], experiment: str | None
) -> tuple[list[str], list[str]]:
    """Return the concepts to build, and the variants to render where a concept has answers."""
    if experiment is None:
        concepts = catalog.resolve("concepts", names) if names else catalog.names("concepts")
        return concepts, catalog.names("variants")
    spec = catalog.get("experiments", experiment)
    further = [(key, name) for combination in spec.include for key, name in combination.items()]
    concepts = [*names, *spec.concepts, *(name for key, name in further if key == "concept")]
    variants = [name for key, name in further if key in ("fit_variant", "variant")]
    return (
        catalog.resolve("concepts", concepts),
        catalog.resolve("variants", [*spec.fit_variants, *spec.variants, *variants]),
    )


def _build_one(
    catalog: Catalog,
    name: str,
    named: list[str] | None,
    needed: list[str],
    settings: Settings,
    *,
    lenient: bool,
) -> list[str]:
    """Build one concept, say what was done, and return its faults for the end."""
    from specs.faults import Refused
    from specs.schema import TextsConcept

    from . import build as builder
    from .refusals import NotReachable

    try:
        concept = catalog.get("concepts", name)
        if isinstance(concept, TextsConcept):
            _build_texts(concept, named, settings)
            return []
        chosen, notes = _variants(catalog, concept, named, needed)
        built = builder.build(concept, chosen, settings)
    except NotReachable as refused:
        if not lenient:
            return list(refused.faults)
        for line in refused.faults:
            click.echo(f"{name}: not built: {line}", err=True)
        return []
    except Refused as refused:
        return list(refused.faults)
    _report(built, notes)
    return []


def _build_texts(concept: TextsConcept, named: list[str] | None, settings: Settings) -> None:
    """Build one concept of kind texts, round which no variant is put, and say what was done."""
    from .texts_dataset import build_texts

    built = build_texts(concept, settings)
    notes = [f"variant left out: {name}: texts stand as they are" for name in named or []]
    _report_texts(built, notes)


def _variants(
    catalog: Catalog, concept: Concept, named: list[str] | None, needed: list[str]
) -> tuple[list[Variant], list[str]]:
    """Return the variants to render: those named, else those needed that the concept can answer.

    What it has no answer to is noted; a variant that was named is then refused by `build`.
    """
    from .faults import readable
    from .variants import renderable

    if named is not None:
        return [catalog.get("variants", name) for name in named], []
    fit, unfit = renderable(concept, readable(catalog, needed))
    return fit, [f"variant left out: {line}" for refused in unfit for line in refused.faults]


def _report(built: BuiltDataset, notes: list[str]) -> None:
    splits = ", ".join(
        f"{split} {counts['n_items']}" for split, counts in built.audit.splits.items()
    )
    done = "built" if built.changed else "unchanged:"
    click.echo(
        f"{built.name}: {done} {built.audit.n_items} items ({splits}) from "
        f"{built.audit.n_questions} questions under {len(built.variants)} variants, "
        f"dataset {built.dataset_id}",
        err=True,
    )
    for note in (*built.notes, *notes):
        click.echo(f"  {note}", err=True)
    click.echo(str(built.folder))


def _report_texts(built: BuiltTexts, notes: list[str]) -> None:
    done = "built" if built.changed else "unchanged:"
    click.echo(
        f"{built.name}: {done} {built.audit.n_positive} positive and {built.audit.n_negative} "
        f"negative texts, dataset {built.dataset_id}",
        err=True,
    )
    for note in (*built.notes, *notes):
        click.echo(f"  {note}", err=True)
    click.echo(str(built.folder))
