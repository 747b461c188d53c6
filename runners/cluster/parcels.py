"""What goes to workers, by value: blocks, runs with their vectors, the spec of the very model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.cluster.holder import Task

if TYPE_CHECKING:
    from runners.campaign.asked import Run
    from runners.campaign.work import Block
    from runners.models.load import LoadedModel
    from specs.schema import Model
    from specs.settings import Settings


def task(block: Block, tokens: int) -> Task:
    """Return a block as a worker gets it, to be measured in batches of so many tokens."""
    cells = [(cell.run.run_id, cell.layer, cell.multiplier) for cell in block.cells]
    return Task(block.unit.evaluation_id, block.unit.label, block.items, cells, tokens)


def stored(block: Block, blocks: Sequence[Block]) -> Any:
    """Put the runs of a place into Ray's store, with the directions that its blocks ask for."""
    import ray

    layers: dict[str, set[int]] = {}
    runs: dict[str, Run] = {}
    for cell in (cell for other in blocks if other.place == block.place for cell in other.cells):
        runs[cell.run.run_id] = cell.run
        layers.setdefault(cell.run.run_id, set()).add(cell.layer)
    return ray.put({run_id: _light(run, layers[run_id]) for run_id, run in runs.items()})


def _light(run: Run, layers: set[int]) -> Run:
    """Return a run whose vector has these layers only, each with memory of its own."""
    directions = {layer: run.vector.directions[layer].clone() for layer in sorted(layers)}
    return replace(run, vector=replace(run.vector, directions=directions, geometry={}))


def as_loaded(loaded: LoadedModel) -> Model:
    """Return the spec by which a worker gets the very model that the driver has.

    Its dtype, which `auto` could choose otherwise on another device, the commit of a Hub model and
    the whole path of a folder are filled in.
    """
    spec = loaded.spec
    changed: dict[str, Any] = {"dtype": str(loaded.dtype).removeprefix("torch.")}
    if spec.hub is not None and len(loaded.revision) == 40:
        changed["revision"] = loaded.revision
    if spec.folder is not None:
        changed["folder"] = str((spec.directory / Path(spec.folder).expanduser()).absolute())
    return spec.model_copy(update=changed)


def absolute(settings: Settings) -> Settings:
    """Return settings whose folders mean the same in another working folder."""
    sources = tuple(source.absolute() for source in settings.sources)
    return replace(settings, home=settings.home.absolute(), sources=sources)
