"""The benchmarks run, on a tiny model, and say what they promise to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import bounds, curves, material, report, slow, sweep, timing
from benchmarks.ways import MULTIPLIERS, births, ways
from tests.runners.completions import several

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--size", "tiny", "--items", "6", "--rounds", "1", "--tokens-per-batch", "512"]


@pytest.fixture(autouse=True)
def _no_long_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "matmul_peak", lambda device, dtype: 1e12)


@pytest.fixture(scope="module")
def tiny(shared: Path):
    return material.model("tiny")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def items(tiny, home: Path):
    return material.items(tiny, home, 6)


def test_every_way_is_timed_beside_its_bound(shared: Path, home: Path) -> None:
    found = sweep.measure(sweep.arguments(TINY), home)
    bounded = {name: row for name, row in found["ways"].items() if "bound" in row}
    assert {"full sweep, decision", "scope all, one layer", "extraction"} < set(bounded)
    for row in bounded.values():
        assert row["over_bound"] == pytest.approx(row["over_bare"] / row["bound"])
        assert row["share_of_bound"] == pytest.approx(1 / row["over_bound"])
        assert row["peak_bytes"] is not None
    assert found["largest_difference"]["of_largest_logit"] < 1e-4
    assert found["prompt_pass"]["share_of_peak"] > 0
    assert "largest difference" in report.table(found)
    json.dumps(found)


@pytest.mark.slow
def test_both_ways_of_counting_the_reference(shared: Path, home: Path) -> None:
    found = sweep.measure(sweep.arguments([*TINY, "--only", "reference"]), home)["slow"]
    each, once = found.values()
    labels = " ".join(found)
    assert labels.index("28 an item") < labels.index("25 an item")  # 4 layers x 7, 1 + 4 x 6
    assert each["seconds"] / once["seconds"] == pytest.approx(28 / 25)
    assert each["over_full_sweep"] / once["over_full_sweep"] == pytest.approx(28 / 25)


@pytest.mark.slow
def test_half_precision_and_a_model_in_memory(shared: Path, home: Path) -> None:
    """The path of `--device cuda --dtype bfloat16 --size 7b`, where there is no GPU."""
    options = sweep.arguments([*TINY, "--dtype", "bfloat16", "--only", "one layer"])
    found = sweep.measure(options, home)
    assert found["model"]["dtype"] == "bfloat16"
    assert "one layer" in found["ways"]


def test_the_bound_is_that_of_the_design(tiny, items) -> None:
    prompt, n_layers, m = bounds.prompts(items), 4, len(MULTIPLIERS)
    by_hand = 1 + len(items) * sum(m * (n_layers - 1 - k) for k in range(4)) / (n_layers * prompt)
    assert bounds.sweep(tiny, items, range(4), m, "decision") == pytest.approx(by_hand)
    assert bounds.replay(tiny, items, [1], m) == 1 + m * (n_layers - 1 - 1) / n_layers
    every = ways(tiny, items, 512)
    assert every["full sweep, decision"].bound == pytest.approx(by_hand)
    assert every["scope all, one layer"].bound == pytest.approx(1 + 6 * 2 / 4)


def test_completions_of_several_tokens_are_counted(tiny) -> None:
    """By hand: 9 + 1 tokens, completions of 5 and 1; 14 + 0 tokens, completions of 3 and 3."""
    two, head = several([9, 14], [1, 0], [(5, 1), (3, 3)]), tiny.model.lm_head.weight.numel()
    in_blocks = sum(weight.numel() for weight in tiny.model.model.layers.parameters())
    bare, tails = 10 + 14, 4 + 0 + 2 + 2
    later, rows = (3 + 1) / 4, 7  # layers 0 and 2 of 4
    for scope, stem in {"decision": 1 + 1, "answer": 2 + 1}.items():
        by_hand = (bare + tails + (stem + tails) * later * rows) / bare
        assert bounds.sweep(tiny, two, [0, 2], rows, scope) == pytest.approx(by_hand)
    lines = (10 + 4) + 10 + (14 + 2) * 2
    assert bounds.replay(tiny, two, [0, 2], rows) == pytest.approx(
        lines / bare * (1 + later * rows)
    )
    told = 2 * rows * (2 + tails) + tails
    assert bounds.mass(tiny, two, 2 * rows) == pytest.approx(told * head / (bare * in_blocks))


def test_prompts_apart_share_nothing_and_half_common_half(items) -> None:
    assert material.common_length(material.apart(items)) == 0
    half = material.half_common(items)
    share = material.common_length(half) * len(half) / bounds.prompts(half)
    assert share == pytest.approx(0.5, abs=0.01)
    assert [i.decision + 1 for i in material.of_length(items, 40)] == [40] * len(items)


def test_curves_give_both_exponents(shared: Path) -> None:
    found = curves.measure(sweep.arguments([*TINY, "--curves", "--only", "items"]))
    assert found["curves"]["items"]["exponent_of_bound"] == pytest.approx(1, abs=0.1)
    assert "items" in curves.table(found)
    assert curves.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)


def test_the_matmul_peak_is_the_best_of_several_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {512: 1.0, 1024: 3.0, 2048: 2.0}
    monkeypatch.setattr(timing, "_matmul_rate", lambda size, *_: rates[size])
    assert timing.matmul_peak(torch.device("cpu"), torch.float32) == 3.0
    monkeypatch.undo()
    assert timing._matmul_rate(64, torch.device("cpu"), torch.bfloat16, 0.001) > 0


def test_newborn_rows_are_multiplier_times_vector(tiny) -> None:
    rows = births(tiny, [2], 3, (0.5, -1.0))[2]
    assert rows.shape == (6, tiny.d_model)
    assert (rows[1] / rows[0]).allclose(rows[0] * 0 - 2.0)


def test_few_items_stand_for_all_lengths(items) -> None:
    lengths = sorted(item.decision for item in items)
    assert material.spread(items, 1)[0].decision == lengths[3]
    assert [i.decision for i in material.spread(items, 99)] == lengths


PEER = r"""
import json, sys
work = json.load(open(sys.argv[1]))
print(json.dumps({"steering-vectors": "none"}), flush=True)
for line in sys.stdin:
    n = {"one_pass": len(work["few"]), "two_passes": len(work["few"])}.get(line.strip(), 0)
    cells = len(work["vectors"]) * len(work["multipliers"])
    found = [0.0] * (n * cells or len(work["batch"]) * min(cells, work["batch_cells"]))
    print(json.dumps({"wall": 2.0, "processor": 4.0, "found": found}), flush=True)
"""


def test_a_child_is_asked_in_turn_and_scaled(
    shared: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    monkeypatch.setattr("benchmarks.ask_peer.SCRIPT", script)
    options = sweep.arguments([*TINY, "--only", "peer", "--peer-python", sys.executable])
    found = sweep.measure(options, home)
    two = next(row for label, row in found["slow"].items() if "as the seeds" in label)
    # 2 items x 2 layers x 3 multipliers took 2 s, and 6 items x 4 layers x 7 are to be measured
    assert two["seconds"] == pytest.approx(2 * (6 * 4 * 7) / (2 * 2 * 3))
    control = found["slow"]["peer, bare pass (control)"]
    assert control["scale"] == 1
    assert "over_full_sweep" not in control
    assert set(found["peer"]["largest_difference_in_logits"]) == {
        "one at a time, two passes",
        "one at a time, one pass",
        "batched, one pass",
    }


@pytest.mark.slow
def test_the_command_prints_one_json_object(shared: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.sweep", *TINY, "--only", "one layer"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout)["items"] == 6
    assert slow.UNIT in done.stderr
