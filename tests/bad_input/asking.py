"""A working folder with one good concept, and commands in it that must be refused."""

from __future__ import annotations

from pathlib import Path

import click.testing

GOOD = """\
source: {file: tea.csv}
splits: {train: 0.4, validation: 0.3, test: 0.3}
"""
ROWS = "question,positive,negative\n" + "".join(
    f"Question number {i}?,Tea {i},Coffee {i}\n" for i in range(12)
)
ADHOC = ("run", "--concept", "tea", "--layers", "2", "--multipliers", "-1,0,1")


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
