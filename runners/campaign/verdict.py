"""What `run --verify N` found: which rows hold, how far they lie off, and what is only rounding."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from runners.console import say
from runners.models.experts import routes
from specs.faults import Refused

if TYPE_CHECKING:
    import torch

    from runners.models.load import LoadedModel

__all__ = ["judged", "routes", "tell"]

Row = dict[str, Any]
"""A row of `verification`."""
TOLERATED = 20
"""One row in so many may differ where a router chooses experts, and one in any case."""


def judged(found: Sequence[Row], loaded: LoadedModel) -> list[Row]:
    """Return the rows with `outlier`: beyond the tolerance, but few, in a model with experts."""
    beyond = [not _share(row, loaded) <= 1 for row in found]  # nan is beyond
    few = sum(beyond) <= max(1, len(found) // TOLERATED)
    passes = few and routes(loaded.model)
    return [{**row, "outlier": passes and over} for row, over in zip(found, beyond, strict=True)]


def tell(found: Sequence[Row], loaded: LoadedModel) -> None:
    """Say how far the rows lie off.

    Raises:
        Refused: a stored number differs from the reference path by more than the tolerance of the
            model's dtype, and is no outlier; each line names one, at most five.
    """
    if not found:
        return
    wrong = [row for row in found if not _share(row, loaded) <= 1 and not row["outlier"]]
    if wrong:
        raise Refused(
            *(
                f"{_gap(row, loaded)}; `steerhouse warehouse forget --run {row['run_id']}` removes "
                "the run"
                for row in wrong[:5]
            )
        )
    from runners.engine.selfcheck import arithmetic

    held = [row for row in found if not row["outlier"]]
    largest = max((abs(row["logit_diff"] - row["reference"]) for row in held), default=0.0)
    say(
        f"verified {len(found)} random rows by the reference path: largest difference "
        f"{largest:.2g} logits, tolerance {_tolerance(found[0], loaded):.2g} (largest answer logit "
        f"{found[0]['scale']:.3g}, arithmetic in {_plain(arithmetic(loaded))})"
    )
    for row in found:
        if row["outlier"]:
            say(
                f"Warning: {_gap(row, loaded)}: a router that is nearly tied chose other experts; "
                f"up to one such row in {TOLERATED} is let pass and marked in `verification`"
            )
    _tell_rounding([row for row in held if row.get("float32") is not None], loaded)


def _tell_rounding(held: Sequence[Row], loaded: LoadedModel) -> None:
    """Say how much of the numbers is the model's own rounding, beside what the fast path adds."""
    if not held:
        return
    dtype = _plain(loaded.dtype)
    added = [abs(row["logit_diff"] - row["reference"]) for row in held]
    own = [abs(row["reference"] - row["float32"]) for row in held]
    effect = [
        abs(
            (row["reference"] - row["reference_unsteered"])
            - (row["float32"] - row["float32_unsteered"])
        )
        for row in held
    ]
    say(
        f"the model's own rounding in {dtype} (reference path against a float32 copy): "
        f"{_spread(own)} logits, of an effect {_spread(effect)}; the fast path adds "
        f"{_spread(added)}"
    )


def _spread(values: Sequence[float]) -> str:
    return f"median {median(values):.2g}, largest {max(values):.2g}"


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _tolerance(row: Row, loaded: LoadedModel) -> float:
    """Return how far the two paths of a row may lie apart, in logits."""
    from runners.engine.selfcheck import arithmetic, tolerance

    return tolerance(arithmetic(loaded), row["scale"])


def _share(row: Row, loaded: LoadedModel) -> float:
    """Return the difference of the two paths as a share of the tolerance."""
    return float(abs(row["logit_diff"] - row["reference"]) / _tolerance(row, loaded))


def _gap(row: Row, loaded: LoadedModel) -> str:
    return (
        f"run {row['run_id']}, item {row['item_id']}, layer {row['layer']}, multiplier "
        f"{row['multiplier']:g}: stored {row['logit_diff']:.6g}, reference path "
        f"{row['reference']:.6g}, tolerance {_tolerance(row, loaded):.2g}"
    )
