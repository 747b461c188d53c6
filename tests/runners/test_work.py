"""Which cells are still to be measured, whatever was asked and done before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runners.campaign import estimate
from runners.campaign.asked import Asked, Run, Unit
from runners.campaign.bench import Bench
from runners.campaign.estimate import block_weights, describe, head_weights
from runners.campaign.work import Block, Done, blocks
from runners.engine.measure import measure_block
from runners.engine.reference_sweep import reference_sweep
from runners.fitting.fitter import Fitter
from runners.models.architecture import parts
from runners.models.experts import active_share
from specs.catalog import Catalog
from tests.runners.families import tiny


@pytest.fixture
def run(kind: Bench, catalog: Catalog, tmp_path: Path) -> Run:
    method = catalog.get("methods", "mean_difference")
    vector = Fitter(kind, tmp_path, {}, 8192).vector(method, "base", None, 0)
    return Run.of(kind, "base", vector, "add", "answer")


def unit(kind: Bench, run: Run, multipliers: tuple[float, ...], limit: int | None = None) -> Unit:
    return Unit(kind, "base", [Asked(run, "test", 3, multipliers)], limit)


def done_of(run: Run, kind: Bench, n: int, *multipliers: float) -> Done:
    items = kind.item_ids("test", n)
    cells = {(run.run_id, "test", 3, m, 0): n for m in multipliers}
    return Done(cells, {run.evaluation_id: dict.fromkeys(items, 0.0)})


def test_nothing_done_asks_for_every_nonzero_multiplier(kind: Bench, run: Run) -> None:
    (block,) = blocks([unit(kind, run, (-1.0, 0.0, 1.0))], Done({}, {}))
    assert [cell.multiplier for cell in block.cells] == [-1.0, 1.0]
    assert len(block.items) == 96


def test_everything_done_asks_for_nothing(kind: Bench, run: Run) -> None:
    asked = unit(kind, run, (-1.0, 0.0, 1.0))
    assert blocks([asked], done_of(run, kind, 96, -1.0, 1.0)) == []


def test_operators_that_do_something_at_zero_measure_it(kind: Bench, run: Run) -> None:
    clamp = replace(run, operator="clamp")
    (block,) = blocks([unit(kind, clamp, (-1.0, 0.0, 1.0))], Done({}, {}))
    assert [cell.multiplier for cell in block.cells] == [-1.0, 0.0, 1.0]
    assert "288 measurements asked" in describe("step", [block.unit], [block])[0]
    (left,) = blocks([unit(kind, clamp, (-1.0, 0.0))], done_of(clamp, kind, 96, -1.0))
    assert [cell.multiplier for cell in left.cells] == [0.0]
    assert blocks([unit(kind, clamp, (-1.0, 0.0))], done_of(clamp, kind, 96, -1.0, 0.0)) == []


def test_a_new_multiplier_is_measured_alone(kind: Bench, run: Run) -> None:
    (block,) = blocks([unit(kind, run, (-1.0, 0.0, 1.0))], done_of(run, kind, 96, -1.0))
    assert [cell.multiplier for cell in block.cells] == [1.0]


def test_a_limited_run_is_redone_whole_when_more_is_asked(kind: Bench, run: Run) -> None:
    limited = done_of(run, kind, 10, -1.0, 1.0)
    assert blocks([unit(kind, run, (-1.0, 1.0), limit=10)], limited) == []
    (block,) = blocks([unit(kind, run, (-1.0, 1.0))], limited)
    assert len(block.cells) == 2
    assert len(block.item_ids) == 96


def test_only_multiplier_zero_still_measures_the_unsteered_model(kind: Bench, run: Run) -> None:
    (block,) = blocks([unit(kind, run, (0.0,))], Done({}, {}))
    assert block.cells == []
    assert len(block.items) == 96


# What it costs ----------------------------------------------------------------------------------


def bound(block: Block, chain: int) -> float:
    """The least that it can cost: 1 + t·Σ over swept layers of (L−1−ℓ)·m / (L·P), in tokens, items of one length."""
    items, n_layers = block.items, block.unit.bench.loaded.n_layers
    prompt = sum(item.decision + 1 for item in items)
    swept = sum(n_layers - 1 - cell.layer for cell in block.cells)
    return prompt * (1 + chain * swept / (n_layers * prompt / len(items)))


@pytest.fixture
def no_sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runners.engine.prefix.WORTH", {"cpu": 10**9})


@pytest.mark.usefixtures("no_sharing")
@pytest.mark.parametrize("scope", ["answer", "decision"])
def test_chains_cost_the_bound_of_the_design(kind: Bench, run: Run, scope: str) -> None:
    (block,) = blocks([unit(kind, replace(run, scope=scope), (-1.0, 1.0, 1.5))], Done({}, {}))
    (shared,) = {len(item.shared) for item in block.items}
    chain = 1 if scope == "decision" else 1 + shared
    assert block.prompt_tokens() + block.chain_tokens() == pytest.approx(bound(block, chain))
    assert block.answers() == 96 * 4


def test_steering_the_whole_prompt_costs_the_whole_prompt(kind: Bench, run: Run) -> None:
    (wide,) = blocks([unit(kind, replace(run, scope="all"), (-1.0, 1.0))], Done({}, {}))
    share = 2 * (kind.loaded.n_layers - 1 - 3) / kind.loaded.n_layers
    assert wide.chain_tokens() == pytest.approx(share * wide.prompt_tokens())
    assert wide.prompt_tokens() == sum(item.decision + 1 for item in wide.items)


def test_a_model_that_is_replayed_pays_the_whole_prompt_in_every_scope(
    kind: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runners.campaign.work.ways", lambda *_: ("replay", "reference"))
    (late,) = blocks([unit(kind, run, (-1.0, 1.0))], Done({}, {}))
    share = 2 * (kind.loaded.n_layers - 1 - 3) / kind.loaded.n_layers
    whole = sum(item.decision + 1 for item in late.items)
    assert late.prompt_tokens() == whole
    assert late.chain_tokens() == pytest.approx(share * whole)


@pytest.mark.usefixtures("no_sharing")
def test_every_scope_sends_the_prompts_through_once_more(kind: Bench, run: Run) -> None:
    both = Unit(
        kind,
        "base",
        [Asked(replace(run, scope=s, run_id=s), "test", 3, (1.0,)) for s in ("answer", "decision")],
        None,
    )
    (block,) = blocks([both], Done({}, {}))
    assert block.prompt_tokens() == 2 * sum(item.decision + 1 for item in block.items)


def test_what_is_planned_is_what_goes_through(
    kind: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokens of a block by chains are counted as the model meets them, padding aside."""
    from runners.engine import together
    from runners.engine.chains import sweep

    # Prompts and chains in one call are embedded once more, and nothing else of them is computed.
    monkeypatch.setattr(together, "FEW", 10**6)

    (block,) = blocks([unit(kind, run, (-1.0, 1.0))], Done({}, {}))
    assert block.prompt_tokens() < sum(item.decision + 1 for item in block.items)
    met: list[int] = []

    def meet(_module: Any, arguments: Any) -> None:
        met.append(int((arguments[0] != 0).sum()))

    with kind.loaded.model.get_input_embeddings().register_forward_pre_hook(meet):
        measure_block(kind.loaded, block.items, block.cells, sweep, 10**6)
    assert sum(met) == pytest.approx(block.prompt_tokens(), rel=0.01)


def test_the_reference_engine_is_planned_as_it_measures(
    kind: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its passes and tokens are those that the model meets, one item and number at a time."""
    (block,) = blocks([unit(kind, run, (-1.0, 1.0), limit=4)], Done({}, {}))
    met: list[int] = []

    def meet(_module: Any, arguments: Any) -> None:
        met.append(arguments[0].numel())

    with kind.loaded.model.get_input_embeddings().register_forward_pre_hook(meet):
        measure_block(kind.loaded, block.items, block.cells, reference_sweep, 10**6)
    assert block.passes() == len(met) == 4 * (2 + 1)
    assert block.reference_tokens() == sum(met)
    trial: list[Any] = []
    monkeypatch.setattr(
        estimate, "tokens_per_second", lambda *asked, **_: (trial.append(asked), sum(met) / 50)[1]
    )
    _, plan = describe("sweep", [block.unit], [block], engine="reference")
    weights = block_weights(kind.loaded) + head_weights(kind.loaded)
    assert plan == (
        f"  4 prompts in 12 passes of {sum(met):,} tokens, {2 * weights * sum(met):.2g} FLOP, "
        "about 50 s at the speed of a short trial"
    )
    assert trial == [(kind.loaded, 1, round(sum(met) / 12))]
    _, fast = describe("sweep", [block.unit], [block])
    assert "chains worth" in fast


def test_flops_are_two_for_each_weight_of_the_blocks(kind: Bench) -> None:
    weights = sum(
        p.numel() for name, p in kind.loaded.model.named_parameters() if ".layers." in name
    )
    assert block_weights(kind.loaded) == weights
    assert head_weights(kind.loaded) == kind.loaded.model.lm_head.weight.numel()


@pytest.mark.parametrize(
    ("name", "share"),
    [("mixtral", 2 / 4), ("deepseek_v3", 2 / 4), ("llama4_text (chunk 8)", 1 / 2)],
)
def test_of_experts_those_count_that_a_token_goes_through(name: str, share: float) -> None:
    """The shared ones, the router and attention count whole."""
    loaded = tiny(name)
    named = dict(parts(loaded.model).blocks.named_parameters())
    routed = sum(w.numel() for key, w in named.items() if ".experts." in key)
    assert routed > 0
    others = sum(w.numel() for key, w in named.items() if ".experts." not in key)
    assert block_weights(loaded) == round(others + share * routed)


def test_a_model_without_experts_counts_whole() -> None:
    assert active_share(tiny("llama").model) == 1.0
