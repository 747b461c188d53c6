"""Every operator equals its definition and the reference path, in every scope and by every way."""

from __future__ import annotations

from math import inf
from typing import get_args

import pytest
import torch

from runners.engine import chains
from runners.engine.chains import sweep
from runners.engine.edits import Edit, Edits, edited, operators, rows_of
from runners.engine.guard import GuardedSweep
from runners.engine.reference import measure
from runners.engine.reference_sweep import reference_sweep
from runners.engine.replay import replay_sweep
from runners.engine.selfcheck import self_check, tolerance
from runners.fitting.fitter import Fitter
from runners.models.architecture import parts
from runners.reference_model.traits import TRAITS
from runners.reference_model.truth import layer_slope
from specs.faults import Refused
from specs.operators import asked_multipliers, choosing, graded, measured
from specs.parts import Operator
from tests.runners.differences import LONG, largest_differences
from tests.runners.families import (
    CONFIGS,
    MIXED,
    MULTIPLIERS,
    OPERATIONS,
    REPLAYED_CONFIGS,
    WIDTH,
    random_births,
    random_edits,
    random_model,
    stand_in,
    tiny,
)
from tests.runners.stories import stories

torch.set_num_threads(1)
WAYS = {"answer": sweep, "decision": sweep, "prompt": replay_sweep, "all": replay_sweep}
TWO = MIXED[3:]
"""Without shared tokens, and a short prompt with two of them."""
FEW = ("llama", "gemma3_text")
NAMES: tuple[str, ...] = get_args(Operator)
DRAW = torch.Generator().manual_seed(7)
V = torch.randn(WIDTH, generator=DRAW)
H = 3 * torch.randn(3, 1, 2, WIDTH, generator=DRAW)
"""Hidden states [B, 1, T, d_model] of chains."""


# Definitions --------------------------------------------------------------------------------------


def components(hidden: torch.Tensor) -> torch.Tensor:
    return hidden @ (V / V.norm())


def by(operator: str, *multipliers: float, hidden: torch.Tensor = H) -> torch.Tensor:
    """Return [B, n, T, d_model]; other rows stand before and behind, or `add` would be a tensor."""
    others = [Edit("ablate", 1, V.flip(0))]
    asked = [Edit(operator, m, V) for m in multipliers]
    return edited(rows_of([*others, *asked, *others]), hidden)[:, 1:-1]


def test_what_every_operator_makes_of_the_component_along_the_vector():
    before = components(H)[:, 0]
    size = V.norm()
    assert before.min() < -0.2 * size  # the clamps have something to do, and to leave alone
    assert before.max() > 0.2 * size
    wanted = {
        ("add", 0.7): before + 0.7 * size,
        ("ablate", 1): 0 * before,
        ("ablate_then_add", -1.5): 0 * before - 1.5 * size,
        ("ablate_then_add", 0): 0 * before,
        ("clamp", 0.2): before.clamp(min=0.2 * size),
        ("clamp", -0.2): before.clamp(max=-0.2 * size),
        ("clamp", 0): before.clamp(min=0),
    }
    for (operator, multiplier), expected in wanted.items():
        found = by(operator, multiplier)
        torch.testing.assert_close(components(found)[:, 0], expected, rtol=0, atol=2e-5)
        rest = found - H - components(found - H)[..., None] * (V / V.norm())
        assert rest.abs().max() < 2e-6
    assert {operator for operator, _ in wanted} == set(NAMES)


def test_where_a_clamp_has_nothing_to_do_not_a_bit_changes():
    found, high = by("clamp", 0.1), components(H) >= 0.1 * V.norm()
    assert 0 < high.sum() < high.numel()
    assert torch.equal(found[high], H[high])


def test_multipliers_of_ablate_grade_nothing():
    assert torch.equal(by("ablate", 1.0), by("ablate", -0.5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_adding_is_the_same_to_the_bit_in_any_company(dtype):
    hidden = H.to(dtype)
    alone = hidden + torch.stack([m * V for m in MULTIPLIERS]).to(dtype)[None, :, None]
    assert torch.equal(edited(rows_of([Edit("add", m, V) for m in MULTIPLIERS]), hidden), alone)
    assert torch.equal(by("add", *MULTIPLIERS, hidden=hidden), alone)


@pytest.mark.parametrize("operator", NAMES)
def test_half_precision_is_rounded_once(operator):
    found = by(operator, -0.7, hidden=H.bfloat16())
    exact = by(operator, -0.7, hidden=H.bfloat16().float())
    # `add` rounds the vector too, as ever: half a step of it more.
    steps = 2 if operator == "add" else 1
    assert found.dtype == torch.bfloat16
    assert ((found.float() - exact).abs() <= steps * 2**-8 * exact.abs().clamp(min=2)).all()


@pytest.mark.parametrize("size", [0.0, 1e-30])
@pytest.mark.parametrize("operator", NAMES)
def test_a_vector_without_length_changes_nothing(operator, size):
    edit = Edit(operator, 1.5, torch.full((WIDTH,), size))
    rows = rows_of([edit])
    assert edited(rows, H).isfinite().all()
    if not size:
        assert torch.equal(edited(rows, H), H)
    loaded = tiny("llama")
    plain = measure(loaded, TWO[0], "answer").logit_diff
    for found in (
        measure(loaded, TWO[0], "answer", 1, edit).logit_diff,
        float(sweep(loaded, TWO[:1], {1: rows}, "answer").steered[1].logit_diff),
    ):
        assert found == pytest.approx(plain, abs=1e-5 if not size or operator == "add" else inf)


def test_rows_of_a_layer_can_be_cut_and_picked():
    rows = Edits.of([Edit(operator, m, V) for operator, m in OPERATIONS])
    whole = edited(rows, H)
    assert len(rows) == len(OPERATIONS)
    assert rows[-1].multiplier == OPERATIONS[-1][1]
    assert [edit.operator for edit in rows] == operators(rows)
    torch.testing.assert_close(edited(rows[2:5], H), whole[:, 2:5], rtol=0, atol=1e-5)
    assert operators(rows[torch.tensor([5, 0])]) == ["clamp", "add"]
    picked = edited(rows[torch.tensor([5, 0])], H)
    torch.testing.assert_close(picked, whole[:, [5, 0]], rtol=0, atol=1e-5)


def test_facts_of_operators():
    grid = (-1.0, 0.0, 1.0, 1.0)
    assert [operator for operator in NAMES if not graded(operator)] == ["ablate"]
    assert asked_multipliers("ablate", grid) == (1.0,)
    assert asked_multipliers("clamp", grid) == (-1.0, 0.0, 1.0)
    assert [operator for operator in NAMES if not measured(operator, 0)] == ["add"]
    assert choosing("ablate", ["ablate", "clamp", "add"]) == "add"
    assert choosing("ablate", ["ablate", "clamp"]) == "clamp"
    assert choosing("ablate", ["ablate"]) == "ablate"
    assert choosing("clamp", ["clamp", "add"]) == "clamp"


# The reference path -------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["prompt", "decision"])
@pytest.mark.parametrize(("operator", "multiplier"), OPERATIONS)
def test_the_reference_path_does_as_it_is_told_where_it_is_told(operator, multiplier, scope):
    loaded, item, seen = tiny("llama"), MIXED[4], {}
    block = parts(loaded.model).blocks[2]
    handle = block.register_forward_pre_hook(lambda _module, args: seen.update(x=args[0][0]))
    measure(loaded, item, scope)
    before = seen["x"]
    measure(loaded, item, scope, 1, Edit(operator, multiplier, V))
    handle.remove()
    there = range(len(item.prompt)) if scope == "prompt" else range(item.decision, len(before))
    expected = before.clone()
    expected[[*there]] = edited(rows_of([Edit(operator, multiplier, V)]), before[None, [*there]])[0]
    torch.testing.assert_close(seen["x"], expected, rtol=0, atol=2e-5)
    elsewhere = [i for i in range(len(before)) if i not in there]
    assert torch.equal(seen["x"][elsewhere], before[elsewhere])


def held_equal(loaded, scope, way, items, births, dtype=torch.float32):
    for found in largest_differences(loaded, items, scope, births, way):
        allowed = tolerance(dtype, found.scale)
        assert found.moved > 0.05
        assert found.logit_diff <= allowed
        assert found.answer_logmass <= allowed


@pytest.mark.parametrize("scope", WAYS)
@pytest.mark.parametrize("name", FEW)
def test_equals_the_reference_path(name, scope):
    held_equal(tiny(name), scope, WAYS[scope], TWO, random_edits(tiny(name), [0, 2]))


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in FEW])
def test_chains_of_every_family_equal_the_reference_path(name):
    births = random_edits(tiny(name), [1], operations=OPERATIONS[1::2])
    held_equal(tiny(name), "answer", sweep, TWO, births)


@pytest.mark.parametrize("name", REPLAYED_CONFIGS)
def test_replays_of_every_family_equal_the_reference_path(name):
    births = random_edits(tiny(name), [1], operations=OPERATIONS[1::2])
    held_equal(tiny(name), "all", replay_sweep, TWO, births)


@pytest.mark.slow
@pytest.mark.parametrize("scope", WAYS)
@pytest.mark.parametrize("name", [*CONFIGS, *REPLAYED_CONFIGS])
def test_every_family_in_every_scope(name, scope):
    way = replay_sweep if name in REPLAYED_CONFIGS else WAYS[scope]
    held_equal(tiny(name), scope, way, TWO, random_edits(tiny(name), [0, 2]))


@pytest.mark.parametrize("scope", ["answer", "all"])
def test_nothing_but_rounding_separates_the_paths(scope):
    loaded = stand_in(random_model("llama"), torch.float64)
    for found in largest_differences(loaded, TWO, scope, random_edits(loaded, [1]), WAYS[scope]):
        assert found.logit_diff <= 1e-6 * found.scale


@pytest.mark.parametrize("scope", ["answer", "all"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_within_its_own_noise(scope, dtype):
    loaded = stand_in(random_model("llama"), dtype)
    held_equal(loaded, scope, WAYS[scope], TWO, random_edits(loaded, [1], 10.0), dtype)


@pytest.mark.parametrize("scope", ["answer", "all"])
def test_on_a_trained_model_and_real_words(scope):
    loaded, items = stories()
    held_equal(loaded, scope, WAYS[scope], items, random_edits(loaded, [2], 2.0))


@pytest.mark.parametrize("scope", ["answer", "all"])
def test_completions_of_several_tokens(scope):
    loaded = tiny("llama")
    held_equal(loaded, scope, WAYS[scope], LONG[3:], random_edits(loaded, [1]))


def test_more_rows_than_live_at_once(monkeypatch):
    loaded, births = tiny("llama"), random_edits(tiny("llama"), [0, 2])
    whole = sweep(loaded, TWO, births, "answer")
    monkeypatch.setattr(chains, "MOST", 3)
    cut = sweep(loaded, TWO, births, "answer")
    for layer, found in whole.steered.items():
        torch.testing.assert_close(
            found.logit_diff, cut.steered[layer].logit_diff, rtol=0, atol=2e-5
        )


# Guards -------------------------------------------------------------------------------------------


def test_every_operator_is_among_what_a_sweep_checks_itself_by():
    loaded, births = tiny("llama"), random_edits(tiny("llama"))
    births[3] = random_births(loaded)[3].repeat(9, 1)
    result = sweep(loaded, TWO, births, "answer")
    found = self_check(loaded, TWO, births, "answer", result)
    seen = {operators(births[c.layer])[c.row] for c in found if c.layer is not None}
    assert seen == set(NAMES)
    assert all(check.difference <= tolerance(torch.float32, check.scale) for check in found)


def test_one_operator_being_wrong_lets_replays_serve(monkeypatch):
    loaded, births, said = tiny("llama"), random_edits(tiny("llama"), [1]), []
    own = Edits.on

    def wrong(rows, hidden):  # chains have an axis more than prompts
        found = own(rows, hidden)
        if hidden.dim() == 4:
            found[:, torch.tensor([name == "ablate" for name in operators(rows)])] += 1
        return found

    monkeypatch.setattr(Edits, "on", wrong)
    result = GuardedSweep("unit", said.append)(loaded, TWO, births, "answer")
    assert "the fast sweep differs from the reference path" in said[0]
    truth = reference_sweep(loaded, TWO, births, "answer")
    torch.testing.assert_close(
        result.steered[1].logit_diff, truth.steered[1].logit_diff, rtol=0, atol=1e-4
    )


def test_overflow_names_the_operator():
    loaded = stand_in(random_model("llama"), torch.float16)
    births = {1: rows_of([Edit("ablate", 1, V), Edit("clamp", 1e6, V)])}
    with pytest.raises(Refused, match=r"operator clamp with row 1 \(length .*at layer 1 gives"):
        sweep(loaded, TWO, births, "answer")


# Planted truth ------------------------------------------------------------------------------------


def test_ablating_a_planted_direction_removes_its_effect(kind, catalog, tmp_path):
    """A block of the reference model is made to write 2 vectors; each reads on as planted."""
    layer, planted = 3, 2.0
    vector = Fitter(kind, tmp_path, {}, 8192).vector(
        catalog.get("methods", "mean_difference"), "base", None, 0
    )
    v = vector.directions[layer].float()
    items = [kind.tokenised("base").fit[item] for item in kind.item_ids("test", 12)]
    asked = [("ablate", 1.0), ("ablate_then_add", 0.0), ("ablate_then_add", -1.0), ("clamp", 1.0)]
    asked += [("clamp", 3.0), ("clamp", -1.0), ("add", 1.0)]
    births = {layer: rows_of([Edit(operator, m, v) for operator, m in asked])}
    plain = sweep(kind.loaded, items, {layer: v[None]}, "answer")
    slope = plain.steered[layer].logit_diff[:, 0] - plain.unsteered.logit_diff
    assert slope.abs().mean() > 0.5 * abs(layer_slope(TRAITS["kind"], layer))
    handle = (
        parts(kind.loaded.model)
        .blocks[layer]
        .mlp.register_forward_hook(lambda _module, _args, output: output + planted * v)
    )
    try:
        found = sweep(kind.loaded, items, births, "answer")
    finally:
        handle.remove()
    amounts = {"unsteered": found.unsteered.logit_diff}
    amounts |= dict(zip(map(str, asked), found.steered[layer].logit_diff.T, strict=True))
    # What is left of the direction, in vectors: 2 were planted.
    left = {
        name: float(((value - plain.unsteered.logit_diff) / slope).median())
        for name, value in amounts.items()
    }
    assert left == pytest.approx(
        {
            "unsteered": 2,
            "('ablate', 1.0)": 0,
            "('ablate_then_add', 0.0)": 0,
            "('ablate_then_add', -1.0)": -1,
            "('clamp', 1.0)": 2,
            "('clamp', 3.0)": 3,
            "('clamp', -1.0)": -1,
            "('add', 1.0)": 3,
        },
        abs=0.02,
    )
