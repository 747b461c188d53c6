"""Bad input as users make it: one clear line, exit code 1, never a traceback, nothing lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click.testing
import duckdb
import numpy as np
import pytest

from tests.command import steerhouse

GOOD = """\
source: {file: tea.csv}
splits: {train: 0.4, validation: 0.3, test: 0.3}
"""
ROWS = "question,positive,negative\n" + "".join(
    f"Question number {i}?,Tea {i},Coffee {i}\n" for i in range(12)
)
ADHOC = ("run", "--concept", "tea", "--layers", "2", "--multipliers", "-1,0,1")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with one good concept."""
    (tmp_path / "specs" / "concepts").mkdir(parents=True)
    write(tmp_path, "concepts/tea.yaml", GOOD)
    write(tmp_path, "concepts/tea.csv", ROWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(place: Path, name: str, text: str | bytes) -> Path:
    path = place / "specs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(*args: str) -> str:
    """Run a command in this process that must end in exit code 1; return its stderr."""
    from steerhouse import cli

    done = click.testing.CliRunner().invoke(cli, ["--specs", "specs", *args], obj=None)
    if not isinstance(done.exception, SystemExit):
        raise AssertionError(done.output) from done.exception
    assert done.exit_code == 1, done.output
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert lines, done.stderr
    assert "Traceback" not in done.output
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (GOOD + "colour: red\n", "tea.yaml:3:1", "colour"),
        (GOOD + "version: one\n", "tea.yaml:3:10", "version"),
        (GOOD + "version: 1\nversion: 2\n", "tea.yaml:4:1", "twice"),
        (GOOD + "description: !tag x\n", "tea.yaml:3:14", "tag"),
        (GOOD + "description: caf\xe9\n".encode().decode().replace("é", "\udce9"), "tea.yaml:3", "UTF-8"),
        (GOOD.replace("0.4", "0.9"), "tea.yaml:2:9", "1.5"),
        (GOOD + "answer_format: leter\n", "tea.yaml:3:16", "letter"),
        ("source: {inline: []}\n", "tea.yaml:1:18", "inline"),
        ("source: {inline: [{question: q, positive: a, negative: a}]}\n", "tea.yaml:1", "differ"),
    ],
)  # fmt: skip
def test_faults_of_a_concept_file(place: Path, text: str, where: str, what: str) -> None:
    write(place, "concepts/tea.yaml", text.encode("utf-8", "surrogateescape"))
    for args in (("check",), ("build", "tea")):
        line = refused(*args)
        assert where in line
        assert what in line


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("build", "tee"), "did you mean 'tea'"),
        (("run", "quickstrat"), "did you mean 'quickstart'"),
        (("run", "--concept", "tea", "--model", "referense"), "did you mean 'reference'"),
        (("run",), "name an experiment"),
        (("run", "--concept", "tea", "--model", "reference", "--method", "mean_diference"), "mean_difference"),
        (("run", "--concept", "tea", "--model", "reference", "--layers", "x"), "--layers"),
        (("run", "--concept", "tea", "--model", "reference", "--layers", "3,99"), "layers 0 to 5"),
        (("run", "--concept", "tea", "--model", "reference", "--multipliers", "a"), "not numbers"),
        (("run", "--concept", "tag:nothing", "--model", "reference"), "tag"),
        (("run", "--concept", "tea", "--model", "./nowhere"), "no such folder"),
        (("build", "openness"), "Anthropic/model-written-evals"),
        (("analyse", "steerabilty"), "did you mean"),
        (("sql", "select 1"), "warehouse"),
        (("status",), "warehouse"),
    ],
)  # fmt: skip
def test_names_and_arguments(place: Path, args: tuple[str, ...], what: str) -> None:
    assert what in refused(*args)


def test_a_layer_out_of_range_is_refused_before_anything_is_built_or_loaded(place: Path) -> None:
    """From the configuration: neither torch nor a dataset is needed to know it."""
    tried = "\n".join([
        "import sys",
        "from steerhouse import cli",
        f"sys.argv = ['steerhouse', '--specs', 'specs', *{ADHOC!r}, *sys.argv[1:]]",
        "try: cli(standalone_mode=False)",
        "finally: print('torch' in sys.modules)",
    ])  # fmt: skip
    for model in ("reference", str(model_folder(place))):
        how = ("--model", model, "--layers", "3,99")
        done = subprocess.run(
            [sys.executable, "-c", tried, *how], capture_output=True, text=True, check=False
        )
        assert "layer 99 is out of range" in done.stderr
        assert done.stdout == "False\n"
    assert not (place / "data").exists()


def test_too_few_questions_for_a_split(place: Path) -> None:
    write(place, "concepts/tea.csv", "\n".join(ROWS.splitlines()[:2]))
    assert "split" in refused("build", "tea")


def test_persona_missing_for_a_variant(place: Path) -> None:
    line = refused(*ADHOC, "--model", "reference", "--variant", "system_positive")
    assert "persona" in line
    assert "system_positive" in line


def test_options_equal_in_a_file_names_the_row(place: Path) -> None:
    write(place, "concepts/tea.csv", ROWS + "Same?,Tea,Tea\n")
    line = refused("build", "tea")
    assert "row 13" in line


# Models ---------------------------------------------------------------------------------------


def model_folder(place: Path, **changes: object) -> Path:
    """Write the reference model as a folder, its tokenizer configuration changed."""
    from runners.reference_model import build

    folder = place / "model"
    model, tokenizer = build()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if changes:
        (folder / "chat_template.jinja").unlink()
        tokenizer.chat_template = changes["template"]
        tokenizer.save_pretrained(folder)
    return folder


def test_model_folder_without_tokenizer(place: Path) -> None:
    folder = model_folder(place)
    for path in folder.glob("*token*"):
        path.unlink()
    assert "tokenizer" in refused(*ADHOC, "--model", str(folder))


def test_model_folder_without_chat_template(place: Path) -> None:
    folder = model_folder(place, template=None)
    line = refused(*ADHOC, "--model", str(folder))
    assert "template" in line
    assert "plain" in line


def test_template_without_a_system_role(place: Path) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}<|user|> {{ m.content }} {% endfor %}<|assistant|>"
    )
    line = refused(*ADHOC, "--model", str(model_folder(place, template=template)))
    assert "system" in line
    assert "merge_into_user" in line


def test_template_with_a_system_text_of_its_own(place: Path) -> None:
    template = (
        "{% if messages[0].role != 'system' %}<|system|> you must be a very kind friend {% endif %}"
        "{% for m in messages %}<|{{ m.role }}|> {{ m.content }} {% endfor %}<|assistant|>"
    )
    folder = model_folder(place, template=template)
    how = ("--variant", "no_system", "--fit-variant", "no_system")
    assert "kind friend" in refused(*ADHOC, *how, "--model", str(folder))


def test_unknown_architecture_is_refused_in_words(place: Path) -> None:
    from transformers import NemotronConfig, NemotronForCausalLM

    folder = model_folder(place)
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    config = NemotronConfig(vocab_size=96, num_hidden_layers=2, head_dim=8, **sizes)
    NemotronForCausalLM(config).save_pretrained(folder)
    line = refused(*ADHOC, "--model", str(folder))
    assert "nemotron" in line


def test_prompt_over_the_context_is_counted(place: Path) -> None:
    write(place, "models/short.yaml", f"folder: {model_folder(place)}\ncontext: 20\n")
    line = refused(*ADHOC, "--model", "short")
    assert "beyond the context" in line
    assert "unfit_items: drop" in line


def test_vector_file_of_another_width(place: Path) -> None:
    np.save(place / "v.npy", np.ones((6, 7), np.float32))
    write(place, "methods/mine.yaml", "kind: file\nfile: ../../v.npy\n")
    line = refused(*ADHOC, "--model", "reference", "--method", "mine")
    assert "width 7" in line


def test_logits_that_are_not_finite(place: Path) -> None:
    np.save(place / "v.npy", np.full((6, 128), 3e38, np.float32))
    write(place, "methods/mine.yaml", "kind: file\nfile: ../../v.npy\n")
    far = ("--multipliers", "-10,0,10")
    line = refused(*ADHOC, *far, "--model", "reference", "--method", "mine")
    assert "not finite" in line
    assert "layer 2" in line


def test_item_without_a_decision_position(place: Path) -> None:
    """The model's tokenizer knows neither symbol, so that both completions are the same tokens."""
    write(place, "concepts/tea.yaml", GOOD + "symbols: [Q, Z]\n")
    line = refused(*ADHOC, "--model", "reference")
    assert "no decision position" in line


# Experiments ----------------------------------------------------------------------------------

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
    assert "no experiment matches" in refused("check", "fourf*")
    assert "is saved already" in refused("run", "three", "--save", "four")


def test_a_fault_of_one_experiment_stops_all_before_they_begin(place: Path) -> None:
    write(place, "experiments/twofold.yaml", ASKED + "layers: [2]\nlimit: 2\n")
    write(place, "experiments/twofish.yaml", ASKED + "methods: [random]\n")
    assert "twofish: method random is a null" in refused("run", "twof*")
    assert not (place / "data").exists()


# Warehouse ------------------------------------------------------------------------------------


@pytest.fixture
def measured(place: Path) -> Path:
    """Return a folder whose warehouse holds a small run, and a copy of one staged file."""
    from steerhouse import cli

    args = ["--specs", "specs", *ADHOC, "--model", "reference"]
    done = click.testing.CliRunner().invoke(cli, args)
    assert done.exit_code == 0, done.output
    return place


def test_warehouse_of_a_newer_schema(measured: Path) -> None:
    path = measured / "data" / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("update schema_migration set version = version + 100")
    for args in (("sql", "select 1"), (*ADHOC, "--model", "reference", "--limit", "2")):
        assert "upgrade steerhouse" in refused(*args)


def test_truncated_staged_file_is_set_aside_and_measured_again(measured: Path) -> None:
    shutil.rmtree(measured / "data")
    args = ("--specs", "specs", *ADHOC, "--model", "reference")
    staged = measured / "data" / "staged" / "x"
    staged.mkdir(parents=True)
    (staged / "test-00000.0123456789abcdef.parquet").write_bytes(b"PAR1 cut off")
    done = steerhouse(*args, cwd=measured)
    assert done.returncode == 0, done.stderr
    assert "Warning: " in done.stderr
    assert list((measured / "data" / "staged" / "refused").rglob("*.parquet"))


@pytest.mark.parametrize("key", ["/validation-", "/test-", "plan-"])
def test_a_file_damaged_in_the_run_ends_it_with_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """What was measured is missing then: exit code 1; the same command measures it again."""
    import warehouse.staged
    from steerhouse import cli

    own = warehouse.staged.stage

    def damaging(home: Path, name: str, relations: object) -> Path:
        path = own(home, name, relations)  # type: ignore[arg-type]
        if key in f"/{name}":
            path.write_bytes(path.read_bytes()[:-9])
        return path

    args = (*ADHOC, "--model", "reference", "--limit", "2")
    with monkeypatch.context() as context:
        context.setattr(warehouse.staged, "stage", damaging)
        line = refused(*args)
    assert "did not arrive in the warehouse" in line
    assert line.count("Error: ") == 1
    done = click.testing.CliRunner().invoke(cli, ["--specs", "specs", *args])
    assert done.exit_code == 0, done.output
    with duckdb.connect(str(place / "data" / "warehouse.duckdb"), read_only=True) as connection:
        ((missing, asked),) = connection.execute(
            "select sum(n_missing), sum(n_asked) from coverage"
        ).fetchall()
    assert missing == 0 < asked


def test_two_runs_at_once_measure_everything_once(place: Path) -> None:
    from tests.command import STEERHOUSE

    args = [str(STEERHOUSE), "--specs", "specs", *ADHOC, "--model", "reference"]
    both = [subprocess.Popen(args, cwd=place, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    with duckdb.connect(str(place / "data" / "warehouse.duckdb"), read_only=True) as connection:
        ((rows, distinct),) = connection.execute(
            "select count(*), count(distinct (run_id, item_id, layer, multiplier)) from measurement"
        ).fetchall()
    assert rows == distinct > 0
