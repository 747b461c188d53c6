"""A bench of the reference model, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.build import build
from runners.campaign.bench import Bench
from runners.fitting.fitter import Fitter
from runners.models.load import LoadedModel, load
from specs.catalog import Catalog
from specs.settings import Settings

VARIANTS = ("base", "user_positive")


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture(scope="session")
def reference(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load(catalog.get("models", "reference"), Settings(home=tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="session")
def kind(
    reference: LoadedModel, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Bench:
    """Return concept kind under two variants on the reference model."""
    return bench_of("kind", reference, catalog, tmp_path_factory.mktemp("bench"))


@pytest.fixture
def fitter(kind: Bench, tmp_path: Path) -> Fitter:
    """Return what fits vectors of concept kind, in a home of its own."""
    return Fitter(kind, tmp_path, {}, 8192)


def bench_of(
    name: str, loaded: LoadedModel, catalog: Catalog, home: Path, train_order: str | None = None
) -> Bench:
    """Return a concept under two variants, its training options in another order where one is named."""
    concept = catalog.get("concepts", name)
    if train_order is not None:
        orders = concept.option_order.model_copy(update={"train": train_order})
        changes = {"name": f"{name}-{train_order}", "option_order": orders}
        concept = concept.model_copy(update=changes)
    variants = {v: catalog.get("variants", v) for v in VARIANTS}
    return Bench(
        loaded, concept, build(concept, list(variants.values()), Settings(home=home)), variants
    )
