"""Which methods can be fitted on texts in no pairs, which only on them, and why not elsewhere."""

from __future__ import annotations

from specs.method import (
    CombinedMethod,
    FittedMethod,
    Lat,
    Lda,
    Leace,
    LogisticProbe,
    MeanCentred,
    MeanDifference,
    PcaCentered,
    with_terms,
)
from specs.parts import Spec
from specs.sae_features import SaeFitted

UNPAIRED = (CombinedMethod, Lat, Lda, Leace, LogisticProbe, MeanCentred, MeanDifference, SaeFitted)
"""Methods that ask of activations no more than which side they are of."""


def why_not_texts(method: Spec) -> str | None:
    """Return why a method cannot be fitted on texts; None where it can, or is fitted on nothing.

    A sum can where all its terms can.
    """
    for part in with_terms(method):
        if isinstance(part, FittedMethod) and (reason := _reason(part)):
            name = "" if part is method else f"its term {part.name} "
            return f"{name}{reason}"
    return None


def _reason(method: FittedMethod) -> str | None:
    if method.project_out is not None:
        return f"projects out the {method.project_out}, and texts show no options"
    if isinstance(method, PcaCentered):
        if method.of == "activations":
            return _read(method)
        return (
            f"is fitted on {method.of} of pairs, and texts have none (`of: activations` needs none)"
        )
    if not isinstance(method, UNPAIRED):
        return "needs pairs of a positive and a negative completion, and texts are in no pairs"
    return _read(method)


def _read(method: FittedMethod) -> str | None:
    if method.read == "answer_token":
        return "reads answer_token, and texts answer nothing; set `read: mean_all` or `last_token`"
    return None


def averages_features(method: SaeFitted) -> bool:
    """Return whether a method takes the mean of features over several tokens."""
    return method.read in ("mean_all", "mean_completion")


def why_only_texts(method: Spec) -> str | None:
    """Return why a method cannot be fitted on the completions of questions; None where it can."""
    if isinstance(method, SaeFitted) and averages_features(method):
        return (
            f"reads {method.read}: features are averaged over the tokens of texts, not of "
            "completions; set `read: answer_token` or `last_token`"
        )
    return None
