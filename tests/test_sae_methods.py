"""Methods that steer by features of an autoencoder, from YAML to the warehouse, on planted truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from specs.faults import Refused
from steerhouse import cli
from tests import planted_dictionary as planted, planted_home
from warehouse.connect import connect

EXPERIMENT = """\
models: [planted]
concepts: [rainy]
methods: [mean_difference, rain_row, changed, heard]
fit_variants: [base]
variants: [base]
layers: best
multipliers: [-1.5, -0.5, 0, 0.5, 1.5]
nulls: {random: 3, label_shuffled: 3}
resamples: 3
splits: [test]
"""


def steerhouse(folder: Path, *args: str) -> Result:
    """Run a command in this process, where the heavy libraries are loaded once."""
    where = ("--specs", str(folder / "specs"), "--home", str(folder / "data"))
    return CliRunner().invoke(cli, [*where, *args])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the experiment ran."""
    folder = tmp_path_factory.mktemp("sae_methods")
    specs = planted_home.write(folder)
    planted_home.write_spec(specs, "experiments", "by_features", EXPERIMENT)
    for command in (("check", "by_features"), ("run", "by_features", "--verify", "12")):
        done = steerhouse(folder, *command)
        assert done.exit_code == 0, done.output
    assert "SAE planted on planted, layer 1: explains 1.000 of the variance" in done.stderr
    return folder


def rows(folder: Path, sql: str) -> list[dict[str, Any]]:
    with connect(folder / "data") as connection:
        found = connection.execute(sql)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


FEATURES = """
select n.name, f.layer, f.feature, round(f.coefficient, 2) as coefficient, f.output_score
from vector_feature as f
join vector as v using (vector_id)
join name as n on n.id = v.vector_id and n.kind = 'method'
where v.role = 'fitted'
order by n.name, abs(f.coefficient) desc
"""


def test_which_features_a_vector_is_made_of(folder: Path) -> None:
    found = rows(folder, FEATURES)
    by_name: dict[str, list[tuple[int, float]]] = {}
    for row in found:
        assert row["layer"] == 1
        by_name.setdefault(row["name"], []).append((row["feature"], row["coefficient"]))
    assert by_name["rain_row"] == [(0, 1.0)]
    # rain and bread words differ in topic, and in the silent feature: 3 of number 0, 3 of number 1
    assert {feature for feature, _ in by_name["changed"]} == {8, 9}
    assert sorted(c for _, c in by_name["changed"]) == pytest.approx([-3, 3], abs=0.01)
    assert by_name["heard"] == [(0, 1.0)]
    (score,) = [row["output_score"] for row in found if row["name"] == "heard"]
    assert 0 < score <= 1


def test_vectors_are_at_one_layer_with_length_one(folder: Path) -> None:
    found = rows(
        folder,
        "select distinct v.method, l.layer, round(l.length, 4) as length from vector_layer as l "
        "join vector as v using (vector_id) where v.role = 'fitted' and v.method like 'sae_%'",
    )
    assert sorted((row["method"], row["layer"], row["length"]) for row in found) == [
        ("sae_decoder", 1, 1.0),
        ("sae_difference", 1, 1.0),
        ("sae_output_score", 1, 1.0),
    ]


def test_what_is_heard_steers_and_what_is_silent_does_not(folder: Path) -> None:
    """Feature rain at length 1: 1 logit for its words, 0.8 for bread's, and the echo of 1/2."""
    found = rows(
        folder,
        "select method, steerability from steerability where split = 'test' and role = 'fitted'",
    )
    slope = {row["method"]: row["steerability"] for row in found}
    assert slope["heard"] == pytest.approx(slope["rain_row"], abs=1e-4)
    assert 0.2 < slope["rain_row"] < 1.0
    assert abs(slope["changed"]) < 0.02


def test_the_autoencoder_and_its_check_are_in_the_warehouse(folder: Path) -> None:
    (sae,) = rows(folder, "select * from sae join sae_check using (sae_id, layer)")
    assert sae["architecture"] == "jumprelu"
    assert (sae["d_model"], sae["d_sae"], sae["layer"]) == (32, 16, 1)
    assert sae["explained_variance"] > 0.999
    (name,) = rows(folder, "select name from name where kind = 'sae'")
    assert name["name"] == "planted"


def test_nulls_and_resamples_ride_along(folder: Path) -> None:
    found = rows(
        folder,
        "select p.method as parent, v.method, v.role, count(*) as n from vector as v "
        "join vector as p on p.vector_id = v.parent_vector_id group by all",
    )
    counted = {(row["parent"], row["method"], row["role"]): row["n"] for row in found}
    for parent in ("sae_difference", "sae_output_score"):
        assert counted[parent, "random", "null"] == 3
        assert counted[parent, "label_shuffled", "null"] == 3
        assert counted[parent, parent, "resample"] == 3
    assert counted["sae_decoder", "random", "null"] == 3  # no labels, no items: nothing else


def test_the_same_command_does_nothing_again(folder: Path) -> None:
    done = steerhouse(folder, "run", "by_features")
    assert done.exit_code == 0, done.output
    assert " 0 to measure" in done.stderr
    assert not rows(folder, "from vector_feature group by all having count(*) > 1")


def refused(folder: Path, *args: str) -> str:
    done = steerhouse(folder, *args)
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit | Refused)
    return done.stderr


ONE = ("run", "--concept", "rainy", "--model", "planted", "--method")


def test_another_layer_is_refused_with_the_remedy(folder: Path) -> None:
    specs = folder / "specs"
    text = planted_home.sae_spec(folder / "sae") + "layer: 1\n"
    planted_home.write_spec(specs, "saes", "at_one", text)
    method = "kind: sae_decoder\nsae: at_one\nfeatures: [{feature: 0}]\n"
    planted_home.write_spec(specs, "methods", "row_at_one", method)
    said = refused(folder, *ONE, "row_at_one", "--layers", "0,1")
    assert "SAE at_one reads layer 1" in said
    assert "write `layers: [1]`" in said
    said = refused(folder, *ONE, "rain_row", "--layers", "0,1")  # known once it is read
    assert "holds no vector for layer 0; it has 1" in said


def test_a_feature_that_is_not_there(folder: Path) -> None:
    method = "kind: sae_decoder\nsae: planted\nfeatures: [{feature: 16}]\n"
    planted_home.write_spec(folder / "specs", "methods", "absent", method)
    said = refused(folder, *ONE, "absent", "--layers", "1")
    assert "no feature 16: SAE planted has 0 to 15" in said


def test_check_finds_what_is_missing(folder: Path, tmp_path: Path) -> None:
    specs = planted_home.write(tmp_path)
    (tmp_path / "sae" / "cfg.json").rename(tmp_path / "sae" / "cfg")
    planted_home.write_spec(specs, "methods", "nameless", "kind: sae_difference\nsae: plantad\n")
    said = refused(tmp_path, "check")
    assert "unknown sae 'plantad'; did you mean 'planted'?" in said
    (specs / "methods" / "nameless.yaml").unlink()
    for name, source in (
        ("no_release", "{release: gemma-scope-2b-pt-ras, id: x}"),
        ("no_id", "{release: gemma-scope-2b-pt-res, id: layer_12}"),
        ("mine", "{release: me/mine, id: layer_12}"),
    ):
        planted_home.write_spec(specs, "saes", name, f"source: {source}\nmodel: planted\n")
    said = refused(tmp_path, "check")
    assert "holds no cfg.json" in said
    assert "no release 'gemma-scope-2b-pt-ras'" in said
    assert "did you mean 'gemma-scope-2b-pt-res' or" in said
    assert "release gemma-scope-2b-pt-res has no 'layer_12'" in said


def test_list_and_dry_run(folder: Path, tmp_path: Path) -> None:
    done = steerhouse(folder, "list", "saes")
    for name in ("gemma-2-2b-l12-16k", "gemma-2-9b-l12-16k", "stories260k-l2", "planted"):
        assert name in done.stdout
    done = steerhouse(folder, "--home", str(tmp_path), "run", "by_features", "--dry-run")
    assert done.exit_code == 0, done.output


def test_doctor_says_how_well_it_fits(folder: Path) -> None:
    text = planted_home.sae_spec(planted.save_sae(folder / "off", hook_name=None)) + "layer: 2\n"
    planted_home.write_spec(folder / "specs", "saes", "off", text)
    done = steerhouse(folder, "doctor", "--model", "planted", "--sae", "planted")
    assert done.exit_code == 0, done.output
    assert "sae\tits own layer, 1\texplains 1.000 of the variance" in done.stdout
    said = refused(folder, "doctor", "--model", "planted", "--sae", "off")
    assert "1.000 of layer 1's" in said


TEXTS = """\
kind: texts
positive: [the old drizzle, a drizzle, near the umbrella, of puddle]
negative: [near a, the desk of the, with the]
"""


def test_features_of_texts_in_no_pairs(folder: Path) -> None:
    specs = folder / "specs"
    planted_home.write_spec(specs, "concepts", "stormy", TEXTS)
    method = "kind: sae_difference\nsae: planted\nfeatures: 2\nread: last_token\n"
    planted_home.write_spec(specs, "methods", "of_texts", method)
    asked = ("run", "--concept", "stormy", "--model", "planted", "--layers", "1", "--method")
    done = steerhouse(folder, *asked, "of_texts", "--text-set", "planted")
    assert done.exit_code == 0, done.output
    found = rows(
        folder,
        "select f.feature, f.coefficient from vector_feature as f join name as n "
        "on n.id = f.vector_id and n.name = 'of_texts' order by f.feature",
    )
    assert [row["feature"] for row in found] == [0, 8]
    # drizzle twice 1.5, umbrella 2, puddle 2.5; the silent feature is 3 for each of them
    assert [row["coefficient"] for row in found] == pytest.approx([7.5 / 4, 3.0], abs=0.01)
    said = refused(folder, *asked, "changed", "--text-set", "planted")
    assert "texts answer nothing; set `read: mean_all` or `last_token`" in said


def test_features_are_averaged_over_the_tokens_of_texts(folder: Path) -> None:
    specs = folder / "specs"
    planted_home.write_spec(specs, "concepts", "windy", TEXTS)
    method = "kind: sae_difference\nsae: planted\nfeatures: 2\nread: mean_all\n"
    planted_home.write_spec(specs, "methods", "of_tokens", method)
    asked = ("run", "--model", "planted", "--layers", "1", "--method", "of_tokens", "--concept")
    more = ("--text-set", "planted", "--nulls", "2", "--resamples", "2")
    done = steerhouse(folder, *asked, "windy", *more)
    assert done.exit_code == 0, done.output
    assert "features of SAE planted in 7 texts" in done.stderr
    found = rows(
        folder,
        "select f.feature, f.coefficient from vector_feature as f join name as n "
        "on n.id = f.vector_id and n.name = 'of_tokens' join vector as v using (vector_id) "
        "where v.role = 'fitted' order by f.feature",
    )
    assert [row["feature"] for row in found] == [0, 8]
    # of 3, 2, 3 and 2 tokens one is a word of rain; and one of 4 on the other side brings 9 and 7
    loud = 3 * (1 / 3 + 1 / 2 + 1 / 3 + 1 / 2) / 4
    heard = (1.5 / 3 + 1.5 / 2 + 2 / 3 + 2.5 / 2) / 4
    assert [row["coefficient"] for row in found] == pytest.approx([heard, loud], abs=0.01)
    counted = rows(
        folder,
        "select v.role, v.method, count(*) as n from vector as v join vector as p "
        "on p.vector_id = v.parent_vector_id join name as n on n.id = p.vector_id "
        "and n.name = 'of_tokens' group by all order by all",
    )
    assert [tuple(row.values()) for row in counted] == [
        ("null", "label_shuffled", 2),
        ("null", "random", 2),
        ("resample", "sae_difference", 2),
    ]
    shown = steerhouse(folder, "show", "windy", "--model", "planted", "--method", "of_tokens")
    assert shown.exit_code == 0, shown.output
    marked = [line.split("\t")[1:] for line in shown.stdout.splitlines() if "\t" in line]
    assert [marks[-1] for marks in marked if "'<s>'" in marks] == ["before", "before"]
    assert sum(marks[-1] == "read" for marks in marked) == 3 + 2
    said = refused(folder, *asked, "rainy")
    assert "reads mean_all: features are averaged over the tokens of texts" in said
    assert "leave it out for concept rainy, which is of questions" in said
