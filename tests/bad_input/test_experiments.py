"""Experiments whose parts do not agree: refused before any work."""

from __future__ import annotations

from pathlib import Path

import click.testing
import numpy as np
import pytest

from tests.bad_input.asking import refused, write

ASKED = "models: [reference]\nconcepts: [tea]\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("methods: [random]\n", "write `nulls: {random: 20}`"),
        ("methods: [mean_difference, label_shuffled]\n", "label_shuffled is a null"),
        ("layers: best\nmultipliers: [0, 1]\n", "3 of them within 1.5, 0 included"),
        ("nulls: {random: 2}\nmultipliers: [2, 4, -1]\n", "multipliers 2, 4, -1 choose no layer"),
        ("layers: [2, 3]\nresamples: 2\nmultipliers: [1]\n", "choose no layer"),
        ("methods: [mine]\n", "has width 7, the model has d_model 128"),
        ("methods: [long]\n", "holds layer 6, the model has layers 0 to 5"),
        ("methods: [two]\nlayers: [1, 2, 3]\n", "holds no vector for layer 3; it has 1, 2"),
        ("methods: [three]\n", "holds 2 rows, `layers:` names 3"),
        ("methods: [gone]\n", "no such vector file"),
    ],
)
def test_check_and_run_find_the_same_before_any_work(place: Path, text: str, what: str) -> None:
    for name, shape in {"mine": (6, 7), "long": (7, 128), "two": (2, 128)}.items():
        np.save(place / f"{name}.npy", np.ones(shape, np.float32))
    for name, more in {
        "mine": "file: ../../mine.npy",
        "long": "file: ../../long.npy",
        "two": "file: ../../two.npy\nlayers: [1, 2]",
        "three": "file: ../../two.npy\nlayers: [1, 2, 3]",
        "gone": "file: ../../gone.npy",
    }.items():
        write(place, f"methods/{name}.yaml", f"kind: file\n{more}\n")
    write(place, "experiments/mine.yaml", ASKED + text)
    assert what in refused("check", "mine")
    assert what in refused("run", "mine")
    assert not (place / "data" / "vectors").exists()
    assert not (place / "data" / "warehouse.duckdb").exists()


def test_one_layer_needs_no_choice_and_no_three_multipliers(place: Path) -> None:
    from steerhouse import cli

    write(place, "experiments/one.yaml", ASKED + "layers: [3]\nresamples: 2\nmultipliers: [1]\n")
    done = click.testing.CliRunner().invoke(cli, ["--specs", "specs", "check", "one"])
    assert done.exit_code == 0, done.output


def test_a_glob_stands_for_its_experiments(place: Path) -> None:
    from steerhouse import cli

    def told(*args: str) -> click.testing.Result:
        done = click.testing.CliRunner().invoke(cli, ["--specs", "specs", *args])
        assert done.exit_code == 0, done.output
        return done

    for name, layer in {"twofold": 2, "twofish": 3, "three": 4}.items():
        write(place, f"experiments/{name}.yaml", ASKED + f"layers: [{layer}]\nlimit: 2\n")
    said = told("run", "twof*").stderr
    assert "twofish: " in said
    assert "twofold: " in said
    rows = [line for line in told("status", "twof*").stdout.splitlines() if "twof" in line]
    assert len(rows) == 2
    assert told("check", "twof*").stderr.endswith("No faults found.\n")
    assert "no experiment matches 'fourf*'" in refused("run", "fourf*")
    assert "has not been run here" in refused("status", "fourf*")
    assert "no spec matches 'fourf*'" in refused("check", "fourf*")
    assert "is saved already" in refused("run", "three", "--save", "four")


def test_a_fault_of_one_experiment_stops_all_before_they_begin(place: Path) -> None:
    write(place, "experiments/twofold.yaml", ASKED + "layers: [2]\nlimit: 2\n")
    write(place, "experiments/twofish.yaml", ASKED + "methods: [random]\n")
    assert "twofish: method random is a null" in refused("run", "twof*")
    assert not (place / "data").exists()


def test_check_finds_files_and_plugins_that_are_not_there_whoever_asks(place: Path) -> None:
    write(place, "methods/gone.yaml", "kind: file\nfile: gone.npy\n")
    write(place, "methods/own.yaml", "kind: plugin\nplugin: trimmed\n")
    write(place, "methods/sum.yaml", "kind: combined\nterms: [{method: own}, {method: pca}]\n")
    file = "method gone: specs/methods/gone.npy: no such vector file"
    plugin = "method own: plugin trimmed: nothing bears this name"
    for line in (file, plugin):
        assert line in refused("check")
        assert refused("check").count(line) == 1
    assert file in refused("check", "gone")
    assert plugin in refused("check", "sum")
    assert plugin not in refused("check", "gone")
    # a model that is not here: nothing is fetched for a vector that is not there
    write(place, "experiments/far.yaml", "models: [llama-2-7b-chat]\nconcepts: [tea]\nmethods: [gone, own]\n")  # fmt: skip
    told = refused("run", "far")
    assert file in told
    assert plugin in told


def test_check_knows_names_of_every_kind(place: Path) -> None:
    from steerhouse import cli

    def told(*names: str) -> str:
        done = click.testing.CliRunner().invoke(cli, ["--specs", "specs", "check", *names])
        assert done.exit_code == 0, done.output
        return done.stderr

    assert told("tea", "lda", "neutral", "base", "reference") == "No faults found.\n"
    assert "unknown method 'ldaa'; did you mean 'lda'" in refused("check", "ldaa")
    write(place, "text_sets/broken.yaml", "source: {file: nowhere.txt}\n")
    assert "nowhere.txt" in refused("check", "broken")
    assert told("tea") == "No faults found.\n"


NAMES = {
    "--concept": ("tee", "unknown concept 'tee'; did you mean 'tea'"),
    "--method": ("ldaa", "unknown method 'ldaa'; did you mean 'lda'"),
    "--variant": ("bass", "unknown variant 'bass'; did you mean 'base'"),
    "--text-set": ("newtral", "unknown text_set 'newtral'; did you mean 'neutral'"),
    "--model": ("refrence", "--model refrence: neither a model spec"),
}


def test_run_tells_all_names_that_it_does_not_know_at_once(place: Path) -> None:
    options = [word for option, (name, _) in NAMES.items() for word in (option, name)]
    told = refused("run", *options, "--layers", "x")
    for _, line in NAMES.values():
        assert line in told
    assert "--layers x" in told
    lists = "models: [refrence]\nconcepts: [tee]\nmethods: [ldaa]\nvariants: [bass]\n"
    write(place, "experiments/mine.yaml", lists + "text_sets: [newtral]\n")
    told = refused("run", "mine")
    for name, _ in NAMES.values():
        assert repr(name) in told
