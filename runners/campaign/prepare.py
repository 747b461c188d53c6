"""Before anything is measured: datasets built, models loaded, unfit items counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from builders.dataset import BuiltDataset
from builders.layout import TEXTS
from builders.texts_dataset import BuiltTexts
from runners.approximator.shelf import Approximators
from runners.campaign import experiment_faults
from runners.campaign.bench import Bench
from runners.campaign.campaign import Campaign
from runners.campaign.combinations import Combination
from runners.campaign.execution import versions
from runners.campaign.texts_bench import NEGATIVE, POSITIVE, TextsBench
from runners.console import say
from runners.fitting.fitter import Fitter
from runners.fitting.norms import BASE
from runners.fitting.shelf import Shelf
from runners.methods.plugins import Plugins
from runners.prompts.encoding import tokenizer_sha256
from runners.rollouts.saes import read_by
from runners.saes.shelf import Saes, named_by
from specs.faults import Refused
from specs.schema import FittedMethod, TextsConcept

if TYPE_CHECKING:
    from runners.campaign.budgets import Budgets
    from runners.models.load import LoadedModel
    from specs.catalog import Catalog
    from specs.schema import Concept, Experiment, Read
    from specs.settings import Settings


def build_datasets(
    asked: Sequence[Combination], catalog: Catalog, settings: Settings
) -> dict[str, BuiltDataset | BuiltTexts]:
    """Build what is missing: concept -> dataset with every variant that is asked of it.

    Variant base is built too where the concept can render it, for the norm of that name.
    """
    from builders.build import build
    from builders.texts_dataset import build_texts
    from builders.variants import renderable

    found: dict[str, BuiltDataset | BuiltTexts] = {}
    for concept in dict.fromkeys(c.concept for c in asked):
        spec = catalog.get("concepts", concept)
        if isinstance(spec, TextsConcept):
            found[concept] = build_texts(spec, settings)
            if found[concept].changed:
                say(f"built {found[concept].folder}")
            continue
        names = [v for c in asked if c.fit_concept == concept for v in c.fit_variants]
        names += [c.variant for c in asked if c.concept == concept]
        variants = [catalog.get("variants", name) for name in dict.fromkeys(names)]
        if BASE not in names and BASE in catalog.names("variants"):
            variants += renderable(spec, [catalog.get("variants", BASE)])[0]
        found[concept] = build(spec, variants, settings)
        if found[concept].changed:
            say(f"built {found[concept].folder}")
    return found


def campaign(
    experiment: Experiment,
    asked: Sequence[Combination],
    loaded: LoadedModel,
    datasets: Mapping[str, BuiltDataset | BuiltTexts],
    catalog: Catalog,
    settings: Settings,
    tokens_per_batch: int | Budgets,
    plan_only: bool = False,
    keep_activations: bool = False,
) -> Campaign:
    """Gather an experiment's part for one model.

    Raises:
        Refused: a layer that the model does not have, a vector file that does not fit it.
    """
    # Steps ask here for rows: imported above, the two would wait for one another.
    from runners.approximator.measuring import ByRollouts

    names = dict.fromkeys(c.concept for c in asked)
    variants = {name: catalog.get("variants", name) for name in catalog.names("variants")}
    of_questions: dict[str, Bench] = {}
    benches: dict[str, Bench | TextsBench] = {}
    for name in names:
        concept, dataset = catalog.get("concepts", name), datasets[name]
        if isinstance(concept, TextsConcept):
            assert isinstance(dataset, BuiltTexts)
            benches[name] = TextsBench(loaded, concept, dataset)
        else:
            assert isinstance(dataset, BuiltDataset)
            benches[name] = of_questions[name] = Bench(loaded, concept, dataset, variants)
    provenance = _provenance(loaded)
    shelf, plugins = Shelf(), Plugins(settings.plugins)

    saes = Saes(catalog, settings, loaded, plan_only)
    approximators = Approximators(saes, ByRollouts(saes))
    fitters = {
        name: Fitter(
            bench,
            settings.home,
            provenance,
            tokens_per_batch,
            plan_only,
            _reads(name, asked, catalog),
            keep_activations,
            shelf,
            plugins,
            saes,
            approximators,
        )
        for name, bench in benches.items()
    }
    found = Campaign(
        experiment, list(asked), loaded, of_questions, fitters, catalog, settings, saes
    )
    _ = found.layers
    methods = list(dict.fromkeys(c.method for c in asked))
    sizes = loaded.n_layers, loaded.d_model
    if wrong := experiment_faults.file_faults(experiment, methods, catalog, *sizes):
        raise Refused(*wrong)
    of_methods = named_by((catalog.get("methods", method) for method in methods), catalog)
    for name in dict.fromkeys([*of_methods, *read_by(experiment, catalog)]):
        saes.get(name)  # refuses, before anything is measured, what does not fit the model
    return found


def _reads(concept: str, asked: Sequence[Combination], catalog: Catalog) -> frozenset[Read]:
    """Return the read positions of all methods that are fitted for a concept."""
    methods = (catalog.get("methods", c.method) for c in asked if c.fit_concept == concept)
    return frozenset(method.read for method in methods if isinstance(method, FittedMethod))


def _provenance(loaded: LoadedModel) -> dict[str, str]:
    """Return what a vector file says of its origin beside the vector's own description."""
    about = (
        "source",
        "revision",
        "architecture",
        "dtype",
        "template",
        "chat_template_sha256",
        "system_role",
    )
    return {
        **{f"model.{key}": str(loaded.row[key]) for key in about},
        "model.tokenizer_sha256": tokenizer_sha256(loaded.tokenizer),
        **{f"version.{name}": version for name, version in versions().items()},
    }


def unfit(campaign: Campaign) -> dict[tuple[str, str], dict[str, str]]:
    """Return (concept, variant) -> item_id -> reason, over the splits that will be used.

    Raises:
        Refused: there are any and the experiment does not say that they are dropped; a line each
            concept and variant, with counts and the remedy.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    _unfit_texts(campaign)
    for concept, variant, splits in _used(campaign):
        bench = campaign.benches[concept]
        limits = {
            split: None if split == "train" else campaign.experiment.limit for split in splits
        }
        items = {item for split in splits for item in bench.item_ids(split, limits[split])}
        reasons = {k: v for k, v in bench.tokenised(variant).unfit.items() if k in items}
        if reasons:
            found.setdefault((concept, variant), {}).update(reasons)
    if found and campaign.experiment.unfit_items == "refuse":
        raise Refused(*(_refusal(campaign, *key, reasons) for key, reasons in found.items()))
    return found


def _unfit_texts(campaign: Campaign) -> None:
    """Say which texts a fit goes without, where the experiment has them dropped.

    Raises:
        Refused: it does not; or one side has no other text.
    """
    for name in sorted(campaign.texts):
        found = campaign.fitters[name].bench.tokenised(TEXTS)
        if not found.unfit:
            continue
        text, reason = next(iter(found.unfit.items()))
        what = (
            f"concept {name} on model {campaign.loaded.spec.name}: {len(found.unfit)} text(s) "
            f"cannot be used (e.g. text {text[1:]}: {reason})"
        )
        if campaign.experiment.unfit_items == "refuse":
            raise Refused(
                f"{what}; `unfit_items: drop` in the experiment (or --unfit-items drop) fits "
                "without them"
            )
        if {text[0] for text in found.fit} != {POSITIVE, NEGATIVE}:
            raise Refused(f"{what}; one side has no other: write some")
        say(f"{what}; dropped")


def _used(campaign: Campaign) -> Iterable[tuple[str, str, list[str]]]:
    """Yield (concept, variant, splits) of every prompt that will go through the model."""
    reported: list[str] = list(campaign.experiment.splits)
    if campaign.chooses:
        reported.append("validation")
    for c in [*campaign.asking, *campaign.choosers()]:
        yield c.concept, c.variant, reported
        method = campaign.catalog.get("methods", c.method)
        fitter = campaign.fitters[c.fit_concept]
        if c.fit_concept in campaign.texts:
            continue
        norm = fitter.norm_of(method, c.norm)
        if isinstance(method, FittedMethod):
            for fit_variant in c.fit_variants:
                yield c.fit_concept, fit_variant, ["train"]
        if norm == BASE:
            yield c.fit_concept, BASE, ["train"]


def _refusal(campaign: Campaign, concept: str, variant: str, reasons: dict[str, str]) -> str:
    """Say how many items of a concept cannot be used, why, and what to do."""
    kinds = Counter(reason.split(":")[0] for reason in reasons.values())
    counted = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    item, example = next(iter(reasons.items()))
    return (
        f"concept {concept} under variant {variant} on model {campaign.loaded.spec.name}: "
        f"{len(reasons)} item(s) cannot be used ({counted}; e.g. item {item}: {example}); "
        "`unfit_items: drop` in the experiment (or --unfit-items drop) measures the others and "
        "records these"
    )


def refused_rows(
    campaign: Campaign, found: dict[tuple[str, str], dict[str, str]]
) -> list[dict[str, Any]]:
    """Return the rows of `refused` for dropped items."""
    return [
        {
            "evaluation_id": campaign.benches[concept].tokenised(variant).evaluation_id,
            "item_id": item,
            "reason": reason,
            "dropped": True,
        }
        for (concept, variant), reasons in found.items()
        for item, reason in reasons.items()
    ]


def planted_rows(loaded: LoadedModel, bench: Bench) -> list[dict[str, Any]]:
    """Return the truths that the reference model's concept declares, for variants built here."""
    concept: Concept = bench.concept
    if loaded.spec.builtin != "reference":
        return []
    built = bench.dataset.variants
    return [
        {
            "model_id": loaded.model_id,
            "dataset_id": bench.dataset.dataset_id,
            "quantity": truth.quantity,
            "variant_id": built[truth.variant].variant_id,
            "layer": truth.layer,
            "value": truth.value,
        }
        for truth in concept.planted
        if truth.variant in built
    ]
