"""What docs/ shows as YAML is read as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from builders.build import build
from runners.check import check_all
from specs.reader import read
from specs.schema import Concept
from specs.settings import Settings
from tests.doc_blocks import DOCS, blocks
from tests.empty_warehouse import place
from warehouse.connect import connect


def yaml_blocks(page: str) -> list[str]:
    return blocks(page, "yaml")


def test_every_block_is_a_spec(tmp_path: Path) -> None:
    kinds = ["concepts", "concepts", "variants", "concepts", "experiments"]
    for number, (kind, block) in enumerate(zip(kinds, yaml_blocks("concepts.md"), strict=True)):
        (tmp_path / f"block{number}.yaml").write_text(block)
        read(tmp_path / f"block{number}.yaml", kind)


def test_the_template_of_the_docs_is_built(tmp_path: Path) -> None:
    (tmp_path / "visits.yaml").write_text(yaml_blocks("concepts.md")[0])
    concept = read(tmp_path / "visits.yaml", "concepts")
    assert isinstance(concept, Concept)
    built = build(concept, [], Settings(home=tmp_path))
    assert len(built.items) == 24
    counts = {split: about["n_items"] for split, about in built.audit.splits.items()}
    assert counts == {"train": 12, "validation": 6, "test": 6}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the specs that pages show under the path they would have."""
    folder = tmp_path_factory.mktemp("shown")
    for page in ("rollouts.md", "scorers.md", "approximator.md", "saes.md"):
        for text in yaml_blocks(page):
            path = folder / text.splitlines()[0].removeprefix("# ")
            assert path.parent.parent == folder / "specs", (page, text)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (moods,) = (text for text in yaml_blocks("concepts.md") if text.startswith("# specs/"))
    (folder / moods.splitlines()[0].removeprefix("# ")).write_text(moods)
    return folder


def test_what_pages_show_as_specs_is_read_and_names_what_there_is(shown: Path) -> None:
    names = [path.stem for path in (shown / "specs").rglob("*.yaml")]
    assert len(names) == 10
    faults, _ = check_all(Settings(shown / "data", (shown / "specs",)), names, False)
    # The weights of the reader's own autoencoder are not ours to show.
    (fault,) = faults
    assert "saes/mine holds no cfg.json and no sae_weights.safetensors" in fault


def test_commands_and_analyses_that_pages_name_are_there(tmp_path: Path) -> None:
    from analysis.catalog import analyses
    from steerhouse import cli

    known = analyses()
    text = "\n".join(path.read_text("utf-8") for path in DOCS.glob("*.md"))
    commands = set(
        re.findall(r"(?:^ {4}|`|&& )steerhouse (?:--\S+ \S+ )*([a-z]+)", text, re.MULTILINE)
    )
    assert commands > {"analyse", "check", "run", "sql"}
    assert commands <= {*cli.list_commands(click.Context(cli)), "analyse"}
    named = re.findall(r"analyse ([a-z][a-z0-9_]+)((?: --param \w+)*)", text)
    assert len(named) > 10
    for name, parameters in named:
        asked = set(re.findall(r"--param (\w+)", parameters))
        assert asked <= {each.name for each in known[name].parameters}, name


def test_the_sql_of_pages_is_bound(tmp_path: Path) -> None:
    place(tmp_path)
    found = [text for path in sorted(DOCS.glob("*.md")) for text in sql_of(path)]
    assert len(found) >= 2
    with connect(tmp_path) as connection:
        for text in found:
            connection.execute(text).fetchall()


def sql_of(page: Path) -> list[str]:
    """Return the queries of a page, but for those on files of the reader's own."""
    text = page.read_text("utf-8")
    given = re.findall(r'^ {4}steerhouse sql "([^"]+)"$', text, re.MULTILINE)
    return [query for query in [*blocks(page.name, "sql"), *given] if "attach" not in query]


def test_nothing_that_a_user_reads_cites_what_is_not_here() -> None:
    """DESIGN was a plan on its authors' desk, and is no file of the repository."""
    from analysis.catalog import analyses

    root = DOCS.parent
    read_by_users = {
        **{
            str(path): path.read_text("utf-8") for path in [*DOCS.rglob("*.md"), *root.glob("*.md")]
        },
        **{path.name: path.read_text("utf-8") for path in root.glob("specs/schema/*.json")},
        **{path.name: path.read_text("utf-8") for path in root.glob("warehouse/comments/*")},
        **{found.path: found.header for found in analyses().values()},
        **helps(),
    }
    assert len(read_by_users) > 70
    assert [name for name, text in read_by_users.items() if "DESIGN" in text] == []


def helps() -> dict[str, str]:
    """Return what `--help` says of every command."""
    from steerhouse import cli

    context = click.Context(cli)
    found = {"": cli.get_help(context)}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        found[name] = command.get_help(click.Context(command, context, name))
        if isinstance(command, click.Group):
            for each in command.commands.values():
                found[f"{name} {each.name}"] = each.get_help(click.Context(each, context))
    return found
