"""Run an experiment: plan, fit, choose, sweep, stage, ingest; interrupted, it goes on there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from runners.campaign import choice, experiment_faults, findings, prepare
from runners.campaign.budgets import Budgets
from runners.campaign.combinations import Combination, combinations
from runners.campaign.execution import execution_row
from runners.campaign.executor import Executor, Local
from runners.campaign.leftovers import remove_leftovers
from runners.campaign.outcome import Options, Outcome
from runners.campaign.step import Step, take_in
from runners.console import say
from runners.damage.asked import text_sets, text_units
from runners.damage.step import DamageStep, foreseen
from specs.faults import Refused

if TYPE_CHECKING:
    from builders.dataset import BuiltDataset
    from runners.campaign.campaign import Campaign
    from runners.campaign.choice import Choice
    from runners.cluster.connection import Cluster
    from specs.catalog import Catalog
    from specs.schema import Experiment
    from specs.settings import Settings


def refuse_faulty(experiments: Sequence[Experiment], catalog: Catalog, settings: Settings) -> None:
    """Refuse experiments whose parts do not agree, before any of them is begun."""
    faults = [
        fault
        for experiment in experiments
        for fault in experiment_faults.all_faults(experiment, catalog, settings)
    ]
    if faults:
        raise Refused(*dict.fromkeys(faults))


def run(experiment: Experiment, catalog: Catalog, settings: Settings, options: Options) -> Outcome:
    """Measure what `experiment` asks and the warehouse lacks.

    Raises:
        Refused: anything a user can mend, before work starts where it can be known by then.
    """
    refuse_faulty([experiment], catalog, settings)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with _cluster(options) as cluster:
        return _run(experiment, catalog, settings, options, cluster)


@contextmanager
def _cluster(options: Options) -> Iterator[Cluster | None]:
    """Connect to the cluster that the command asks for, before anything else is done."""
    if options.cluster is None:
        yield None
        return
    from runners.cluster.connection import connected

    with connected(options.cluster) as cluster:
        cluster.fitting()
        yield cluster


def _run(
    experiment: Experiment,
    catalog: Catalog,
    settings: Settings,
    options: Options,
    cluster: Cluster | None,
) -> Outcome:
    """Do one model after the other."""
    remove_leftovers(settings.home)
    take_in(settings)
    asked = combinations(experiment, catalog)
    datasets = prepare.build_datasets(asked, catalog, settings)
    outcome = Outcome()
    models = list(dict.fromkeys(c.model for c in asked))
    for turn, model in enumerate(models, 1):
        outcome.models_left = len(models) - turn
        of_model = [c for c in asked if c.model == model]
        _run_model(experiment, of_model, datasets, catalog, settings, options, cluster, outcome)
    return outcome


def _run_model(
    experiment: Experiment,
    asked: list[Combination],
    datasets: dict[str, BuiltDataset],
    catalog: Catalog,
    settings: Settings,
    options: Options,
    cluster: Cluster | None,
    outcome: Outcome,
) -> None:
    """Load one model, do its part, and let go of it before the next is loaded."""
    from runners.models.load import load

    loaded = load(catalog.get("models", asked[0].model), settings)
    say(f"model {asked[0].model}: {loaded.reasons['device']}; {loaded.reasons['dtype']}")
    budgets = Budgets.kept(settings.home, loaded, options.tokens_per_batch)
    campaign = prepare.campaign(
        experiment,
        asked,
        loaded,
        datasets,
        catalog,
        settings,
        budgets,
        options.dry_run,
        options.keep_activations,
    )
    executor: Executor = Local(loaded, budgets, options.engine)
    if cluster is not None:
        from runners.cluster.executor import OnCluster

        executor = OnCluster(cluster, loaded, settings, options.tokens_per_batch)
    with closing(executor), closing(campaign):
        _run_campaign(campaign, executor, budgets, options, outcome)


def _run_campaign(
    campaign: Campaign, executor: Executor, budgets: Budgets, options: Options, outcome: Outcome
) -> None:
    """Do all steps of one model."""
    unfit = prepare.unfit(campaign)
    sets = text_sets(campaign)  # before work starts, for what the model cannot read is refused
    loaded = campaign.loaded
    execution = execution_row(str(loaded.device), str(loaded.dtype).removeprefix("torch."))
    step = Step(campaign, executor, options, execution, unfit)
    units = swept = campaign.first_step()
    chosen: dict[str, Choice] = {}
    texts = [] if campaign.chooses else text_units(campaign, sets, units)
    name = "choosing layers on validation" if campaign.chooses else "sweep"
    step.do(name, units, outcome, not campaign.chooses, texts)
    if campaign.chooses and not options.dry_run:
        chosen = choice.best(campaign)
        units = campaign.second_step({run: best.layer for run, best in chosen.items()})
        swept, texts = [*swept, *units], text_units(campaign, sets, units)
        step.do("reported sweep with nulls", units, outcome, True, texts)
    elif campaign.chooses:
        say("the reported sweep is planned once the layers are chosen")
        for line in foreseen(campaign, sets, units):
            say(line)
    DamageStep(campaign, budgets, options, execution).do(texts, outcome)
    if options.dry_run:
        return
    if options.verify:
        step.verify(units)
    outcome.found += findings.choices(campaign, chosen) + findings.degenerate(campaign, swept)
    outcome.fitted += sum(fitter.n_fitted for fitter in campaign.fitters.values())
