"""What every operator does to hidden states, by its definition and to a planted direction."""

from __future__ import annotations

from math import inf
from typing import get_args

import pytest
import torch

from runners.engine.chains import sweep
from runners.engine.edits import Edit, Edits, edited, operators, rows_of
from runners.engine.reference import measure
from runners.fitting.fitter import Fitter
from runners.models.architecture import parts
from runners.reference_model.traits import TRAITS
from runners.reference_model.truth import layer_slope
from specs.operators import asked_multipliers, choosing, graded, measured
from specs.parts import Operator
from tests.runners.families import MIXED, MULTIPLIERS, OPERATIONS, tiny
from tests.runners.family_configs import WIDTH

torch.set_num_threads(1)
NAMES: tuple[str, ...] = get_args(Operator)
DRAW = torch.Generator().manual_seed(7)
V = torch.randn(WIDTH, generator=DRAW)
H = 3 * torch.randn(3, 1, 2, WIDTH, generator=DRAW)
"""Hidden states [B, 1, T, d_model] of chains."""


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
    plain = measure(loaded, MIXED[3], "answer").logit_diff
    for found in (
        measure(loaded, MIXED[3], "answer", 1, edit).logit_diff,
        float(sweep(loaded, MIXED[3:4], {1: rows}, "answer").steered[1].logit_diff),
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
