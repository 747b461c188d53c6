"""The verbs of this room: run, status, check, show. Torch is imported inside functions only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runners.show_command import show

if TYPE_CHECKING:
    from runners.campaign.adhoc import Request
    from specs.settings import Settings

__all__ = ["check", "run", "show", "status"]


plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="A method of your own, called like the file; its code is run (docs/methods.md).",
)


@click.command()
@click.argument("experiment", required=False)
@click.option("--concept", "concepts", multiple=True, help="Concept, glob or tag:WORD.")
@click.option("--method", "methods", multiple=True, help="Method [default: mean_difference].")
@click.option("--model", "models", multiple=True, help="Model spec, Hub id or folder.")
@click.option(
    "--fit-concept",
    "fit_concepts",
    multiple=True,
    help="Of these concepts, whose vectors are evaluated on all others too.",
)
@click.option("--fit-variant", "fit_variants", multiple=True, help="Fitted on [default: base].")
@click.option(
    "--combination",
    "combinations",
    multiple=True,
    type=click.Choice(["single", "mean"]),
    help="A vector for each fit variant, or their mean [default: single].",
)
@click.option("--variant", "variants", multiple=True, help="Evaluated on [default: base].")
@click.option(
    "--layers",
    multiple=True,
    callback=lambda _context, _parameter, parts: ",".join(parts) or None,
    help="all, best, or numbers such as 3,5-8 [default: all].",
)
@click.option("--multipliers", help="Numbers such as -1.5,-1,0,1,1.5.")
@click.option(
    "--operator",
    "operators",
    multiple=True,
    type=click.Choice(["add", "ablate", "ablate_then_add", "clamp"]),
    help="How the vector is applied [default: add].",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["answer", "decision", "prompt", "all"]),
    help="Positions that are steered [default: answer].",
)
@click.option(
    "--norm",
    "norms",
    multiple=True,
    type=click.Choice(["base", "raw", "unit"]),
    help="Length of vectors [default: each method's own].",
)
@click.option(
    "--split", "splits", multiple=True, type=click.Choice(["train", "validation", "test"])
)
@click.option("--nulls", type=click.IntRange(min=0), help="Null vectors of each kind.")
@click.option("--resamples", type=click.IntRange(min=0), help="Bootstrap draws of each vector.")
@click.option("--text-set", "text_sets", multiple=True, help="Damage is measured on its texts too.")
@click.option("--save", metavar="NAME", help="Keep what was asked as an experiment of that name.")
@click.option("--limit", type=click.IntRange(min=1), help="Evaluated items a split.")
@click.option(
    "--unfit-items", type=click.Choice(["refuse", "drop"]), help="See the spec reference."
)
@plugin_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, measure nothing.")
@click.option(
    "--verify",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    show_default=True,
    help="Random answers to measure again by the reference path (damage is compared as it is "
    "measured, and not here).",
)
@click.option("--tokens-per-batch", type=click.IntRange(min=1), help="[default: from memory]")
@click.option("--engine", type=click.Choice(["fast", "reference", "ray"]), default="fast")
@click.option("--address", metavar="HOST:PORT", help="Head of a Ray cluster [default: found].")
@click.option("--workers", type=click.IntRange(min=1), help="On the cluster, at most.")
@click.option("--cpus-per-worker", type=click.IntRange(min=1), help="[default: see docs/cluster]")
@click.option("--gpus-per-worker", type=click.IntRange(min=0), help="[default: 1 if there are any]")
@click.option(
    "--keep-activations", is_flag=True, help="Leave training activations as safetensors in HOME."
)
@click.pass_obj
def run(
    settings: Settings,
    /,
    plugins: tuple[Path, ...],
    dry_run: bool,
    verify: int,
    tokens_per_batch: int | None,
    engine: str,
    address: str | None,
    workers: int | None,
    cpus_per_worker: int | None,
    gpus_per_worker: int | None,
    keep_activations: bool,
    **asked: Any,
) -> None:
    """Fit vectors and measure every logit difference that is asked and not yet there.

    Name an EXPERIMENT (or a glob or tag:WORD of several), or give --concept and --model (and
    --method …) on the spot. Stopped at any moment, the same command goes on where it was. --verify
    N measures N random answers again by the slow reference path. --engine ray shares the work over
    many GPUs and machines.

    \b
    steerhouse run quickstart
    steerhouse run --concept tea --model Qwen/Qwen2.5-0.5B-Instruct --layers 8-16 --limit 100
    """  # noqa: D301 (click's own mark, not an escape)
    from runners import summary
    from runners.campaign import adhoc, execute
    from runners.campaign.outcome import Options
    from runners.cluster.connection import Wanted
    from specs.catalog import open as open_catalog

    cluster = Wanted(address, workers, cpus_per_worker, gpus_per_worker)
    if engine != "ray" and cluster != Wanted():
        raise click.UsageError(
            "--address, --workers, --cpus-per-worker and --gpus-per-worker go with --engine ray"
        )
    request: Request = adhoc.Request(**asked)
    settings = replace(settings, plugins=plugins)
    catalog = open_catalog(settings)
    experiments = adhoc.experiments(request, catalog, settings)
    execute.refuse_faulty(experiments, catalog, settings)
    asked_cluster = cluster if engine == "ray" else None
    options = Options(dry_run, verify, tokens_per_batch, engine, asked_cluster, keep_activations)
    for experiment in experiments:
        outcome = execute.run(experiment, catalog, settings, options)
        if not dry_run:
            summary.tell(outcome, experiment, settings)


@click.command()
@click.argument("experiment", required=False)
@click.pass_obj
def status(settings: Settings, experiment: str | None) -> None:
    """Say what of each experiment is measured, refused and missing; needs no model.

    EXPERIMENT is a name or a glob; none: all that were run here.

    \b
    steerhouse status quickstart
    """  # noqa: D301
    from runners.status import tell

    tell(settings, experiment)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--online", is_flag=True, help="What cannot be reached from here is a fault too.")
@plugin_option
@click.pass_obj
def check(
    settings: Settings, names: tuple[str, ...], online: bool, plugins: tuple[Path, ...]
) -> None:
    """Find everything in the specs that would make build or run fail later; writes nothing.

    NAMES are specs of any kind to check in depth (experiments with all that they use), globs and
    tag:WORD too; none: all of them. Exit code 1 on faults; sources that are only not
    reachable from here are named, with exit code 0.

    \b
    steerhouse check
    """  # noqa: D301
    from runners.check import check_all, summary

    settings = replace(settings, plugins=plugins)
    faults, unreachable = check_all(settings, names, online)
    if unreachable and not names:
        click.echo(summary(unreachable), err=True)
    for each in unreachable if names else ():
        click.echo(f"Not reachable here: {each.line}", err=True)
    for line in faults:
        click.echo(f"Error: {line}", err=True)
    if faults:
        raise click.exceptions.Exit(1)
    click.echo("No faults found.", err=True)
