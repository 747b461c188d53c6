"""An experiment of several models, variants, scopes and norms, through the real command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.command import steerhouse
from tests.experiments import ask

WIDE = """\
models: [reference, twin]
concepts: [kind, frank]
fit_variants: [base, user_positive]
variants: [base, user_negative]
layers: best
multipliers: [-1, 0, 1]
scopes: [answer, decision]
norms: [base, unit]
nulls: {random: 2}
resamples: 2
limit: 12
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a wide experiment ran on two models."""
    from runners.reference_model import build

    folder = tmp_path_factory.mktemp("wide")
    for kind in ("models", "experiments"):
        (folder / "specs" / kind).mkdir(parents=True)
    model, tokenizer = build()
    model.save_pretrained(folder / "twin")
    tokenizer.save_pretrained(folder / "twin")
    (folder / "specs" / "models" / "twin.yaml").write_text("folder: ../../twin\n")
    (folder / "specs" / "experiments" / "wide.yaml").write_text(WIDE)
    done = steerhouse("--specs", "specs", "run", "wide", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stderr)
    return folder


def test_everything_asked_of_both_models_is_there(folder: Path) -> None:
    rows = ask(
        folder,
        "select model, concept, sum(n_asked), sum(n_measured), sum(n_missing) from coverage "
        "where experiment = 'wide' group by all order by all",
    )
    assert [row[:2] for row in rows] == [
        ("reference", "frank"),
        ("reference", "kind"),
        ("twin", "frank"),
        ("twin", "kind"),
    ]
    assert len({row[2:] for row in rows}) == 1
    assert all(asked == measured and missing == 0 for *_, asked, measured, missing in rows)


def test_the_same_weights_give_the_same_numbers(folder: Path) -> None:
    ((n, gap),) = ask(
        folder,
        """
        with numbers as (
            select model, concept, variant, fit_variant, norm, scope, split, item_id, layer,
                multiplier, logit_diff
            from sweep
            where role = 'fitted'
        )
        select count(*), max(abs(a.logit_diff - b.logit_diff))
        from numbers as a
        join numbers as b
            using (concept, variant, fit_variant, norm, scope, split, item_id, layer, multiplier)
        where a.model = 'reference' and b.model = 'twin'
        """,
    )
    assert n > 500
    assert gap < 1e-3


def test_best_is_one_layer_for_every_variant(folder: Path) -> None:
    """Chosen on base, for each norm and scope; a reported split knows no other layer."""
    rows = ask(
        folder,
        "select concept, norm, scope, list(distinct layer) from sweep where split = 'test' "
        "group by all",
    )
    assert len(rows) == 2 * 2 * 2
    assert all(len(layers) == 1 for *_, layers in rows)
    raw = {(concept, scope): layers for concept, norm, scope, layers in rows if norm == "base"}
    assert set(map(tuple, raw.values())) == {(3,)}
    unit = {tuple(layers) for _, norm, _, layers in rows if norm == "unit"}
    assert unit == {(2,)}, "with unit vectors the planted profile peaks at layer 2"


def test_the_chosen_layers_are_said_at_the_end(folder: Path) -> None:
    """A line a model, each choice with what tells it apart; the slopes are those of the view."""
    said = (folder / "said").read_text()
    (line,) = [one for one in said.splitlines() if one.startswith("twin: layer chosen")]
    assert " among 4, by mean slope: " in line  # two layers are degenerate
    chosen = ask(
        folder,
        "select concept, method, norm, scope, layer, steerability from best_layer "
        "where model = 'twin'",
    )
    assert len(chosen) == 8
    for concept, method, norm, scope, layer, slope in chosen:
        ways = f"{concept} · {method} · {norm} · {scope}"
        (number, shown) = re.search(rf"{ways}: (\d+) \(slope ([-\d.]+)\)", line).groups()  # type: ignore[union-attr]
        assert int(number) == layer
        assert float(shown) == pytest.approx(slope, rel=0.01)
    assert said.index("vector(s) fitted") < said.index("twin: layer chosen") < said.index("next: ")


def test_what_rides_along_belongs_to_the_base_fit(folder: Path) -> None:
    rows = ask(
        folder,
        "select role, count(distinct run_id), list(distinct fit_variant) from sweep "
        "where split = 'test' group by role order by role",
    )
    runs = 2 * 2 * 2 * 2 * 2  # models, concepts, variants, scopes, norms
    assert rows == [
        ("fitted", 2 * runs, rows[0][2]),
        ("null", 2 * runs, ["base"]),
        ("resample", 2 * runs, ["base"]),
    ]
    assert sorted(rows[0][2]) == ["base", "user_positive"]


def test_the_layer_of_the_view_is_the_layer_that_was_measured(folder: Path) -> None:
    rows = ask(
        folder,
        "select count(*), count(*) filter (where chosen_layer.layer = sweep.layer) from sweep "
        "join chosen_layer using (run_id) where sweep.split = 'test'",
    )
    assert rows[0][0] == rows[0][1] > 0


def test_a_second_run_of_it_does_nothing(folder: Path) -> None:
    before = ask(folder, "select * from experiment_run order by all")
    done = steerhouse("--specs", "specs", "run", "wide", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "nothing was measured" in done.stderr
    assert ask(folder, "select * from experiment_run order by all") == before
