"""Ids of effects and of approximators: what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from specs.identity import identity

if TYPE_CHECKING:
    from specs.schema import Approximator


class Subject(NamedTuple):
    """What an approximator is about, as ids; the caller has what they stand for."""

    model_id: str
    sae_id: str
    """Of the autoencoder whose features are counted."""
    input_sae_id: str
    """Of the autoencoder whose decoder rows are the vectors."""
    prompt_set_id: str
    text_set_id: str | None = None
    """Of the texts whose cross-entropy may rise; null where a length is given."""


def effects_id(spec: Approximator, subject: Subject) -> str:
    """Return the id of measured effects: how many vectors, and the fit, are not in it."""
    return identity(
        "effects",
        **subject._asdict(),
        layer=spec.layer,
        seed=spec.inputs.seed,
        rollouts=spec.rollouts.model_dump(),
        rise=spec.rise.model_dump(exclude={"text_set"}) if spec.rise else None,
        scale=spec.scale,
    )


def approximator_id(spec: Approximator, subject: Subject, n_inputs: int) -> str:
    """Return the id of a map fitted on the effects of the first `n_inputs` vectors."""
    return identity(
        "approximator",
        effects_id=effects_id(spec, subject),
        n_inputs=n_inputs,
        held_out=spec.held_out,
        fit={"kind": spec.fit.kind, **spec.fit.parameters},
    )
