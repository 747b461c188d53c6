"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # no network at test time
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A process for each core: with more threads than that, torch's would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return ../shared, or skip."""
    if not SHARED.is_dir():
        pytest.skip("../shared is absent")
    return SHARED


@pytest.fixture(autouse=True)
def _no_user_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's own folders out of the tests."""
    for name in ("HOME", "SPECS", "SOURCES"):
        monkeypatch.delenv(f"STEERHOUSE_{name}", raising=False)
