"""Method specs that aim at features by an effect approximator (specs/approximator.py)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from specs.parts import Norm, Some, Spec, Text
from specs.sae_features import Feature, SaeFitted


class AimedMethod(Spec):
    """What methods share that aim at named features, at the layer of the approximator only."""

    approximator: Text
    """Name of the approximator; it is fitted when it is first needed."""
    features: Some[Feature]
    """The features that are to rise, and how much each counts: the target t; those with a
    coefficient below 0 are to fall."""
    norm: Norm = "unit"
    """`unit`: length 1, the usual one for SAE vectors; `base`: the length of the raw
    mean_difference fitted on variant base at that layer; `raw`: as computed."""


class SaeTs(AimedMethod):
    """SAE-targeted steering (Chalnev et al. 2024, arXiv 2411.02193): Mt/|Mt| - w Mb/|Mb|.

    Of the approximator y = xM + b; w is `bias_weight`.
    """

    kind: Literal["sae_ts"]
    """`sae_ts`"""
    bias_weight: float = 1.0
    """How much is taken away of what moves features the way every vector does; 1 in the paper."""


class SaeTsPinv(AimedMethod):
    """(t/|t| - b) M⁺, by the pseudo-inverse: an ablation of Chalnev et al. 2024."""

    kind: Literal["sae_ts_pinv"]
    """`sae_ts_pinv`"""


class SaeTsRotation(AimedMethod):
    """Decoder rows, rotated as columns of M are from decoder rows on the whole, less w Mb/|Mb|.

    An ablation of Chalnev et al. 2024: the rotation is orthogonal Procrustes over all features.
    """

    kind: Literal["sae_ts_rotation"]
    """`sae_ts_rotation`"""
    bias_weight: float = 1.0
    """w, as of sae_ts."""


class Fgaa(SaeFitted):
    """Feature guided activation additions (Soo et al. 2025, arXiv 2501.09929).

    The target is the mean difference of features on the training items (as of sae_difference), less
    dense features and those that mark the beginning of a text, cut to the largest; Mt/|Mt| -
    Mb/|Mb| aims at it. `sae` must be the approximator's.
    """

    kind: Literal["fgaa"]
    """`fgaa`"""
    approximator: Text
    """Name of the approximator; it is fitted when it is first needed."""
    positive: int = Field(default=8, ge=0)
    """How many features are kept of those that positive completions have more of; the paper chooses
    it for each task."""
    negative: int = Field(default=0, ge=0)
    """And of those that negative completions have more of."""
    max_density: float | None = Field(default=0.01, gt=0, le=1)
    """Features active on a larger share of the tokens of `density_texts` are left out."""
    density_texts: Text = "neutral"
    """Text set on which that share is counted."""
    bos_features: int = Field(default=12, ge=0)
    """So many of the features that are strongest at the token put before every text are left out,
    as far as they are active there; the paper lists five for Gemma-2-2B."""
