from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from specs.faults import Refused
from specs.reader import read

Faults = Callable[..., list[str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the test, so that messages show paths as short as a user's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def faults(here: Path) -> Faults:
    """The faults of a text as a spec of a kind, in a file x.yaml."""

    def faults(kind: str, text: str | bytes, name: str = "x.yaml") -> list[str]:
        (here / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(Refused) as refused:
            read(Path(name), kind)
        return list(refused.value.faults)

    return faults


@pytest.fixture
def mine(here: Path) -> Path:
    """A user's specs folder with one concept, one experiment and no fault."""
    folder = here / "mine"
    for kind in ("concepts", "experiments"):
        (folder / kind).mkdir(parents=True)
    (folder / "concepts" / "tidy.yaml").write_text(
        "description: Likes things in order.\ntags: [home]\nsource: {file: tidy.csv}\n"
    )
    (folder / "experiments" / "tidiness.yaml").write_text("models: [reference]\nconcepts: [tidy]\n")
    return folder
