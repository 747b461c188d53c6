"""Method specs that take a feature of a sparse autoencoder as the direction."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from specs.method import FittedMethod
from specs.parts import Norm, Part, Read, Some, Spec, Text


class Feature(Part):
    """A feature of a sparse autoencoder, and how much of it."""

    feature: int = Field(ge=0)
    """Its number, from 0."""
    coefficient: float = 1.0
    """What its decoder row is multiplied by; below 0 it counts against."""


class SaeDecoder(Spec):
    """Decoder rows of named features, weighted and summed: the plain way to steer by an SAE.

    The baseline `SAE` of Chalnev et al. 2024 (arXiv 2411.02193) with one feature. At the layer of
    the autoencoder only.
    """

    kind: Literal["sae_decoder"]
    """`sae_decoder`"""
    sae: Text
    """Name of the SAE spec."""
    features: Some[Feature]
    """The features and their coefficients."""
    norm: Norm = "unit"
    """`unit`: length 1, the usual one for SAE vectors; `base`: the length of the raw
    mean_difference fitted on variant base at that layer; `raw`: as summed."""


class SaeFitted(FittedMethod):
    """What methods share that choose features of an autoencoder by the training items."""

    on_activations: ClassVar[bool] = False

    sae: Text
    """Name of the SAE spec; the vector is at its layer only."""
    read: Read = "answer_token"
    """Where features are read: `answer_token` or `last_token`; `mean_all` and `mean_completion`, on
    concepts of kind texts only, encode every token and average its features over each text: over
    all tokens but the BOS, on which autoencoders are not trained, or over the text's own."""
    norm: Norm | None = "unit"
    """`unit`: length 1, the usual one for SAE vectors; `base`: the length of the raw
    mean_difference fitted on variant base at that layer; `raw`: as summed."""
    project_out: None = None
    """Nothing: a vector of decoder rows has to stay one."""
    max_density: float | None = Field(default=None, gt=0, le=1)
    """Features above 0 in more than this share of the training activations (of both completions; of
    averaged texts the mean over texts of the share of tokens) are left out, as Soo et al. 2025
    (arXiv 2501.09929) do; left out: none are."""


class SaeDifference(SaeFitted):
    """Mean difference in feature space, its largest features decoded.

    d = mean f(positive) - mean f(negative) over the training items; the `features` of largest |d|
    (`positive`: of largest d) are kept, and v is the sum of d_j times decoder row j. The target of
    Soo et al. 2025 (FGAA, arXiv 2501.09929, section 3), decoded instead of optimised.
    """

    kind: Literal["sae_difference"]
    """`sae_difference`"""
    features: int = Field(default=16, ge=1)
    """How many features are kept."""
    sign: Literal["both", "positive"] = "both"
    """`both`: features that the negative completions have more of count too, downwards."""


class SaeOutputScore(SaeFitted):
    """Decoder row of the feature of highest output score (Arad et al. 2025, arXiv 2505.20063).

    Among the `candidates` of largest mean difference d > 0 (as `sae_difference` has it). S_out of a
    feature: (1 - r/V) p, with V tokens, after the feature was raised at the last token of `prompt`
    by `amplification` times the largest feature there; p is the highest next-token probability
    among the feature's `tokens` logit-lens tokens (the largest entries of unembedding(final norm
    (decoder row))), r the best rank of one of them, from 0. At equal scores the larger d.
    """

    kind: Literal["sae_output_score"]
    """`sae_output_score`"""
    candidates: int = Field(default=16, ge=1)
    """How many features are scored."""
    prompt: Text = "From my experience,"
    """A neutral opening; the published code has this one."""
    amplification: float = Field(default=10.0, gt=0)
    """As in the published code."""
    tokens: int = Field(default=20, ge=1)
    """As in the published code."""
