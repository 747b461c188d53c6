"""What the README says to type works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.command import steerhouse

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:`(specs/concepts/[\w.]+)`\n\n)?```(\w*)\n(.*?)```", re.DOTALL)


def tour() -> list[tuple[str, str, str]]:
    """Return (file named before it, language, text) of each block of the five minutes."""
    section = README.split("## Five minutes")[1].split("\n## ")[0]
    return [(m[1], m[2], m[3]) for m in BLOCK.finditer(section)]


def test_the_five_minutes_work_as_printed(tmp_path: Path) -> None:
    (tmp_path / "specs" / "concepts").mkdir(parents=True)
    n_commands = 0
    for file, language, text in tour():
        if file:
            (tmp_path / file).write_text(text, encoding="utf-8")
        for line in text.splitlines() if language == "console" else []:
            if line.startswith("steerhouse "):
                done = steerhouse(*shlex.split(line)[1:], cwd=tmp_path)
                assert done.returncode == 0, f"{line}\n{done.stderr}"
                assert done.stdout or " check" in line or " run " in line or "--out" in line, line
                n_commands += 1
    assert n_commands >= 8
    assert (tmp_path / "steerability.csv").read_text().startswith("run_id,")


@pytest.mark.parametrize("kind", ["analyse", "view"])
def test_every_name_in_the_readme_exists(kind: str) -> None:
    from analysis.catalog import analyses
    from warehouse.definitions import view_names

    if kind == "analyse":
        table = README.split("## Questions that stand ready")[1].split("Views for your own")[0]
        rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        named = {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"checks"}
        assert named == {a.name for a in analyses().values() if a.topic != "checks"}
    else:
        text = README.split("Views for your own SQL:")[1].split("Every table")[0]
        named = set(re.findall(r"`(\w+)`", text))
        assert named <= set(view_names())
        assert len(named) >= 12  # else the text is no longer found


def test_the_tree_names_every_room() -> None:
    tree = README.split("## Where things are")[1]
    for path in ROOT.iterdir():
        if path.is_dir() and any(path.glob("*.py")):
            assert f"{path.name}/" in tree, path.name
