"""Analyses of behaviour and coherence against numpy, scipy and statsmodels on random scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from tests.analysis.conftest import rows
from tests.empty_warehouse import place
from tests.rollout_world import World, identity

PROMPTS, SAMPLES = ("I think", "", "Once"), 8
MULTIPLIERS = (0.0, 20.0, 40.0, 60.0)
METHODS = {"caa": "mean_difference", "sae": "sae_decoder", "ts": "sae_ts"}
CONCEPTS = ("love", "wedding")


class Scores(NamedTuple):
    """Scores [multipliers, prompts, samples]; nan where the scorer failed."""

    b: np.ndarray
    c: np.ndarray


Truth = dict[tuple[str, str], Scores]


def spread(draw: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    """Return ratings on tenths around a mean for each multiplier, prompts differing."""
    of_prompt = draw.normal(0, 0.1, (1, len(PROMPTS), 1))
    shape = (len(mean), len(PROMPTS), SAMPLES)
    found = mean[:, None, None] + of_prompt + draw.normal(0, 0.2, shape)
    return np.round(np.clip(found, 0, 1) * 9) / 9


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Truth]]:
    """A warehouse of two concepts by three methods, and what was scored."""
    draw = np.random.default_rng(6)
    world = World(prompts=PROMPTS)
    coherence = world.scorer("reads", "coherence")
    truth: Truth = {}
    plain = world.rollouts(None, SAMPLES)
    plain_c = spread(draw, np.array([0.65]))
    plain_c[0, 0, 2] = np.nan  # a judgement that failed
    give(world, coherence, plain, plain_c)
    for concept in CONCEPTS:
        behaviour = world.scorer("shows", "behaviour", concept)
        plain_b = spread(draw, np.array([0.05]))
        give(world, behaviour, plain, plain_b)
        for n, (method, kind) in enumerate(METHODS.items()):
            # A vector from a feature is fitted on nothing: its concept is its scorer's.
            own = concept if kind == "mean_difference" else None
            run_id = world.run(own, f"{method}-{concept}", kind=kind)
            b = spread(draw, np.array([0.1, 0.3 + 0.1 * n, 0.6]))
            c = spread(draw, np.array([0.7, 0.5, 0.2 + 0.05 * n]))
            b[1, 1, 3], c[2, 0, 0] = np.nan, np.nan
            steered = world.rollouts(run_id, SAMPLES, MULTIPLIERS[1:])
            give(world, behaviour, steered, b)
            give(world, coherence, steered, c)
            truth[concept, method] = Scores(np.concatenate([plain_b, b]), np.concatenate([plain_c, c]))  # fmt: skip
    home = tmp_path_factory.mktemp("scored")
    with duckdb.connect(str(place(home))) as connection:
        world.write(connection)
        yield connection, truth


def give(world: World, scorer: str, rollouts: list[str], scores: np.ndarray) -> None:
    world.score(scorer, rollouts, [None if np.isnan(s) else float(s) for s in scores.reshape(-1)])


def of(filled: tuple[Any, Truth], name: str, **given: Any) -> list[tuple[Scores, dict[str, Any]]]:
    """Return the rows of an analysis, each with the scores of its run."""
    connection, truth = filled
    found = []
    for row in rows(connection, name, **given):
        method, _, concept = row["method"].partition("-")
        found.append((truth[concept, method], row))
    return found


def t_interval(error: float, mean: float, k: int) -> tuple[float, float]:
    t = stats.t.ppf(0.975, k - 1)
    return max(0.0, mean - t * error), min(1.0, mean + t * error)


def clustered(value: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Return the covariance of column means [columns, columns], clustered, by statsmodels."""
    k = len(set(cluster))
    residual = value - value.mean(0)
    sums = np.stack([residual[cluster == name].sum(0) for name in sorted(set(cluster))])
    ours = k / (k - 1) * sums.T @ sums / len(value) ** 2
    fit = sm.OLS(value[:, 0], np.ones(len(value))).fit(cov_type="cluster", cov_kwds={"groups": cluster})  # fmt: skip
    assert fit.bse[0] ** 2 == pytest.approx(ours[0, 0], rel=1e-9)
    return ours


@pytest.mark.parametrize("unit", ["sample", "prompt"])
def test_means_products_and_their_intervals(filled: Any, unit: str) -> None:
    found = of(filled, "behaviour_coherence", unit=unit)
    assert len(found) == 2 * 3 * len(MULTIPLIERS)
    prompt = np.repeat(np.arange(len(PROMPTS)), SAMPLES)
    for scores, row in found:
        at = MULTIPLIERS.index(row["multiplier"])
        both = np.stack([scores.b[at].reshape(-1), scores.c[at].reshape(-1)], 1)
        good = ~np.isnan(both).any(1)
        b, c = both[good].T
        assert (row["n"], row["n_failed"], row["n_rollouts"]) == (good.sum(), (~good).sum(), 24)
        assert row["n_multipliers"] == len(MULTIPLIERS)
        assert row["complete"] == bool(good.all())
        cluster = prompt[good] if unit == "prompt" else np.arange(good.sum())
        k = len(set(cluster))
        cov = clustered(np.stack([b, c, b * c], 1), cluster)
        product = b.mean() * c.mean()
        gradient = np.array([c.mean(), b.mean()])
        errors = {
            "behaviour": (b.mean(), cov[0, 0]),
            "coherence": (c.mean(), cov[1, 1]),
            "product_of_means": (product, gradient @ cov[:2, :2] @ gradient),
            "mean_of_products": ((b * c).mean(), cov[2, 2]),
        }
        for name, (mean, variance) in errors.items():
            assert row[name] == pytest.approx(mean)
            expected = t_interval(np.sqrt(variance), mean, k)
            assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(expected), name
        if unit == "sample":
            expected = t_interval(stats.sem(b), b.mean(), len(b))
            assert (row["behaviour_low"], row["behaviour_high"]) == pytest.approx(expected)


def test_a_concept_is_the_scorers_where_the_vector_was_fitted_on_none(filled: Any) -> None:
    found = of(filled, "behaviour_coherence")
    assert {(row["method"], row["concept"]) for _, row in found} == {
        (f"{method}-{concept}", concept) for method in METHODS for concept in CONCEPTS
    }
    only = of(filled, "behaviour_coherence", concept="love")
    assert {row["concept"] for _, row in only} == {"love"}
    assert len(only) == 3 * len(MULTIPLIERS)
    assert {row["fit_concept"] for _, row in only} == {"love", None}
    assert not of(filled, "behaviour_coherence", layer=7)
    assert {row["method"] for _, row in of(filled, "best_scale", method="caa-*")} == {"caa-love", "caa-wedding"}  # fmt: skip


def halves() -> np.ndarray:
    """Return whether each (prompt, sample) is in the first half, as the macro has it."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    ids = [identity("prompt", prompt) for prompt in PROMPTS]
    places = [(p, s) for p in range(len(PROMPTS)) for s in range(SAMPLES)]
    ranked = sorted(places, key=lambda ps: (md5(ids[ps[0]]), md5(f"{ids[ps[0]]} {ps[1]}")))
    first = np.zeros((len(PROMPTS), SAMPLES), bool)
    for rank, (p, s) in enumerate(ranked, 1):
        first[p, s] = rank % 2 == 1
    return first


def value(scores: Scores, at: int, half: np.ndarray, objective: str) -> tuple[float, float, int]:
    """Return objective, its variance, and n of one multiplier on some samples."""
    good = half & ~np.isnan(scores.b[at]) & ~np.isnan(scores.c[at])
    b, c = scores.b[at][good], scores.c[at][good]
    if objective == "mean_of_products":
        return float((b * c).mean()), float(stats.sem(b * c) ** 2), len(b)
    cov = np.cov(np.stack([b, c])) / len(b)
    gradient = np.array([c.mean(), b.mean()])
    return float(b.mean() * c.mean()), float(gradient @ cov @ gradient), len(b)


@pytest.mark.parametrize("objective", ["product_of_means", "mean_of_products"])
def test_the_best_scale_is_chosen_on_one_half_and_reported_on_the_other(
    filled: Any, objective: str
) -> None:
    first = halves()
    for scores, row in of(filled, "best_scale", objective=objective):
        everything = [value(scores, at, np.ones_like(first), objective)[0] for at in range(4)]
        assert row["in_sample"] == pytest.approx(max(everything))
        assert row["multiplier"] == MULTIPLIERS[int(np.argmax(everything))]
        parts = []
        for half, name in ((first, "multiplier_first"), (~first, "multiplier_second")):
            others = [value(scores, at, ~half, objective)[0] for at in range(4)]
            chosen = int(np.argmax(others))
            assert row[name] == MULTIPLIERS[chosen]
            parts.append(value(scores, chosen, half, objective))
        n = sum(part[2] for part in parts)
        held_out = sum(part[0] * part[2] for part in parts) / n
        error = np.sqrt(1.36 * sum(part[1] * part[2] ** 2 for part in parts)) / n
        assert row["held_out"] == pytest.approx(held_out)
        assert row["optimism"] == pytest.approx(max(everything) - held_out)
        t = stats.t.ppf(0.975, n - 2)
        expected = (max(0, held_out - t * error), min(1, held_out + t * error))
        assert (row["held_out_low"], row["held_out_high"]) == pytest.approx(expected)
        assert (row["n"], row["n_multipliers"], row["n_failed"]) == (n, 4, 3)


def test_what_is_chosen_on_noise_is_no_better_on_other_samples(tmp_path: Path) -> None:
    """Of twelve multipliers that do nothing the best one flatters; held out it does not."""
    draw, world = np.random.default_rng(0), World(prompts=("",))
    behaviour, coherence = world.scorer("b", "behaviour"), world.scorer("c", "coherence")
    multipliers = [float(m) for m in range(1, 13)]
    for n in range(30):
        run_id = world.run("love", f"m{n}")
        steered = world.rollouts(run_id, 16, multipliers)
        world.score(behaviour, steered, draw.integers(0, 2, len(steered)).astype(float))
        world.score(coherence, steered, [1.0] * len(steered))
    with duckdb.connect(str(place(tmp_path))) as connection:
        world.write(connection)
        found = rows(connection, "best_scale")
    assert len(found) == 30
    assert np.mean([row["in_sample"] for row in found]) > 0.65
    assert np.mean([row["held_out"] for row in found]) == pytest.approx(0.5, abs=0.06)
    inside = [row["held_out_low"] <= 0.5 <= row["held_out_high"] for row in found]
    assert np.mean(inside) >= 0.8


def test_the_front_is_what_nothing_dominates(filled: Any) -> None:
    found = [row for _, row in of(filled, "pareto_front")]
    assert len(found) == 24
    for concept in CONCEPTS:
        mine = [row for row in found if row["concept"] == concept]
        points = np.array([[row["behaviour"], row["coherence"]] for row in mine])
        for row, point in zip(mine, points, strict=True):
            as_much = (points >= point - 1e-12).all(1) & (points > point + 1e-12).any(1)
            assert row["n_dominating"] == as_much.sum()
            assert row["on_front"] == (not as_much.any())
            if as_much.any():
                best = max(points[as_much].prod(1))
                named = [r["product_of_means"] for r in mine if r["method"] == row["dominating_method"] and r["multiplier"] == row["dominating_multiplier"]]  # fmt: skip
                assert named == [pytest.approx(best)]
        # The three runs share their rollouts without steering: equal points do not dominate.
        assert len({row["on_front"] for row in mine if row["multiplier"] == 0}) == 1
        assert any(row["on_front"] for row in mine)
        assert all(row["n_dominating"] for row in mine if row["clearly_dominated"])


@pytest.mark.parametrize("unit", ["sample", "prompt"])
def test_coherence_is_compared_with_the_same_streams(filled: Any, unit: str) -> None:
    found = of(filled, "coherence_by_scale", unit=unit)
    assert len(found) == 2 * 3 * 3
    prompt = np.repeat(np.arange(len(PROMPTS)), SAMPLES)
    for scores, row in found:
        c, plain = scores.c[MULTIPLIERS.index(row["multiplier"])].reshape(-1), scores.c[0].reshape(-1)  # fmt: skip
        good, pairs = ~np.isnan(c), ~np.isnan(c) & ~np.isnan(plain)
        difference = (c - plain)[pairs]
        cluster = prompt[pairs] if unit == "prompt" else np.arange(pairs.sum())
        k = len(set(cluster))
        error = np.sqrt(clustered(difference[:, None], cluster)[0, 0])
        assert row["coherence"] == pytest.approx(c[good].mean())
        assert row["unsteered"] == pytest.approx(plain[pairs].mean())
        assert row["difference"] == pytest.approx(difference.mean())
        t = stats.t.ppf(0.975, k - 1)
        assert row["difference_low"] == pytest.approx(difference.mean() - t * error)
        assert row["difference_high"] == pytest.approx(difference.mean() + t * error)
        assert (row["n"], row["n_pairs"], row["n_failed"]) == (good.sum(), pairs.sum(), (~good).sum())  # fmt: skip
        if unit == "sample":
            assert row["difference_p"] == pytest.approx(stats.ttest_rel(c[pairs], plain[pairs]).pvalue)  # fmt: skip


def test_equal_scores_have_the_interval_of_a_property(tmp_path: Path) -> None:
    world = World(prompts=("",))
    behaviour, coherence = world.scorer("b", "behaviour"), world.scorer("c", "coherence")
    steered = world.rollouts(world.run("love"), 20)
    world.score(behaviour, steered, [0.0] * 20)
    world.score(coherence, steered, [1.0] * 20)
    one = world.rollouts(world.run("love", "other"), 1)
    world.score(behaviour, one, [0.5])
    world.score(coherence, one, [0.5])
    with duckdb.connect(str(place(tmp_path))) as connection:
        world.write(connection)
        alone, many = sorted(rows(connection, "behaviour_coherence"), key=lambda row: row["n"])
    assert (many["behaviour_low"], many["coherence_high"]) == (0, 1)
    assert 0.1 < many["behaviour_high"] < 0.25
    assert 0.75 < many["coherence_low"] < 0.9
    assert many["product_of_means_high"] == many["behaviour_high"]
    assert (alone["behaviour"], alone["behaviour_low"], alone["behaviour_high"]) == (0.5, None, None)  # fmt: skip


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    world = World(prompts=("",))
    behaviour, coherence = world.scorer("b", "behaviour"), world.scorer("c", "coherence")
    run_id = world.run("love")
    steered = world.rollouts(run_id, 4, (1.0,), asked=6)
    more = world.rollouts(run_id, 4, (2.0,))
    whole = world.rollouts(run_id, 4, (3.0,))
    for scorer in (behaviour, coherence):
        world.score(scorer, steered + whole, [0.5] * 8)
    world.score(behaviour, more, [0.5] * 4)
    world.score(coherence, more[:3], [0.5] * 3)
    with duckdb.connect(str(place(tmp_path))) as connection:
        world.write(connection)
        found = {row["multiplier"]: row for row in rows(connection, "behaviour_coherence")}
        assert {m: row["complete"] for m, row in found.items()} == {1: False, 2: False, 3: True}
        assert (found[2]["n"], found[2]["n_failed"], found[2]["n_rollouts"]) == (3, 0, 4)
        for name in ("best_scale", "saets_table2"):
            assert [r["complete"] for r in rows(connection, name) if r["method"]] == [False]


def test_the_table_of_the_paper_stands_beside(filled: Any) -> None:
    connection, truth = filled
    found = rows(connection, "saets_table2")
    mine = {(row["concept"], row["published_method"]): row for row in found if row["ours"] is not None}  # fmt: skip
    names = {"caa": "CAA", "sae": "SAE", "ts": "SAE-TS"}
    for (concept, method), scores in truth.items():
        row = mine[concept, names[method]]
        both = [np.stack([scores.b[at], scores.c[at]]).reshape(2, -1) for at in range(4)]
        good = [pair[:, ~np.isnan(pair).any(0)] for pair in both]
        best = max(pair[0].mean() * pair[1].mean() for pair in good)
        assert row["ours"] == pytest.approx(best)
        assert row["published_model"] == "gemma-2-2b"
    assert mine["love", "SAE-TS"]["published"] == 0.4234
    assert mine["wedding", "CAA"]["published"] == 0.1768
    assert {mine["wedding", name]["published_rank"] for name in ("CAA", "SAE", "SAE-TS")} == {1, 2, 3}  # fmt: skip
    assert {mine["love", name]["rank"] for name in ("CAA", "SAE", "SAE-TS")} == {1, 2, 3}
    # What is published and was not measured here is there too, and says so.
    unmeasured = [row for row in found if row["ours"] is None]
    assert {row["complete"] for row in unmeasured} == {None}
    assert {(row["concept"], row["published_method"]) for row in unmeasured} >= {("anger", "CAA"), ("average", "rotation")}  # fmt: skip
    assert len(unmeasured) + 6 == 35


def test_averages_are_over_the_concepts_of_a_method(tmp_path: Path) -> None:
    world = World(prompts=("",))
    coherence = world.scorer("c", "coherence")
    for concept, values in (("love", [0.2, 0.4] * 4), ("anger", [0.6, 0.8] * 4)):
        behaviour = world.scorer("b", "behaviour", concept)
        run_id = world.run(concept, "mean_difference", model="gemma-2-9b")
        steered = world.rollouts(run_id, 8, (1.0,), model="gemma-2-9b")
        world.score(behaviour, steered, values)
        world.score(coherence, steered, [0.5] * 8)
    with duckdb.connect(str(place(tmp_path))) as connection:
        world.write(connection)
        found = rows(connection, "saets_table2", published="saets2024_table2")
    (average,) = [row for row in found if row["concept"] == "average" and row["method"]]
    assert average["ours"] == pytest.approx((0.3 * 0.5 + 0.7 * 0.5) / 2)
    assert (average["n_concepts"], average["n"], average["run_id"]) == (2, 16, None)
    assert (average["published"], average["published_model"]) == (0.2531, "gemma-2-9b")
    assert {row["published"] for row in found if row["method"] and row["concept"] != "average"} == {None}  # fmt: skip


def test_published_averages_are_those_of_the_published_values(filled: Any) -> None:
    values: dict[str, list[float]] = {}
    found = rows(filled[0], "saets_table2")
    for row in found:
        if row["published"] is not None and row["published_model"] == "gemma-2-2b" and row["concept"] != "average":  # fmt: skip
            values.setdefault(row["published_method"], []).append(row["published"])
    averages = {row["published_method"]: row["published"] for row in found if row["concept"] == "average" and row["published_model"] == "gemma-2-2b"}  # fmt: skip
    for method, nine in values.items():
        assert len(nine) == 9
        assert np.mean(nine) == pytest.approx(averages[method], abs=6e-5)


def test_the_view_says_what_each_scorer_says(filled: Any) -> None:
    connection, _ = filled
    ((n, keys, runs, plain),) = connection.execute(
        "select count(*), count(distinct (rollout_id, scorer_id)), count(distinct run_id),"
        " count(*) filter (where run_id is null) from rollout_score"
    ).fetchall()
    assert (n, keys, runs, plain) == (3 * 24 + 6 * 2 * 72, n, 6, 72)
    assert connection.execute("select distinct scorer, measures from rollout_score order by 1").fetchall() == [("reads", "coherence"), ("shows", "behaviour")]  # fmt: skip
