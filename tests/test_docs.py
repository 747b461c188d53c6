"""What docs/ shows as YAML is read as it stands."""

from __future__ import annotations

from pathlib import Path

from builders.build import build
from specs.reader import read
from specs.schema import Concept
from specs.settings import Settings
from tests.doc_blocks import DOCS, blocks


def test_every_block_is_a_spec(tmp_path: Path) -> None:
    kinds = ["concepts", "concepts", "variants"]
    for number, (kind, block) in enumerate(zip(kinds, blocks("concepts.md", "yaml"), strict=True)):
        (tmp_path / f"block{number}.yaml").write_text(block)
        read(tmp_path / f"block{number}.yaml", kind)


def test_the_template_of_the_docs_is_built(tmp_path: Path) -> None:
    (tmp_path / "visits.yaml").write_text(blocks("concepts.md", "yaml")[0])
    concept = read(tmp_path / "visits.yaml", "concepts")
    assert isinstance(concept, Concept)
    built = build(concept, [], Settings(home=tmp_path))
    assert len(built.items) == 24
    counts = {split: about["n_items"] for split, about in built.audit.splits.items()}
    assert counts == {"train": 12, "validation": 6, "test": 6}


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
    import click

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
