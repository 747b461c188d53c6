"""What a method is given to fit on: activations, or what an autoencoder sees in texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runners.campaign.budgets import Budgets
from runners.campaign.texts_bench import POSITIVE, TextsBench
from runners.console import say
from runners.fitting.sae_vectors import saes_of
from runners.fitting.training import fit_of
from runners.methods.texts import Texts
from runners.saes.text_features import text_features
from specs.schema import SaeFitted
from specs.unpaired import averages_features

if TYPE_CHECKING:
    from runners.fitting.fitter import Fitted, Fitter
    from runners.methods.pairs import Pairs


def given(fitter: Fitter, how: Fitted, activations: Pairs | Texts) -> Pairs | Texts:
    """Return what a method is fitted on: one layer's activations, or features in their place.

    A method of an autoencoder that reads several tokens of texts gets their features, which were
    averaged token by token: texts of float32 [texts, 2, d_sae], as `text_features` has them. The
    texts and their order are those of the activations, so that draws choose among the same.
    """
    if isinstance(how.method, SaeFitted) and averages_features(how.method):
        return _features(fitter, how.method, how.variants[0])
    return activations


def _features(fitter: Fitter, method: SaeFitted, variant: str) -> Texts:
    """Return the features of a concept's texts, read once for all methods of an autoencoder."""
    bench, sae = fitter.bench, saes_of(fitter, method).get(method.sae)
    assert isinstance(bench, TextsBench), "refused of questions (specs/unpaired.py)"
    key = sae.sae_id, method.read
    if key not in fitter.features:
        fit, used = fit_of(bench, variant)
        say(f"reading {bench.concept.name}: features of SAE {method.sae} in {len(used):,} texts")
        texts = [bench.tokenised(variant).fit[name] for name in used]
        budget = Budgets.of(fitter.tokens_per_batch).at(f"{fit.variant_id}/fit")
        rows = text_features(bench.loaded, sae, texts, method.read, budget)
        labels = np.array([name.startswith(POSITIVE) for name in used])
        fitter.features[key] = Texts(rows, labels)
    return fitter.features[key]
