"""Rows among which a layer is chosen, for the tests of best_layer and of an experiment's choice."""

from __future__ import annotations

from tests.warehouse.conftest import World, line


def choice(world: World) -> None:
    """Layers 0 to 3 on validation and test; 2 is the best of those not degenerate."""
    world.model()
    items = [
        {"item_id": f"{split}{number}", "split": split, "first": number == 0}
        for split in ("validation", "test")
        for number in range(2)
    ]
    world.items("d", *items)
    world.evaluation("e", "d", {item["item_id"]: 0.0 for item in items})
    world.vector("v", ("d", "base"), layers={0: False, 1: True, 2: False, 3: False})
    world.run("r", "e", "v")
    for layer, steerability in {0: 1.0, 1: 9.0, 2: 2.0, 3: 2.0}.items():
        world.lines("r", layer, {"validation0": steerability + 0.5})
        world.lines("r", layer, {"validation1": steerability - 0.5})
        world.lines("r", layer, {"test0": steerability + 10, "test1": steerability + 8})


def disputed(world: World) -> None:
    """Layer 2 within ±1; another experiment's ±1.5, and items beyond the limit, speak for 3."""
    world.model()
    items = [{"item_id": f"i{n}", "split": "validation"} for n in range(3)]
    world.items("d", *items)
    world.evaluation("e", "d", {item["item_id"]: 0.0 for item in items})
    world.vector("v", ("d", "base"), layers={2: False, 3: False})
    world.run("r", "e", "v")
    for layer, slope in {2: 2.0, 3: 1.0}.items():
        world.measure("r", layer, {i: line(slope) for i in ("i0", "i1")}, grid=(-1, 1))
    world.measure("r", 3, {"i2": line(50.0)}, grid=(-1, 1))
    world.measure("r", 3, {i: line(50.0) for i in ("i0", "i1")}, grid=(-1.5, 1.5))


def ask(world: World, run: str, split: str, layer: int, multiplier: float, n: int) -> None:
    row = {"experiment": "x", "run_id": run, "split": split, "layer": layer}
    world.add("experiment_run", {**row, "multiplier": multiplier, "n_asked": n})
