"""Methods that aim by an approximator, from YAML to the warehouse, on a map that is known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from runners.approximator import measuring
from runners.approximator.vectors import fgaa, sae_ts, sae_ts_pinv, sae_ts_rotation, unit
from specs.identity import identity
from steerhouse import cli
from tests import planted_dictionary as planted, planted_home
from tests.analysis.conftest import rows as answers
from warehouse.connect import connect

SPEC = """\
model: planted
layer: 1
sae: planted
inputs: {sae: wide}
prompt_set: openings
scale: 2.0
held_out: 0.2
fit: {penalty: 1.0e-6}
causes: 3
block: 40
"""
FILE, WIDE = "sae_weights.safetensors", 150
AIM = "approximator: known\n"
METHODS = {
    "aimed": f"kind: sae_ts\n{AIM}features: [{{feature: 0}}]\n",
    "two": f"kind: sae_ts\n{AIM}features: [{{feature: 0}}, {{feature: 1, coefficient: -0.5}}]\n"
    "bias_weight: 0.5\nnorm: raw\n",
    "inverted": f"kind: sae_ts_pinv\n{AIM}features: [{{feature: 0}}]\n",
    "turned": f"kind: sae_ts_rotation\n{AIM}features: [{{feature: 0}}]\n",
    "guided": f"kind: fgaa\nsae: planted\n{AIM}density_texts: planted\nmax_density: 0.45\n"
    "positive: 2\nnegative: 1\n",
}
EXPERIMENT = f"""\
models: [planted]
concepts: [rainy]
methods: [rain_row, {", ".join(METHODS)}]
fit_variants: [base]
variants: [base]
layers: best
multipliers: [-1, 0, 1]
nulls: {{random: 2, label_shuffled: 2}}
resamples: 2
splits: [test]
"""
LEAK = 0.8
"""What a vector along rain raises bread by, for each unit of rain."""


def known_map() -> tuple[np.ndarray, np.ndarray]:
    """Return M [d_model, d_sae] and b [d_sae]: what the encoder reads, and what leaks into bread."""
    readers = planted.build_sae().encoder.double().numpy()
    moved = np.eye(planted.D_SAE)
    moved[0, 1] = LEAK
    bias = np.zeros(planted.D_SAE)
    bias[:8], bias[3] = 0.1, -0.4
    return readers.T @ moved, bias


def save_wide(folder: Path, like: Path) -> None:
    """Write an autoencoder of random decoder rows, otherwise like another one."""
    about = json.loads((like / "cfg.json").read_text())
    draw = torch.Generator().manual_seed(0)
    shapes = {name: list(part.shape) for name, part in load_file(like / FILE).items()}
    for shape in shapes.values():
        shape[:] = [WIDE if n == planted.D_SAE else n for n in shape]
    folder.mkdir()
    (folder / "cfg.json").write_text(json.dumps(about | {"d_sae": WIDE}))
    parts = {name: torch.randn(*shape, generator=draw) for name, shape in shapes.items()}
    save_file(parts, folder / FILE)


@dataclass
class Known:
    """Effects by the known map, and what was asked for."""

    asked: list[int] = field(default_factory=list)

    def prompt_set_id(self, spec: Any) -> str:
        return identity("prompt_set", name=spec.prompt_set)

    def effects(self, spec: Any, sae: Any) -> Any:
        weights, bias = (torch.tensor(part, dtype=torch.float32) for part in known_map())

        def measure(vectors: Tensor) -> Tensor:
            self.asked.append(len(vectors))
            return vectors @ weights + bias

        return measure


def run(folder: Path, *args: str) -> Any:
    """Run a command in this process, where effects can be measured by a known map."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return cli.main(["--specs", "specs", "run", *args], standalone_mode=False)


@pytest.fixture(scope="module")
def measured() -> Known:
    return Known()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, measured: Known) -> Any:
    """Yield a folder in which the experiment ran."""
    folder = tmp_path_factory.mktemp("aimed")
    specs = planted_home.write(folder)
    planted_home.write_spec(specs, "approximators", "known", SPEC)
    save_wide(folder / "wide", folder / "sae")
    anyhow = "check: {text_set: planted, explained_variance: -1.0e+9, beside: accept}\n"
    source = f"source: {{folder: {folder / 'wide'}}}\nmodel: planted\n{anyhow}"
    planted_home.write_spec(specs, "saes", "wide", source)
    for name, text in METHODS.items():
        planted_home.write_spec(specs, "methods", name, text)
    planted_home.write_spec(specs, "experiments", "aims", EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "ByRollouts", lambda _saes: measured)
        run(folder, "aims", "--dry-run")
        assert not measured.asked
        run(folder, "aims")
        yield folder


def rows(folder: Path, sql: str) -> list[dict[str, Any]]:
    with connect(folder / "data") as connection:
        found = connection.execute(sql)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


VECTORS = """
select n.name, v.method, d.layer, d.direction, v.parameters, v.norm
from vector as v
join vector_direction as d using (vector_id)
join name as n on n.id = v.vector_id and n.kind = 'method'
where v.role = 'fitted'
"""


def test_vectors_are_those_of_the_formulas(folder: Path) -> None:
    weights, bias = known_map()
    decoder = planted.build_sae().decoder.double().numpy()
    one, two = np.eye(planted.D_SAE)[0], np.zeros(planted.D_SAE)
    two[:2] = 1, -0.5
    # Silent features differ most, and rain's own: 8 up and 9 down, and 0 up.
    target = np.zeros(planted.D_SAE)
    found = {row["name"]: row for row in rows(folder, VECTORS)}
    chosen = rows(
        folder,
        "select f.feature, f.coefficient from vector_feature as f join vector using (vector_id) "
        "where method = 'fgaa' and role = 'fitted'",
    )
    for row in chosen:
        target[row["feature"]] = row["coefficient"]
    assert np.flatnonzero(target).tolist() == [0, 8, 9]
    assert np.abs(target).sum() == pytest.approx(1)
    assert target[9] < 0 < target[0] < target[8]
    expected = {
        "aimed": sae_ts(weights, bias, one),
        "two": sae_ts(weights, bias, two, 0.5),
        "inverted": unit(sae_ts_pinv(weights, bias, one)),
        "turned": sae_ts_rotation(weights, bias, decoder, one),
        "guided": unit(fgaa(weights, bias, target)),
        "rain_row": decoder[0],
    }
    for name, vector in expected.items():
        assert found[name]["layer"] == 1, name
        np.testing.assert_allclose(found[name]["direction"], vector, atol=2e-3, err_msg=name)
    assert [row["norm"] for name, row in sorted(found.items()) if name != "two"] == ["unit"] * 5
    (known,) = rows(folder, "select approximator_id from approximator")
    for name in METHODS:
        parameters = json.loads(found[name]["parameters"])
        assert parameters["approximator_id"] == known["approximator_id"], name
        assert "approximator" not in parameters


FEATURES = """
select n.name, f.feature, f.coefficient, f.layer, s.name as sae,
    f.sae_id = v.parameters ->> 'sae_id' as own, f.output_score
from vector_feature as f
join vector as v using (vector_id)
join name as n on n.id = v.vector_id and n.kind = 'method'
join name as s on s.id = f.sae_id and s.kind = 'sae'
order by n.name, abs(f.coefficient) desc
"""
AIMED_AT = {
    "rain_row": {0: 1.0},
    "aimed": {0: 1.0},
    "two": {0: 1.0, 1: -0.5},
    "inverted": {0: 1.0},
    "turned": {0: 1.0},
}


def test_the_warehouse_says_which_features_a_vector_aims_at(folder: Path) -> None:
    """As the spec names them, of the SAE that is aimed at, not of the one inputs were taken of."""
    found: dict[str, dict[int, float]] = {}
    for row in rows(folder, FEATURES):
        found.setdefault(row["name"], {})[row["feature"]] = row["coefficient"]
        assert (row["layer"], row["sae"], row["own"], row["output_score"]) == (
            1,
            "planted",
            True,
            None,
        )
    guided = found.pop("guided")
    assert found == AIMED_AT
    assert list(guided) == [8, 9, 0]  # chosen by the items, the largest first
    assert sum(map(abs, guided.values())) == pytest.approx(1)
    assert guided[9] < 0 < guided[0] < guided[8]
    (count,) = rows(folder, "select count(distinct vector_id) as n from vector_feature")
    assert count["n"] == len(METHODS) + 1  # nulls and resamples are of no named feature


def test_aims_join_what_steering_does_to_features(folder: Path) -> None:
    """`vector.parameters` names features and SAE by themselves, for whoever has no vector_feature."""
    query = (
        "select n.name, v.parameters from vector as v join name as n on n.id = v.vector_id "
        "and n.kind = 'method' where v.role = 'fitted'"
    )
    parameters = {row["name"]: json.loads(row["parameters"]) for row in rows(folder, query)}
    (sae,) = rows(folder, "select id from name where kind = 'sae' and name = 'planted'")
    for name, targets in AIMED_AT.items():
        assert parameters[name]["sae_id"] == sae["id"], name
        assert dict(parameters[name]["features"]) == targets, name
    assert parameters["guided"]["sae_id"] == sae["id"]
    assert "features" not in parameters["guided"]  # they follow from the items


def test_the_approximator_is_measured_once(folder: Path, measured: Known) -> None:
    assert sum(measured.asked) == WIDE
    assert max(measured.asked) == 40
    asked = len(measured.asked)
    run(folder, "aims")
    assert len(measured.asked) == asked
    (n,) = rows(folder, "select count(*) as n from approximator_feature")
    assert n["n"] == planted.D_SAE
    (skill,) = rows(
        folder, "select count(*) as n, min(r2) as least from feature_skill where r2 > 0"
    )
    assert skill["n"] >= 8


def test_analyses_find_the_approximator_through_the_methods(folder: Path) -> None:
    with connect(folder / "data") as connection:
        for more in ({}, {"method": "aimed"}, {"concept": "rainy", "experiment": "aims"}):
            assert len(answers(connection, "approximator_skill", **more)) == 1, more
        assert not answers(connection, "approximator_skill", method="rain_row")


def test_a_leak_that_is_foretold_is_taken_out(folder: Path) -> None:
    """Rain's decoder row raises bread by 0.8: the pseudo-inverse holds bread down."""
    found = rows(
        folder,
        "select n.name, s.steerability from steerability as s join name as n on n.id = s.vector_id "
        "and n.kind = 'method' where s.split = 'test' and s.role = 'fitted'",
    )
    slope = {row["name"]: row["steerability"] for row in found}
    assert slope["inverted"] > 1.3 * slope["rain_row"] > 0


def test_nulls_and_resamples(folder: Path) -> None:
    found = rows(
        folder,
        "select p.method as parent, v.method, v.role, count(*) as n from vector as v "
        "join vector as p on p.vector_id = v.parent_vector_id group by all",
    )
    counted = {(row["parent"], row["method"], row["role"]): row["n"] for row in found}
    assert counted["fgaa", "fgaa", "resample"] == 2
    assert counted["fgaa", "label_shuffled", "null"] == 2
    assert counted["sae_ts", "random", "null"] == 4  # of two vectors


def refused(folder: Path, method: str, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    specs = folder / "specs"
    path = planted_home.write_spec(specs, "methods", method, text)
    asked = ("--concept", "rainy", "--model", "planted", "--method", method, "--layers", "1")
    assert run(folder, *asked) == 1
    path.unlink()
    return capsys.readouterr().err


def test_what_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(folder, "bad", f"kind: sae_ts\n{AIM}features: [{{feature: 99}}]\n", capsys)
    assert "bad.yaml:3:22: features[0].feature: no feature 99; approximator known" in said
    other = "kind: sae_ts\napproximator: knwn\nfeatures: [{feature: 1}]\n"
    said = refused(folder, "bad", other, capsys)
    assert "unknown approximator 'knwn'; did you mean 'known'?" in said
    specs = folder / "specs"
    planted_home.write_spec(specs, "approximators", "elsewhere", SPEC.replace("planted", "x", 1))
    said = refused(folder, "bad", other.replace("knwn", "elsewhere"), capsys)
    (specs / "approximators" / "elsewhere.yaml").unlink()
    assert "which is for model x" in said
