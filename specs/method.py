"""Method specs: how a vector is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr

from specs.parts import (
    Layer,
    Norm,
    Part,
    Read,
    Scalar,
    Scope,
    Some,
    Spec,
    Text,
    Unique,
)


class FittedMethod(Spec):
    """What methods that fit on training items share."""

    on_activations: ClassVar[bool] = True
    """Whether training activations are all that a fit needs, as a term of a sum must."""
    read: Read = "answer_token"
    """Where activations are read: `answer_token`, the token in which the completions differ;
    `last_token`, the completion's last; `mean_completion`, the mean over the completion's tokens,
    those included that both completions share; `mean_all`, the mean over prompt and completion."""
    norm: Norm | None = None
    """`base`: the length of the raw mean_difference fitted on variant base at that layer;
    `raw`: as fitted; `unit`: 1. Left out: base, or raw where base has no meaning."""
    project_out: Literal["letter"] | None = None
    """What is taken out of the training activations before the fit, and out of the vector.
    `letter`: the direction in which their differences follow the option order, estimated by
    regressing the differences on it; needs training items in both orders."""


class MeanDifference(FittedMethod):
    """Mean of positive minus negative activations (CAA; Tan et al. 2024, section 3)."""

    kind: Literal["mean_difference"]
    """`mean_difference`"""


class Pca(FittedMethod):
    """First principal axis of positive minus negative activations (RepE, Zou et al. 2023).

    Not centred; sign and length are those of the mean difference along it.
    """

    kind: Literal["pca"]
    """`pca`"""


class LogisticProbe(FittedMethod):
    """Normal of the plane that parts positive from negative activations (logistic regression).

    Sign and length are those of the mean difference along it.
    """

    kind: Literal["logistic_probe"]
    """`logistic_probe`"""
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of the squared penalty, as in scikit-learn."""
    standardise: bool = False
    """Whether features are brought to standard deviation 1 before the fit; the vector is that of
    the activations as they are either way."""
    max_iterations: int = Field(default=1000, ge=1)
    """Of L-BFGS; a fit that has not converged by then is refused."""


class PcaCentered(FittedMethod):
    """First principal axis after centring (RepE, Zou et al. 2023, by what is centred).

    Sign and length are those of the mean difference along it.
    """

    kind: Literal["pca_centered"]
    """`pca_centered`"""
    of: Literal["differences", "shuffled", "activations"] = "differences"
    """`differences`: positive minus negative, less their mean, which is the mean difference;
    `shuffled`: the same after each pair was put in random order; `activations`: of both
    completions, less their common mean."""
    seed: int = Field(default=0, ge=0)
    """Draws the orders of `shuffled`."""


class Lda(FittedMethod):
    """Fisher's linear discriminant: inverse within-class covariance times mean difference.

    Sign and length are those of the mean difference along it.
    """

    kind: Literal["lda"]
    """`lda`"""
    shrinkage: float | None = Field(default=None, gt=0, le=1)
    """Share of the covariance that is replaced by equal variances; left out: the estimate of
    Ledoit & Wolf 2004. 1 is the mean difference."""
    standardise: bool = False
    """Whether features are brought to standard deviation 1 within each class before shrinkage."""


class Lat(FittedMethod):
    """First axis of random pairs' differences: linear artificial tomography (Zou et al. 2023).

    Sign and length are those of the mean difference along it.
    """

    kind: Literal["lat"]
    """`lat`"""
    seed: int = Field(default=0, ge=0)
    """Draws the pairs."""


class Leace(FittedMethod):
    """Direction of least-squares concept erasure (LEACE, Belrose et al. 2023) for the label."""

    kind: Literal["leace"]
    """`leace`"""
    direction: Literal["erased", "read"] = "erased"
    """`erased`: along which activations are changed, the difference of the class means: what the
    operator ablate has to take away; `read`: by which it is told how far, whitened by the
    covariance of all activations."""


class MeanCentred(FittedMethod):
    """Mean positive activation less the mean of both completions' (Jorgensen et al. 2023).

    Half the mean difference.
    """

    kind: Literal["mean_centred"]
    """`mean_centred`"""


class Term(Part):
    """A method in a sum."""

    method: Text
    """Name of a fitted method; it is fitted on the same training items, its norm does not count."""
    coefficient: float = 1.0
    """What its vector is multiplied by; below 0 it counts against."""


class CombinedMethod(FittedMethod):
    """Weighted sum of the vectors of several methods, fitted on the same training items."""

    kind: Literal["combined"]
    """`combined`"""
    terms: Some[Term]
    """The methods and their coefficients; each must have the read position of the sum."""
    lengths: Literal["equal", "raw"] = "equal"
    """`equal`: all terms at one length before the coefficients, the mean of their raw lengths;
    `raw`: as fitted."""
    _methods: tuple[FittedMethod, ...] = PrivateAttr(default=())

    @property
    def methods(self) -> tuple[FittedMethod, ...]:
        """The specs that the terms name, in order; the catalog puts them there."""
        return self._methods

    def with_methods(self, methods: Sequence[FittedMethod]) -> CombinedMethod:
        """Return this sum with the specs that its terms name."""
        found = self.model_copy()
        found._methods = tuple(methods)
        return found


class Optimised(FittedMethod):
    """Vector found by gradient: it moves the training items' logit differences the right way.

    Bi-directional preference optimisation (BiPO; Cao et al. 2024, arXiv 2406.00045): least mean of
    -log sigmoid(beta * m * (difference with m times the vector - unsteered)) over m = +1 and -1
    and the items, at a length within `bound`. Its raw length is the bound times the items'
    agreement, from -1 to 1: the share of what it moves them by that goes the right way.
    """

    on_activations: ClassVar[bool] = False

    kind: Literal["optimised"]
    """`optimised`"""
    bound: Literal["base"] | Annotated[float, Field(gt=0)] = "base"
    """The largest length: `base`, that of the raw mean_difference fitted on variant base at that
    layer; or how many mean lengths of the activations there."""
    scope: Scope = "answer"
    """Where the vector is added while it is sought; as in experiments."""
    steps: int = Field(default=40, ge=1)
    """Steps along the gradient."""
    learning_rate: float = Field(default=0.3, gt=0)
    """Length of the first step, in bounds; steps become shorter, down to 0."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """What a batch's gradient still counts a step later."""
    beta: float = Field(default=0.1, gt=0)
    """How soon an item that is moved far enough counts less, per logit; 0.1 in the paper."""
    batch: int = Field(default=32, ge=1)
    """Items of a step."""
    seed: int = Field(default=0, ge=0)
    """Of which items make a batch, and of the order of batches."""
    start: Literal["zero", "mean_difference"] = "zero"
    """Where the vector begins: nowhere, or at the mean difference of the activations read, brought
    to the bound."""


class PluginMethod(FittedMethod):
    """A method of the user's own: a Python function.

    Installed under the entry point group `steerhouse.methods`, or in a file named by `--plugin`.
    """

    kind: Literal["plugin"]
    """`plugin`"""
    plugin: Text
    """Name of the entry point, or of the file without `.py`."""
    parameters: dict[str, Scalar] = Field(default_factory=dict)
    """What is handed to the function by name, beside the activations."""


class Random(Spec):
    """A null: a Gaussian direction of the fitted vector's length."""

    kind: Literal["random"]
    """`random`"""


class LabelShuffled(Spec):
    """A null: the same fit after each question's sign is drawn at random, same norm factor."""

    kind: Literal["label_shuffled"]
    """`label_shuffled`"""


class VectorFile(Spec):
    """A vector of the user's own, swept like any other."""

    kind: Literal["file"]
    """`file`"""
    file: Text
    """Path relative to the YAML: safetensors (a tensor per layer or one [layers, d_model]), npy
    ([d_model] or [layers, d_model]), gguf (`direction.N`, as llama.cpp and repeng write it) or pt
    (a SteeringVector of steering-vectors, a dict of layer -> tensor, or lm-eval's `steered`)."""
    layers: Unique[Layer] | None = None
    """Layers of the rows of a [rows, d_model] array; the one layer of a [d_model] array. Left out:
    row i is layer i."""
    norm: Literal["base", "raw", "unit"] = "raw"
    """As for fitted methods; `raw` by default."""
    other_models: Literal["refuse", "allow"] = "refuse"
    """Whether a file that says which model it was made on may steer another one."""
    note: str = ""
    """Where it comes from."""


def with_terms(method: Spec) -> Iterator[Spec]:
    """Yield a method, and where it is a sum the methods in it, theirs included."""
    yield method
    if isinstance(method, CombinedMethod):
        for term in method.methods:
            yield from with_terms(term)


def takes_letter_out(method: Spec) -> bool:
    """Return whether a method, or one in it where it is a sum, projects out the letter."""
    return any(getattr(part, "project_out", None) == "letter" for part in with_terms(method))
