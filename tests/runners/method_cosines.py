"""Every fitted method against the reference model's planted direction, as a table.

`python -m tests.runners.method_cosines` prints it: cosines with the planted direction and with the
letter's, and the spread of nulls along the planted one beside its theory.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from runners.campaign.bench import Bench
from runners.fitting.draws import gaussian_direction
from runners.fitting.estimator import Estimator
from runners.fitting.fitter import Fitter
from runners.methods.label_shuffled import label_shuffled
from runners.methods.plugins import Plugins
from runners.models.load import LoadedModel, load
from runners.reference_model.axes import direction
from specs.catalog import Catalog
from specs.schema import FittedMethod
from specs.settings import Settings
from tests.runners.conftest import bench_of
from tests.runners.planted import cosine, planted

LAYERS = (2, 3, 4, 5)
"""Those at whose output the planted direction is written."""


class Row(NamedTuple):
    """One method at one layer."""

    method: str
    orders: str
    """`both`, or `alternate`: of the training questions' options."""
    layer: int
    length: float
    """Of the raw vector; the planted one has .6 at layer 2, else 1."""
    planted: float
    """Cosine with the planted direction."""
    letter: float
    """Cosine with the letter's axis, of either sign."""
    random: float
    """Standard deviation along the planted direction of random nulls of the planted length."""
    random_theory: float
    shuffled: float
    """The same of label shuffles of this method, at factor 1."""
    shuffled_theory: float


def benches(loaded: LoadedModel, catalog: Catalog, home: Path) -> dict[str, Bench]:
    """Return concept kind, with training questions in both orders and in one each by turns."""
    return {
        "both": bench_of("kind", loaded, catalog, home / "both"),
        "alternate": bench_of("kind", loaded, catalog, home / "alternate", "alternate"),
    }


def methods(catalog: Catalog) -> list[str]:
    """Return the shipped methods that are fitted on the activations of the answer token."""
    found = {name: catalog.get("methods", name) for name in catalog.names("methods")}
    return [
        name
        for name, spec in found.items()
        if isinstance(spec, FittedMethod) and spec.on_activations and spec.read == "answer_token"
    ]


def rows(
    fitters: dict[str, Fitter],
    catalog: Catalog,
    names: Sequence[str],
    layers: Sequence[int],
    draws: int = 60,
) -> Iterator[Row]:
    """Yield a row for each method, option order and layer; without `draws` its nulls are nan."""
    for name in names:
        spec = catalog.get("methods", name)
        assert isinstance(spec, FittedMethod)
        for orders, fitter in fitters.items():
            for layer in layers:
                yield _row(name, orders, layer, fitter, Estimator.of(spec, Plugins()), draws)


def _row(
    name: str, orders: str, layer: int, fitter: Fitter, estimator: Estimator, draws: int
) -> Row:
    truth, letter = planted(direction("kind")), planted({"letter": 2, "mark.kind": 2})
    training = fitter.training("base")
    pairs = training.pairs(layer)
    estimator = estimator.settled(pairs)
    vector, amount = estimator(pairs), 0.6 if layer == 2 else 1.0
    questions, width = len(set(training.questions)), len(vector)
    shuffled = [
        estimator(label_shuffled(pairs, training.questions, 0, n)) @ truth for n in range(draws)
    ]
    random = [amount * gaussian_direction(0, n, layer, name, width) @ truth for n in range(draws)]
    return Row(
        name,
        orders,
        layer,
        float(np.linalg.norm(vector)),
        cosine(vector, truth),
        abs(cosine(vector, letter)),
        float(np.std(random)) if draws else np.nan,
        amount / width**0.5,
        float(np.std(shuffled)) if draws else np.nan,
        amount / questions**0.5,
    )


def main() -> None:
    """Print the table."""
    catalog = Catalog()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        loaded = load(catalog.get("models", "reference"), Settings(home=home))
        fitters = {
            orders: Fitter(bench, home, {}, 8192)
            for orders, bench in benches(loaded, catalog, home).items()
        }
        print(f"{'method':27}{'orders':>10}" + "".join(f"{f:>17}" for f in Row._fields[2:]))
        for row in rows(fitters, catalog, methods(catalog), LAYERS):
            print(f"{row.method:27}{row.orders:>10}" + "".join(f"{v:17.3f}" for v in row[2:]))


if __name__ == "__main__":
    sys.exit(main())
