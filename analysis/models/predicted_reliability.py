# question: Can the geometry of a vector tell how well it steers a concept that nobody has
#   measured yet?
# topic: generalisation
# grain: model, method, norm, operator, scope, fit variant, layer, outcome
# source: this project; Braun et al. 2025 (arXiv 2505.22637) correlate single predictors over the
#   same concepts that they describe. Here ridge regression predicts every concept from the others
#   alone, penalty included (leave one out within the others); skill = 1 - squared error / that of
#   the mean. p by exchanging the outcomes of concepts, the whole procedure repeated
# params:
#   filters
#   split             train|validation|test  test  split that is reported
#   layer             layer                  null  one layer, or `best` = the one that
#     validation chose per concept; null = each layer by itself
#   multiplier_bound  positive               1.5   slopes are fitted over abs(multiplier) up to this
#   confidence        fraction               0.95  level of the interval
#   draws             count                  499   exchanges of outcomes behind a p
#   seed              count                  1     seed of exchanges and resamples
# columns:
#   model             model
#   method            how the vectors were fitted
#   layer             decoder block that is steered, null for `best` (one for each concept)
#   fit_variant       variant they were fitted on
#   outcome           steerability, anti_steerable_fraction (both at home) or ood_gap (mean
#     steerability under other variants - at home)
#   n_concepts        concepts that have the outcome and every predictor
#   skill             share of squared error that the prediction of unseen concepts saves against
#     their mean: below 0 it is worse than the mean; null below 8 concepts
#   skill_low         lower end of its interval (concepts resampled, predictions kept); only where p
#     is below .05
#   skill_high        upper end
#   p                 chance of as large a skill where outcomes have nothing to do with geometry
#   weights           weights of the fit to all concepts, in standard deviations of the outcome per
#     standard deviation of the predictor, the largest first
#   complete          false where an asked measurement is missing
# further columns:
#   n_predictors      predictors that vary and are known for most concepts
#   mean_error        root of the mean squared error of the predictions of unseen concepts
#   mean_error_of_mean  the same of predicting the mean of the others
#   penalty           penalty of the fit to all concepts
#   norm              how the vectors were scaled
#   operator          how they were applied
#   scope             where they were applied
#   split             split that is reported
#   n_multipliers     multipliers behind a slope (the fewest)
#   multiplier_bound  slopes are fitted over abs(multiplier) up to this
#   model_id          the model
"""Prediction of held-out concepts from geometry; see the header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.models.held_out import Array, fit, skills

if TYPE_CHECKING:
    import pyarrow as pa

    from analysis.models.running import Columns, Read, Values

PREDICTORS = (
    "log_relative_length",
    "mean_cosine",
    "d_prime",
    "auroc",
    "overlap",
    "effective_rank",
    "replicate_cosine",
)
OUTCOMES = ("steerability", "anti_steerable_fraction", "ood_gap")
FEWEST = 8
"""Concepts below which nothing is predicted."""


def compute(read: Read, values: Values) -> pa.Table:
    """Return the skill of every family of concepts and outcome."""
    import pyarrow as pa

    columns = read("concept_outcomes")
    found = [
        {"family": int(family), "outcome": outcome, **_skill(columns, family, outcome, values)}
        for family in np.unique(columns["family"])
        for outcome in OUTCOMES
    ]
    return pa.Table.from_pylist(found, schema=_schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    whole = dict.fromkeys(("family", "n_concepts", "n_predictors"), pa.int64())
    texts = dict.fromkeys(("outcome", "weights"), pa.string())
    names = "skill skill_low skill_high p mean_error mean_error_of_mean penalty".split()
    return pa.schema({**whole, **texts, **dict.fromkeys(names, pa.float64())})


def _skill(columns: Columns, family: Any, outcome: str, values: Values) -> dict[str, Any]:
    mine = columns["family"] == family
    names, x, y = _table({name: columns[name][mine] for name in (*PREDICTORS, outcome)}, outcome)
    known = {"n_concepts": len(y), "n_predictors": len(names)}
    if len(y) < FEWEST or not names or y.std() < 1e-12:
        return known
    skill, p, error, blind = permuted(x, y, values["draws"], values["seed"])
    low, high = _interval(error, blind, values) if p < 0.05 else (None, None)
    weights, (penalty,) = fit(x, y[:, None])
    order = np.argsort(-np.abs(weights[:, 0]))
    shown = ", ".join(f"{names[n]} {weights[n, 0] / y.std():+.2f}" for n in order)
    return {
        **known,
        **{"skill": skill, "skill_low": low, "skill_high": high, "p": p, "weights": shown},
        "mean_error": float(np.sqrt(error.mean())),
        "mean_error_of_mean": float(np.sqrt(blind.mean())),
        "penalty": float(penalty),
    }


def _table(columns: Columns, outcome: str) -> tuple[list[str], Array, Array]:
    """Return predictors that most concepts have and that vary, over the concepts that have all."""
    y = np.asarray(columns[outcome], float)
    there = {name: np.asarray(columns[name], float) for name in PREDICTORS}
    asked = np.isfinite(y)
    names = [name for name in PREDICTORS if 2 * np.isfinite(there[name][asked]).sum() > asked.sum()]
    x = np.column_stack([there[name] for name in names]) if names else np.empty((len(y), 0))
    rows = asked & np.isfinite(x).all(axis=1)
    x, y = x[rows], y[rows]
    varies = [n for n in range(len(names)) if len(y) and np.ptp(x[:, n]) > 1e-12]
    return [names[n] for n in varies], x[:, varies], y


def permuted(x: Array, y: Array, draws: int, seed: int) -> tuple[float, float, Array, Array]:
    """Return skill, its permutation p and both squared errors by concept."""
    order = np.random.default_rng(seed)
    exchanged = np.column_stack([y, *(order.permutation(y) for _ in range(draws))])
    found, error, blind = skills(x, exchanged)
    p = (1 + np.sum(found[1:] >= found[0] - 1e-12)) / (draws + 1)
    return float(found[0]), float(p), error[:, 0], blind[:, 0]


def _interval(error: Array, blind: Array, values: Values) -> tuple[float, float]:
    """Return the percentile interval of the skill over resampled concepts."""
    draw = np.random.default_rng(values["seed"]).integers(0, len(error), (2000, len(error)))
    resampled = 1 - error[draw].sum(axis=1) / blind[draw].sum(axis=1)
    half = values["confidence"] / 2
    low, high = np.quantile(resampled, [0.5 - half, 0.5 + half])
    return float(low), float(high)
