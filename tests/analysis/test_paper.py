"""The figures of Tan et al. as queries, and the published values beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats as st

from analysis.run import answer
from tests.analysis.conftest import Ask, rows
from tests.analysis.tables import fill, warehouse
from tests.analysis.truth import Synthetic
from tests.command import steerhouse
from warehouse.faults import WarehouseRefused

MODELS = ("llama-2-7b-chat", "qwen1.5-14b-chat")
CONCEPTS = (
    "openness narcissism myopic-reward survival-instinct subscribes-to-Islam power-seeking-inclination"
).split()
VARIANTS = ("base", "system_positive", "system_negative", "user_positive", "user_negative")
HOME, AWAY = ("base", "base"), ("system_positive", "user_negative")


def published(name: str) -> list[dict[str, str]]:
    text = (files("analysis") / "published" / f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_published_values_are_as_the_research_counted_them() -> None:
    found = published("tan2024_concepts")
    values = {
        quantity: {
            row["concept"]: float(row["value"]) for row in found if row["quantity"] == quantity
        }
        for quantity in ("steerability", "anti_steerable_fraction")
    }
    names = list(values["steerability"])
    assert len(names) == 36
    steerability = [values["steerability"][name] for name in names]
    anti = [values["anti_steerable_fraction"][name] for name in names]
    assert np.mean(steerability) == pytest.approx(2.00, abs=0.005)
    assert np.mean(anti) == pytest.approx(0.204, abs=0.0005)
    assert st.spearmanr(steerability, anti).statistic == pytest.approx(-0.85, abs=0.005)


@pytest.mark.parametrize("name", ["tan2024_concepts", "tan2024_headlines", "tan2024_layers"])
def test_every_published_value_says_where_it_is_from(name: str) -> None:
    assert all(row["source"] for row in published(name))


@pytest.fixture(scope="module")
def world() -> Iterator[Any]:
    """The full grid of five fits x five variants for two models of the paper and six concepts."""
    draw = np.random.default_rng(3)
    columns: dict[str, list[Any]] = {}
    slopes: dict[tuple[str, str, str, str], np.ndarray] = {}
    baselines: dict[tuple[str, str, str], np.ndarray] = {}
    for concept in CONCEPTS:
        quality = draw.normal(1, 1)
        for model in MODELS:
            for variant in VARIANTS:
                baselines[model, concept, variant] = draw.normal(size=6).astype(np.float32)
                for fit in VARIANTS:
                    slope = quality + draw.normal(0, 0.6) + draw.normal(0, 0.5, 6)
                    slopes[model, concept, fit, variant] = slope
                    cell = {"model": [model] * 6, "concept": [concept] * 6, "fit_variant": [fit] * 6, "variant": [variant] * 6, "question": range(6), "slope": slope, "baseline": baselines[model, concept, variant]}  # fmt: skip
                    for name, values in cell.items():
                        columns.setdefault(name, []).extend(values)
    with warehouse() as connection:
        fill(connection, **{name: np.array(values) for name, values in columns.items()})
        yield connection, slopes, baselines


def means(slopes: Any, model: str, cell: tuple[str, str]) -> list[float]:
    return [slopes[model, concept, *cell].mean() for concept in CONCEPTS]


def test_headlines_stand_beside_the_published_ones(world: Any) -> None:
    connection, slopes, baselines = world
    found = rows(connection, "tan_headlines", layer="0", draws="200")
    ours = {(row["quantity"], row["model"]): row for row in found}
    assert len(ours) == len(found) == 9
    llama, qwen = MODELS
    for model, value in ((llama, 0.891), (qwen, 0.694)):
        row = ours["id_ood_spearman", model]
        expected = st.spearmanr(means(slopes, model, HOME), means(slopes, model, AWAY)).statistic
        assert row["ours"] == pytest.approx(expected)
        assert (row["published"], row["wording"], row["n_concepts"]) == (
            value,
            "wording differs",
            6,
        )
        if row["ours_low"] is None:  # a perfect order has no interval
            assert (abs(row["ours"]), row["within"]) == (1, None)
        else:
            assert row["within"] == (row["ours_low"] <= value <= row["ours_high"])
    for kind, cell, value in (("id", HOME, 0.769), ("ood", AWAY, 0.586)):
        row = ours[f"cross_model_{kind}_spearman", llama]
        expected = st.spearmanr(means(slopes, llama, cell), means(slopes, qwen, cell)).statistic
        assert (row["ours"], row["published"]) == (pytest.approx(expected), value)
        assert row["other_model"] == qwen
    row = ours["relative_distance_spearman", llama]
    points = [
        (slopes[llama, c, fit, v].mean() / slopes[llama, c, v, v].mean(), abs(baselines[llama, c, v].astype(float) - baselines[llama, c, fit]).mean())
        for c in CONCEPTS for v in VARIANTS for fit in VARIANTS
        if fit != v and slopes[llama, c, v, v].mean() > 0.25
    ]  # fmt: skip
    expected = st.spearmanr(*zip(*points, strict=True)).statistic
    assert (row["ours"], row["ours_p"]) == (pytest.approx(expected), None)
    assert (row["ours_low"], row["ours_high"]) == (row["bootstrap_low"], row["bootstrap_high"])
    half = ours["nearly_half_anti_steerable", llama]
    wrong = [(slopes[llama, c, *HOME] <= 0).mean() for c in CONCEPTS]
    assert half["ours"] == sum(share >= 0.4 for share in wrong)
    assert half["published_words"].startswith("nearly 50 %")
    assert ours["range_spearman", llama]["ours"] is None


def test_what_nothing_measured_stands_there_without_our_value() -> None:
    with warehouse() as empty:
        found = rows(empty, "tan_headlines")
    assert {row["ours"] for row in found} == {None}
    assert 0.891 in {row["published"] for row in found}


def test_slopes_per_concept(world: Any) -> None:
    connection, slopes, _ = world
    found = rows(connection, "tan_slopes", model="llama*")
    assert [row["rank"] for row in found] == list(range(1, 7))
    values = {row["concept"]: row for row in published("tan2024_concepts") if row["quantity"] == "steerability"}  # fmt: skip
    for row in found:
        slope = slopes["llama-2-7b-chat", row["concept"], *HOME]
        assert row["steerability"] == pytest.approx(slope.mean(), abs=1e-6)
        assert row["anti_steerable"] == pytest.approx((slope <= 0).mean())
        assert row["median"] == pytest.approx(np.median(slope), abs=1e-6)
        assert row["p25"] == pytest.approx(np.quantile(slope, 0.25), abs=1e-6)
        assert row["published_steerability"] == float(values[row["concept"]]["value"])
        assert (row["published_model"], row["steerability_precision"]) == ("llama-2-7b-chat", 0.1)
        assert "read off a plot" in row["published_source"]


def test_agreement_with_published_values(world: Any) -> None:
    connection, slopes, _ = world
    found = {row["comparison"]: row for row in rows(connection, "tan_agreement", model="llama*", draws="50")}  # fmt: skip
    table = {(row["concept"], row["quantity"]): float(row["value"]) for row in published("tan2024_concepts")}  # fmt: skip
    theirs = [table[concept, "steerability"] for concept in CONCEPTS]
    ours = means(slopes, "llama-2-7b-chat", HOME)
    difference = np.array(ours) - theirs
    row = found["steerability"]
    assert row["spearman"] == pytest.approx(st.spearmanr(ours, theirs).statistic)
    assert row["mean_difference"] == pytest.approx(difference.mean(), abs=1e-5)
    half = st.t.ppf(0.975, 5) * difference.std(ddof=1) / 6**0.5
    assert row["difference_high"] - row["mean_difference"] == pytest.approx(half, rel=1e-4)
    assert found["within_ours"]["mean_difference"] is None
    assert set(found) == {"steerability", "anti_steerable", "within_ours", "within_published"}


def test_shifts_are_marked_where_wording_differs(world: Any) -> None:
    connection, slopes, _ = world
    found = rows(connection, "tan_id_ood", model="qwen*")
    assert len(found) == 6 * 4
    assert {row["wording"] for row in found} == {"wording differs"}
    (row,) = (r for r in found if r["headline"] and r["concept"] == "openness")
    assert row["shift"] == "system_positive -> user_negative"
    assert row["ood_steerability"] == pytest.approx(slopes["qwen1.5-14b-chat", "openness", *AWAY].mean(), abs=1e-6)  # fmt: skip


def test_cross_model_points(world: Any) -> None:
    connection, slopes, _ = world
    found = rows(connection, "tan_cross_model", layer="0")
    assert len(found) == 12
    assert {(row["setting"], row["wording"]) for row in found} == {("id", "as published"), ("ood", "wording differs")}  # fmt: skip
    for row in found:
        cell = HOME if row["setting"] == "id" else AWAY
        assert row["steerability_b"] == pytest.approx(slopes[MODELS[1], row["concept"], *cell].mean(), abs=1e-6)  # fmt: skip


def test_relative_steerability_by_the_papers_rule(world: Any) -> None:
    connection, slopes, baselines = world
    found = rows(connection, "tan_relative_steerability", concept="openness", model="llama*")
    assert len(found) == 20
    for row in found:
        own = slopes[row["model"], "openness", row["variant"], row["variant"]].mean()
        away = slopes[row["model"], "openness", row["fit_variant"], row["variant"]].mean()
        assert row["relative_steerability"] == (pytest.approx(away / own, rel=1e-4) if own > 0.25 else None)  # fmt: skip
        a, b = (
            baselines[row["model"], "openness", row[name]] for name in ("variant", "fit_variant")
        )
        assert row["distance"] == pytest.approx(abs(a.astype(float) - b).mean())


def test_layer_sweep(ask: Ask, made: Synthetic) -> None:
    found = {row["layer"]: row for row in ask("tan_layer_sweep")}
    runs = [made.fitted(concept) for concept in ("concept0", "concept1")]
    for layer, row in found.items():
        means_ = [made.slopes(run, layer, "validation").mean() for run in runs]
        assert row["mean_steerability"] == pytest.approx(np.mean(means_), abs=1e-6)
    assert set(found) == {1, 2}  # layer 0 is degenerate
    assert [row["chosen"] for row in found.values()].count(True) == 1


def test_published_layers_are_found_by_model(world: Any) -> None:
    found = rows(world[0], "tan_layer_sweep", split="test")
    assert {row["model"]: row["published_layer"] for row in found} == dict(zip(MODELS, (13, 21), strict=True))  # fmt: skip


def test_ranges_of_multipliers(ask: Ask, made: Synthetic) -> None:
    found = ask("tan_multiplier_ranges", layer="1", draws="20")
    assert [(row["bound_a"], row["bound_b"]) for row in found] == [(0.5, 1), (0.5, 1.5), (1, 1.5)]
    runs = [made.fitted(concept) for concept in ("concept0", "concept1")]
    for row in found:
        narrow = [made.slopes(run, 1, bound=row["bound_a"]).mean() for run in runs]
        assert row["mean_a"] == pytest.approx(np.mean(narrow), abs=1e-6)
        assert "robust" in row["published_words"]


def test_bias_shares(ask: Ask, made: Synthetic) -> None:
    found = ask("tan_bias_shares", layer="1")
    assert len(found) == 2
    run = made.fitted("concept0")
    slopes = made.slopes(run, 1)
    first = np.array([item.positive_option == 0 for item in run.items if item.split == "test"])
    (row,) = (row for row in found if row["concept"] == "concept0")
    assert row["letter_share"] == pytest.approx(np.corrcoef(slopes, first)[0, 1] ** 2, abs=1e-6)
    side = "A" if slopes[first].mean() > slopes[~first].mean() else "B"
    assert (row["letter_side"], row["yes_no_excluded"]) == (side, False)


def test_own_published_values_are_read(world: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    head = "concept,model,quantity,value,precision,source\n"
    own.write_text(f"{head}OPENNESS,mine,steerability,9.5,0.5,my table\n", "utf-8")
    found = rows(world[0], "tan_slopes", concept="openness", published=str(own))
    assert {(row["published_steerability"], row["published_source"]) for row in found} == {(9.5, "my table")}  # fmt: skip


@pytest.mark.parametrize("wrong", ["tan2024_layers", "nowhere.csv", "tan2024_concept", "null"])
def test_a_file_that_is_none_of_published_values_is_refused(world: Any, wrong: str) -> None:
    with pytest.raises(WarehouseRefused) as refused:
        answer(world[0], "tan_slopes", {"published": wrong})
    (line,) = refused.value.faults
    assert line.startswith(
        f"--param published={wrong}: must be a csv file with the columns concept,"
    )


def test_the_command_reads_them_from_any_folder(tmp_path: Path) -> None:
    assert steerhouse("--home", "h", "warehouse", "migrate", cwd=tmp_path).returncode == 0
    done = steerhouse("--home", "h", "analyse", "tan_headlines", "--format", "csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0.891" in done.stdout
    bad = steerhouse("--home", "h", "analyse", "tan_slopes", "--param", "published=x", cwd=tmp_path)
    assert (bad.returncode, len(bad.stderr.splitlines())) == (1, 1)


def test_published_names_are_names_of_our_specs() -> None:
    specs = Path(str(files("specs")))
    concepts = {path.stem.lower() for path in (specs / "concepts").glob("*.yaml")}
    assert {row["concept"].lower() for row in published("tan2024_concepts")} <= concepts
    models = {path.stem for path in (specs / "models").glob("*.yaml")}
    for name in ("tan2024_concepts", "tan2024_headlines", "tan2024_layers"):
        assert {row["model"] for row in published(name)} <= models
