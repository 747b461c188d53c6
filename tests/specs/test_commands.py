from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from specs import listing
from specs.catalog import SHIPPED, Catalog
from specs.commands import KINDS, list_specs, schema
from specs.faults import Refused
from specs.schema import KINDS as CLASSES
from specs.settings import Settings


def run(command: object, *arguments: str, settings: Settings | None = None) -> Result:
    return CliRunner().invoke(command, arguments, obj=settings or Settings())  # type: ignore[arg-type]


def test_the_kinds_on_the_command_line_are_those_of_the_classes() -> None:
    assert tuple(CLASSES) == KINDS


def test_the_commands_are_there_before_pydantic() -> None:
    code = (
        "import specs.commands, sys; sys.exit('pydantic' in sys.modules or 'yaml' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=SHIPPED.parent)


def test_list_of_one_kind(mine: Path) -> None:
    result = run(list_specs, "concepts", "ti*", settings=Settings(specs=(Path("mine"),)))
    assert result.exit_code == 0
    assert result.stdout == "tidy\t1\tLikes things in order.\tmine/concepts/tidy.yaml\n"
    assert result.stderr == ""


def test_list_of_all_kinds_says_which() -> None:
    lines = run(list_specs).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == [
        kind for kind in KINDS for _ in Catalog().names(kind)
    ]
    assert {line.count("\t") for line in lines} == {4}


def test_list_says_whose_spec_is_taken(mine: Path) -> None:
    (mine / "methods").mkdir()
    (mine / "methods" / "random.yaml").write_text("kind: random\nversion: 2\n")
    result = run(list_specs, "methods", "random", settings=Settings(specs=(Path("mine"),)))
    assert result.stdout == "random\t2\t\tmine/methods/random.yaml\n"
    assert (
        result.stderr == f"mine/methods/random.yaml is taken, not {SHIPPED}/methods/random.yaml\n"
    )


def test_list_shows_what_can_be_read_and_then_the_faults(mine: Path) -> None:
    (mine / "concepts" / "broken.yaml").write_text("source: 3\n")
    result = run(list_specs, "concepts", settings=Settings(specs=(Path("mine"),)))
    assert "tidy\t1\t" in result.stdout
    assert isinstance(result.exception, Refused)
    assert result.exception.faults == (
        "mine/concepts/broken.yaml:1:9: source: found the number 3; should be a mapping with one of"
        " the keys inline, file, hub, template",
    )


def test_list_of_an_unknown_kind_is_an_error_of_usage() -> None:
    assert run(list_specs, "concept").exit_code == 2


def test_list_of_an_unknown_name() -> None:
    result = run(list_specs, "variants", "bass")
    assert isinstance(result.exception, Refused)
    assert str(result.exception) == (
        "unknown variant 'bass'; did you mean 'base'? `steerhouse list variants` shows all"
    )


def test_the_table_for_a_terminal_keeps_brackets() -> None:
    rows = [
        listing.Row("concepts", "tidy", 1, "Likes [things] in order.", "mine/concepts/tidy.yaml"),
        listing.Row("models", "small", 3, "", f"{SHIPPED}/models/small.yaml"),
    ]
    out = io.StringIO()
    listing.print_table(rows, Console(file=out, width=90))
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "concepts",
        "name  version  description                     folder",
        "tidy        1  Likes [things] in order.        mine",
        "models",
        "name   version  description                     folder",
        "small        3                                  shipped",
    ]


def test_a_terminal_gets_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False
    )
    result = run(list_specs, "methods")
    assert "methods" in result.stdout.splitlines()[0]
    assert "\t" not in result.stdout


def test_schema_writes_and_says_what(here: Path) -> None:
    result = run(schema, "--dir", "mine")
    assert result.stdout.splitlines() == [f"mine/{kind[:-1]}.schema.json" for kind in KINDS]
    assert run(schema, "--dir", "mine").stdout == ""
    assert run(schema, "--dir", "mine", "--check").exit_code == 0


def test_schema_check_says_what_differs_and_writes_nothing(here: Path) -> None:
    run(schema, "--dir", "mine")
    (here / "mine" / "model.schema.json").write_text("{}")
    result = run(schema, "--dir", "mine", "--check")
    assert isinstance(result.exception, Refused)
    assert result.exception.faults == (
        "mine/model.schema.json: not what the classes in specs/schema.py say; "
        "run `steerhouse schema --dir mine`",
    )
    assert (here / "mine" / "model.schema.json").read_text() == "{}"


def test_schema_check_of_the_shipped_ones() -> None:
    assert run(schema, "--check").exit_code == 0
