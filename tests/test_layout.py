"""The rooms, who may enter them, and what stays out of start-up."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "specs": set(),
    "warehouse": set(),
    "builders": {"specs"},
    "analysis": {"warehouse"},
    "runners": {"specs", "builders", "warehouse"},
}
HEAVY = ("torch", "transformers", "datasets", "sae_lens", "pandas", "ray")


def imports(path: Path) -> set[str]:
    """Return the top-level names that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    allowed = ROOMS[room] | {room}
    for path in (ROOT / room).rglob("*.py"):
        ours = imports(path) & {*ROOMS, "steerhouse", "tests"}
        assert ours <= allowed, f"{path.relative_to(ROOT)} imports {sorted(ours - allowed)}"


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "runners"])
def test_torch_stays_in_runners(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        assert not imports(path) & {"torch", "transformers"}, path


@pytest.mark.parametrize("name", [*ROOMS, "steerhouse"])
def test_packages_come_from_this_checkout(name: str) -> None:
    assert Path(str(importlib.import_module(name).__file__)).is_relative_to(ROOT)


@pytest.mark.parametrize(
    "modules",
    ["steerhouse", *(f"{room}.commands" for room in ROOMS)],
)
def test_start_up_loads_nothing_heavy(modules: str) -> None:
    code = f"import sys, {modules}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for requirement in asked:
        line = next(line for line in text.splitlines() if f'"{requirement}"' in line)
        assert "# " in line, f"{requirement} stands without a reason"


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(ROOT)): n
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert not long, long
