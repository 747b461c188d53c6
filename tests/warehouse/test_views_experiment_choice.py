"""The layer that an experiment chose: by what it asks, whatever others measure."""

from __future__ import annotations

from itertools import product
from typing import Any

from tests.warehouse.choice_worlds import choice, disputed


def _row(experiment: str, run: str, split: str, layer: int) -> dict[str, Any]:
    about = {"experiment": experiment, "run_id": run, "split": split, "layer": layer}
    return {**about, "multiplier": 1.0, "n_asked": 2}


def _asks(
    world: Any,
    experiment: str,
    run: str,
    layers: tuple[int, ...],
    splits: tuple[str, ...] = ("validation", "test"),
    multipliers: tuple[float, ...] = (-1.0, 1.0),
    n_asked: int = 2,
) -> None:
    for layer, split, multiplier in product(layers, splits, multipliers):
        about = {"experiment": experiment, "run_id": run, "split": split, "layer": layer}
        world.add("experiment_run", {**about, "multiplier": multiplier, "n_asked": n_asked})


def _choices(world: Any, experiment: str, role: str = "fitted") -> list[tuple[Any, ...]]:
    sql = "select run_id, chosen_layer, cross_fitted from asked_cards({}, null, null, null, '{}', 'best') order by 1"
    return world.rows(sql.format([experiment], role))  # type: ignore[no-any-return]


def test_an_experiment_keeps_the_layer_it_chose(world: Any) -> None:
    """best: one reported layer; all with nulls: where the nulls are; two points make no slope."""
    choice(world)
    world.vector("null", ("d", "base"), role="null", seed=1, method="random", parent_vector_id="v")
    world.run("r-null", "e", "null")
    for layer in range(4):
        for name in ("x", "plain"):
            world.add("experiment_run", _row(name, "r", "test", layer))
    world.add(
        "experiment_run",
        _row("x", "r-null", "test", 3),
        _row("best", "r", "test", 0),
        *(_row("best", "r", "validation", layer) for layer in range(4)),
    )
    world.ingest()
    assert world.rows("select experiment, run_id, layer from experiment_choice order by all") == [
        ("best", "r", 0),
        ("x", "r", 3),
        ("x", "r-null", 3),
    ]
    asked = "select chosen_layer from asked_cards({}, null, null, null, 'fitted', 'best')"
    for names, layer in {"['x']": 3, "['b*']": 0, "['plain']": 2, "null": 2, "['*']": 2}.items():
        assert world.rows(asked.format(names)) == [(layer,)], names


def test_a_list_of_layers_is_chosen_among_whatever_the_best_of_all_is(world: Any) -> None:
    """2 is the best of all; 1 is degenerate; other prompts and operators go along with base's."""
    choice(world)
    world.evaluation("e2", "d", {"test0": 0.0}, variant="assertive")
    world.run("r2", "e2", "v")
    world.lines("r2", 1, {"test0": 5.0})
    world.run("r-ablate", "e", "v", operator="ablate", identity_at_zero=False, graded=False)
    for run in ("r", "r2"):
        _asks(world, "few", run, (0, 1))
        _asks(world, "test-only", run, (0, 3), splits=("test",))
    _asks(world, "few", "r-ablate", (0, 1), multipliers=(1.0,))
    _asks(world, "ablate", "r-ablate", (0, 3), multipliers=(1.0,))
    _asks(world, "ablate-2", "r-ablate", (0, 2), multipliers=(1.0,))
    world.ingest()
    assert _choices(world, "few") == [("r", 0, False), ("r-ablate", 0, False), ("r2", 0, False)]
    # validation slopes that others left choose before the items that are reported
    assert _choices(world, "test-only") == [("r", 3, False), ("r2", 3, False)]
    # the layer of `add`, which others chose, counts where it is asked for, and else there is none
    assert _choices(world, "ablate") == [("r-ablate", None, None)]
    assert _choices(world, "ablate-2") == [("r-ablate", 2, False)]


def test_an_experiments_own_items_and_multipliers_choose_among_its_layers(world: Any) -> None:
    disputed(world)
    _asks(world, "limited", "r", (2, 3), splits=("validation",))
    _asks(world, "whole", "r", (2, 3), splits=("validation",), n_asked=3)
    _asks(world, "wide", "r", (2, 3), splits=("validation",), multipliers=(-1.5, -1, 1, 1.5))
    world.ingest()
    found = world.rows("select experiment, layer from experiment_choice order by all")
    assert found == [("limited", 2), ("whole", 3), ("wide", 3)]


def test_test_items_choose_among_listed_layers_where_validation_is_nowhere(world: Any) -> None:
    world.model()
    world.items("d", {"item_id": "i"})
    world.evaluation("e", "d", {"i": 0.0})
    world.vector("v", ("d", "base"))
    world.run("r", "e", "v")
    for layer, slope in {1: 1.0, 2: 2.0, 3: 3.0}.items():
        world.lines("r", layer, {"i": slope})
    _asks(world, "several", "r", (1, 2), n_asked=1)
    _asks(world, "one", "r", (1,), n_asked=1)
    world.ingest()
    assert _choices(world, "several") == [("r", 2, True)]
    assert _choices(world, "one") == [("r", 1, False)]
