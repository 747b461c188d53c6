"""An approximator from its spec to the answers of its analyses, against numpy on the same effects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.metrics import r2_score

from runners.approximator.blocks import EffectBlocks
from runners.approximator.linear_map import Rows as RowsOf, every
from runners.approximator.saved import FittedApproximator
from tests.analysis.conftest import rows
from tests.command import steerhouse
from tests.runners.test_approximator_make import D_SAE, SAE, Effects, drawn, make
from warehouse.connect import connect
from warehouse.ingest import ingest
from warehouse.relations import arrow_table
from warehouse.staged import stage

N_HELD = 15


class Noisy(Effects):
    """Effects with noise that differs by feature; feature 9 is never moved."""

    def __call__(self, vectors: Any) -> Any:
        found = super().__call__(vectors)
        seed = 100 + len(self.asked)
        for j in range(D_SAE):
            found[:, j] += 0.3 * j * drawn(len(vectors), 1, seed + 50 * j)[:, 0]
        found[:, 9] = 0
        return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    make(home, Noisy())
    about = {"source": "test", "architecture": "standard", "layer": 1, "d_model": 6}
    sae_ids, d_saes = ("s", "i"), (D_SAE, 60)
    tables = {
        "model": [{"model_id": "m", "source": "builtin:test", "dtype": "float32"}],
        "prompt_set": [{"prompt_set_id": "p", "n_prompts": 3}],
        "sae": [{"sae_id": k, "d_sae": d, **about} for k, d in zip(sae_ids, d_saes, strict=True)],
        "name": [
            {"kind": kind, "id": key, "name": name}
            for kind, key, name in (
                ("model", "m", "tiny"),
                ("sae", "s", "narrow"),
                ("sae", "i", "wide"),
                ("prompt_set", "p", "openings"),
            )
        ],
    }
    stage(home, "about", {name: arrow_table(name, some) for name, some in tables.items()})
    ingest(home)
    return home


@pytest.fixture(scope="module")
def found(home: Path) -> FittedApproximator:
    return make(home, Effects(fails_after=0))  # read back


def ask(home: Path, name: str, **given: Any) -> list[dict[str, Any]]:
    with connect(home) as connection:
        return rows(connection, name, **given)


@pytest.fixture(scope="module")
def held_out(home: Path, found: FittedApproximator) -> tuple[np.ndarray, np.ndarray]:
    """Return measured and foretold effects of the held-out vectors, from the blocks on disk."""
    blocks = EffectBlocks.of(home, found.about["effects_id"], 60)
    pairs = [(y, found.map.effects(x)) for x, y in every(RowsOf(blocks, 0, N_HELD))]
    measured = np.concatenate([y.double().numpy() for y, _ in pairs])
    return measured, np.concatenate([p.double().numpy() for _, p in pairs])


def test_skill_is_that_of_scikit_learn(
    home: Path, held_out: tuple[np.ndarray, np.ndarray], found: FittedApproximator
) -> None:
    measured, foretold = held_out
    assert measured.shape == (N_HELD, D_SAE)
    expected = r2_score(measured, foretold, multioutput="raw_values")[:9]
    with connect(home) as connection:
        answer = connection.execute(
            "select r2, correlation, largest_share, sd_effect, bias, weight_length, decoder_cosine, "
            "n_held_out, model, approximator, sae from feature_skill order by feature"
        ).fetchall()
    assert len(answer) == D_SAE
    for j, row in enumerate(answer[:9]):
        deviation = (measured[:, j] - measured[:, j].mean()) ** 2
        assert row[0] == pytest.approx(expected[j])
        assert row[1] == pytest.approx(np.corrcoef(measured[:, j], foretold[:, j])[0, 1])
        assert row[2] == pytest.approx(deviation.max() / deviation.sum())
        assert row[3] == pytest.approx(measured[:, j].std(ddof=1))
        assert row[4] == pytest.approx(float(found.map.bias[j]))
        column = found.map.weights[:, j].double().numpy()
        assert row[5] == pytest.approx(np.linalg.norm(column))
        own = SAE.decoder[j].double().numpy()
        assert row[6] == pytest.approx(column @ own / row[5] / np.linalg.norm(own), abs=1e-5)
        assert row[7:] == (N_HELD, "tiny", "small", "narrow")
    assert answer[9][:4] == (None, None, None, 0)
    (summary,) = ask(home, "approximator_skill")
    assert (summary["n_features"], summary["n_moved"]) == (D_SAE, 9)
    assert summary["median_r2"] == pytest.approx(np.median(expected))
    assert summary["positive_r2_fraction"] == pytest.approx((expected > 0).mean())
    weights = ((measured - measured.mean(0)) ** 2).sum(0)[:9]
    assert summary["pooled_r2"] == pytest.approx(np.average(expected, weights=weights))
    z = [np.arctanh(row[1]) - 1.959964 / np.sqrt(N_HELD - 3) for row in answer[:9]]
    assert summary["correlated_fraction"] == pytest.approx((np.array(z) > 0).mean())
    assert 0 < summary["correlated_fraction"] < 1
    assert (summary["input_sae"], summary["prompt_set"]) == ("wide", "openings")
    assert (summary["fit"], summary["scale"], summary["rise"]) == ("ridge", 3.0, None)
    assert summary["complete"]


def test_causes_and_neighbours(home: Path, found: FittedApproximator) -> None:
    decoder = SAE.decoder.double().numpy()
    unit = decoder / np.linalg.norm(decoder, axis=1, keepdims=True)
    effects = unit @ found.map.weights.double().numpy()
    causes = ask(home, "feature_causes", features="[3, 7]", causes="2")
    assert [(row["feature"], row["rank"]) for row in causes] == [(3, 1), (3, 2), (7, 1), (7, 2)]
    for row in causes:
        order = np.argsort(-effects[:, row["feature"]])
        assert row["cause"] == order[row["rank"] - 1]
        assert row["effect"] == pytest.approx(effects[row["cause"], row["feature"]], rel=1e-5)
        column = found.map.weights[:, row["feature"]].double().numpy()
        cosine = unit[row["cause"]] @ column / np.linalg.norm(column)
        assert row["cosine"] == pytest.approx(cosine, rel=1e-5)
        assert row["itself"] == (row["cause"] == row["feature"])
        assert row["correlation_low"] < row["correlation"] < row["correlation_high"]
    cosines = unit @ unit.T - 2 * np.eye(D_SAE)
    near = ask(home, "nearest_features", features="[3]")
    assert [row["neighbour"] for row in near] == np.argsort(-cosines[3])[:4].tolist()
    for row in near:
        assert row["cosine"] == pytest.approx(cosines[3, row["neighbour"]], rel=1e-5)
        kept = np.argsort(-effects[:, 3])[:4].tolist()
        rank = kept.index(row["neighbour"]) + 1 if row["neighbour"] in kept else None
        assert row["cause_rank"] == rank
        assert (row["effect"] is None) == (rank is None)


def test_features_that_are_foretold_best_come_first(home: Path) -> None:
    skill = {row["feature"]: row["r2"] for row in ask(home, "feature_causes", most="10")}
    best = sorted((r2, j) for j, r2 in skill.items() if r2 is not None)[-2:]
    shown = {row["feature"] for row in ask(home, "feature_causes", most="2")}
    assert shown == {j for _, j in best}
    assert len(skill) == D_SAE


def test_filters_find_approximators_through_their_vectors(home: Path, tmp_path: Path) -> None:
    assert ask(home, "approximator_skill", model="tiny")
    with duckdb.connect() as connection:
        path = tmp_path / "copy.duckdb"
        path.write_bytes((home / "warehouse.duckdb").read_bytes())
        connection.execute(f"attach '{path}' as w")
        connection.execute("use w")
        key = connection.execute("select approximator_id from approximator").fetchall()[0][0]
        parameters = json.dumps({"approximator_id": key}, separators=(",", ":"))
        connection.execute(
            "insert into vector by name select 'v' as vector_id, 'm' as model_id, 'sae_ts' as method, "
            f"'{parameters}' as parameters, 'unit' as norm, 'fitted' as role"
        )
        connection.execute("insert into name values ('method', 'v', 'towards_three')")
        connection.execute("insert into name values ('method', 'w', 'other')")
        assert len(rows(connection, "approximator_skill", method="towards*")) == 1
        assert not rows(connection, "approximator_skill", method="other")


def test_checks_are_clean_and_the_command_answers(home: Path) -> None:
    for check in ("broken_relations", "duplicate_keys", "non_finite"):
        assert not ask(home, check), check
    assert "approximator" not in {row["kind"] for row in ask(home, "nameless_ids")}
    asked = ("analyse", "feature_causes", "--param", "features=[3]", "--format", "csv")
    done = steerhouse("--home", str(home), *asked, cwd=home)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + 4


def test_broken_relations_are_told(home: Path, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        path = tmp_path / "copy.duckdb"
        path.write_bytes((home / "warehouse.duckdb").read_bytes())
        connection.execute(f"attach '{path}' as w")
        connection.execute("use w")
        for table in ("sae", "model", "approximator"):
            connection.execute(f"delete from {table}")
            lacking = {row["lacking"] for row in rows(connection, "broken_relations")}
            assert table in lacking
