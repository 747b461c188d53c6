from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from specs.schema import Concept, Variant
from specs.settings import Settings

SOURCES = Path(__file__).parents[3] / "shared" / "sources"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def sources() -> Path:
    if not (SOURCES / "Anthropic" / "model-written-evals").is_dir():
        pytest.skip(f"no mirror of Anthropic/model-written-evals at {SOURCES}")
    return SOURCES


@pytest.fixture
def concept(tmp_path: Path) -> Callable[..., Concept]:
    """Make a concept as the reader would: strict, with a path beside which its files lie."""

    def make(source: Any = None, *, n: int = 20, name: str = "tea", **keys: Any) -> Concept:
        if source is None:
            source = {"inline": [inline(i) for i in range(n)]}
        made = Concept.model_validate({"name": name, "source": source, **keys})
        made._path = tmp_path / f"{name}.yaml"
        return made

    return make


def inline(i: int) -> dict[str, Any]:
    yes, no = ("Yes, cup" if i % 2 else "Cup"), ("No, mug" if i % 2 else "Mug")
    return {"question": f"Is tea {i} nice?", "positive": f"{yes} {i}", "negative": f"{no} {i}"}


@pytest.fixture
def base() -> Variant:
    return Variant(name="base", system="Be brief.")


@pytest.fixture
def asserting() -> Variant:
    return Variant(name="asserting", system="{{ persona.positive }}")
