"""How much a model holds: its context, and the number of its layers where only JSON is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    from specs.schema import Model

LIMITS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length")
"""Names under which configurations keep the longest sequence that the model was made for."""
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""Names under which they keep the number of decoder blocks."""
WIDTHS = ("hidden_size", "n_embd", "d_model")
"""Names under which they keep the width of the residual stream."""


def context(spec: Model, text_config: Any) -> int:
    """Return how many tokens the model holds: `context:` of the spec, or its configuration's.

    Raises:
        Refused: neither says it, or the spec asks for more than the configuration.
    """
    where = place(spec, ("context",))
    stated = [getattr(text_config, name, None) for name in LIMITS]
    limit = next((value for value in stated if isinstance(value, int)), None)
    if limit is None and spec.context is None:
        raise Refused(f"{where}: the configuration names no limit; say `context: N` in the spec")
    if limit is not None and (spec.context or 0) > limit:
        raise Refused(f"{where}: {spec.context} tokens, but the model holds {limit}; lower it")
    return spec.context or int(limit or 0)


def text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a `config.json` that is about text, of models that also see or hear."""
    part = config.get("text_config")
    return part if isinstance(part, Mapping) else config


def stated_layers(config: Mapping[str, Any]) -> int | None:
    """Return the number of layers that a `config.json` states; None where it leaves it out."""
    return _stated(config, LAYERS)


def stated_width(config: Mapping[str, Any]) -> int | None:
    """Return the width of the residual stream that a `config.json` states, or None."""
    return _stated(config, WIDTHS)


def _stated(config: Mapping[str, Any], names: Sequence[str]) -> int | None:
    found = (text_part(config).get(name) for name in names)
    return next((value for value in found if isinstance(value, int)), None)
