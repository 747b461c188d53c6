"""The training side of a fit: which items, and their activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runners.bench import Bench
from runners.budgets import Budgets
from runners.console import bar, say
from runners.ids import Fit, items_sha256
from specs.faults import Refused


@dataclass(frozen=True)
class Training:
    """The activations of one concept's training items under one variant, with their fit."""

    fit: Fit
    positive: np.ndarray
    """float32 [items, layers, d_model]"""
    negative: np.ndarray
    questions: list[str]
    residual_norm: np.ndarray
    """float [layers]"""


def fit_of(bench: Bench, variant: str) -> tuple[Fit, list[str]]:
    """Return the description of a fit on `variant`, and its usable training items.

    Raises:
        Refused: there are none.
    """
    tokenised = bench.tokenised(variant)
    used = [item for item in bench.item_ids("train") if item in tokenised.fit]
    if not used:
        name = bench.concept.name
        raise Refused(
            f"concept {name}: no training item can be used under variant {variant}; `steerhouse "
            f"show {name} --variant {variant}` shows its prompts"
        )
    n_questions = len(set(bench.questions(used)))
    digest = items_sha256(used)
    dataset_id, variant_id = bench.dataset.dataset_id, tokenised.variant_id
    return Fit(dataset_id, "train", variant_id, digest, len(used), n_questions), used


def read_training(bench: Bench, variant: str, tokens_per_batch: int | Budgets) -> Training:
    """Return the activations of the usable training items under `variant`, all layers."""
    from runners.extraction import read_activations

    fit, used = fit_of(bench, variant)
    items = [bench.tokenised(variant).fit[item] for item in used]
    tokens = sum(item.decision + 1 for item in items)
    label = f"{bench.concept.name} · {variant}"
    say(f"reading {label}: {len(items):,} training prompts of {tokens:,} tokens")
    with bar(len(items)) as progress:
        progress.label(f"reading {label}")
        budget = Budgets.of(tokens_per_batch).at(f"{fit.variant_id}/fit")
        read = read_activations(bench.loaded, items, budget, progress.advance)
    return Training(
        fit,
        read.positive.numpy(),
        read.negative.numpy(),
        bench.questions(used),
        read.residual_norm.numpy(),
    )
