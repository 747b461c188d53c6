"""Method specs: how a vector is fitted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Tag,
)

from specs.parts import (
    Layer,
    Norm,
    Read,
    Spec,
    Text,
    Unique,
)


class FittedMethod(Spec):
    """What methods that fit on training items share."""

    read: Read = "answer_token"
    """Where activations are read: `answer_token`, the token in which the completions differ;
    `last_token`, the completion's last; `mean_completion`, the mean over the completion's tokens,
    those included that both completions share; `mean_all`, the mean over prompt and completion."""
    norm: Norm | None = None
    """`base`: the length of the raw mean_difference fitted on variant base at that layer;
    `raw`: as fitted; `unit`: 1. Left out: base, or raw where base has no meaning."""


class MeanDifference(FittedMethod):
    """Mean of positive minus negative activations (CAA; Tan et al. 2024, section 3)."""

    kind: Literal["mean_difference"]
    """`mean_difference`"""


class Random(Spec):
    """A null: a Gaussian direction of the fitted vector's length."""

    kind: Literal["random"]
    """`random`"""


class LabelShuffled(Spec):
    """A null: mean_difference after each question's sign is drawn at random, same norm factor."""

    kind: Literal["label_shuffled"]
    """`label_shuffled`"""


class VectorFile(Spec):
    """A vector of the user's own, swept like any other."""

    kind: Literal["file"]
    """`file`"""
    file: Text
    """Path relative to the YAML: safetensors (a tensor per layer or one [layers, d_model]), npy
    ([d_model] or [layers, d_model]) or gguf (`direction.N`, as llama.cpp and repeng write it)."""
    layers: Unique[Layer] | None = None
    """Layers of the rows of a [rows, d_model] array; the one layer of a [d_model] array. Left out:
    row i is layer i."""
    norm: Literal["base", "raw", "unit"] = "raw"
    """As for fitted methods; `raw` by default."""
    note: str = ""
    """Where it comes from."""


def _method_tag(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"<{kind}>" if isinstance(kind, str) else None


Method = Annotated[
    Annotated[MeanDifference, Tag("<mean_difference>")]
    | Annotated[Random, Tag("<random>")]
    | Annotated[LabelShuffled, Tag("<label_shuffled>")]
    | Annotated[VectorFile, Tag("<file>")],
    Discriminator(_method_tag),
]
