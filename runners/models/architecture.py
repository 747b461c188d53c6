"""Where a model keeps its decoder blocks, and whether the fast sweep is known exact on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from torch import nn

from runners.models.families import FAMILIES, RECURRENT, REPLAYED, SDPA
from specs.faults import Refused

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PLAIN_CACHE = {"DynamicLayer", "DynamicSlidingWindowLayer"}
STRETCHED = "rotary positions change with the longest prompt of a batch"
"""Beyond the length that a model was first trained on."""


@dataclass(frozen=True)
class Parts:
    """What is hooked: the module that runs the blocks, and its blocks in order."""

    decoder: nn.Module
    blocks: nn.ModuleList


def parts(model: nn.Module) -> Parts:
    """Return the decoder and its blocks, found by length and never by name.

    Raises:
        Refused: there is no list of blocks as long as the configuration says, or several.
    """
    length = _text_config(model).num_hidden_layers
    found = [
        (f"{name}.{child}".lstrip("."), Parts(module, blocks))
        for name, module in model.named_modules()
        for child, blocks in module.named_children()
        if isinstance(blocks, nn.ModuleList) and len(blocks) == length
    ]
    # Experts and the like: lists inside the blocks of another list.
    names = [name for name, _ in found]
    outer = [p for name, p in found if not any(name.startswith(f"{other}.") for other in names)]
    if len(outer) != 1:
        raise Refused(
            f"{type(model).__name__}: {len(outer)} lists of {length} decoder blocks, where steering"
            " needs one; use a decoder-only model"
        )
    return outer[0]


class Way(NamedTuple):
    """How a model can be measured exactly and fast."""

    kind: Literal["chains", "replay", "refuse"]
    """`chains`: every way serves; `replay`: one pass from the steered block on for each vector and
    multiplier; `refuse`: it cannot be steered."""
    reason: str = ""
    """In one line why not chains; empty where they serve."""
    padded: bool = True
    """Whether prompts of different lengths may share a batch."""


def way(model: PreTrainedModel, longest: int = 0) -> Way:
    """Return the way that is known exact on `model`, for prompts of up to `longest` tokens.

    By gates, and by lists of the families that tests prove: no gate is enough for a family nobody
    tried (gpt_neo passes all of them, and is wrong).
    """
    text = _text_config(model)
    kind = text.model_type
    fault = _shape_fault(model) or _family_fault(text) or _cache_fault(text) or _head_fault(model)
    if fault:
        return Way("refuse", fault)
    if kind in REPLAYED:
        return Way("replay", f"{kind}: {REPLAYED[kind][1]}", kind not in RECURRENT)
    return _by_rope(text, longest) or Way("chains")


def why_not_exact(model: PreTrainedModel) -> str | None:
    """Return in one line why no fast way is known exact on `model`; None where one is."""
    found = way(model)
    return found.reason if found.kind == "refuse" else None


def _text_config(model: nn.Module) -> Any:
    config: Any = model.config
    return config.get_text_config()


def _shape_fault(model: PreTrainedModel) -> str | None:
    """Models without one list of blocks that hand on one residual stream."""
    config, text = model.config, _text_config(model)
    kind = text.model_type
    if getattr(config, "is_encoder_decoder", False) or getattr(text, "add_cross_attention", False):
        return f"{kind}: encoder-decoder models have no single sequence to steer"
    if getattr(text, "altup_num_inputs", 1) > 1:
        return (
            f"{kind}: its blocks hand on {text.altup_num_inputs} streams at once (AltUp), and "
            "steering needs one residual stream"
        )
    try:
        parts(model)
    except Refused as refusal:
        return str(refusal)
    return None


def _family_fault(text: Any) -> str | None:
    kind, attention = text.model_type, text._attn_implementation
    proven = FAMILIES.get(kind) or REPLAYED.get(kind, (None,))[0]
    if proven is None:
        known = ", ".join(sorted({*FAMILIES, *REPLAYED}))
        return f"{kind}: not proven exact here; proven are {known}"
    if kind == "falcon" and text.alibi:
        proven = SDPA  # eager hands its positions to the blocks as a tensor of their own
    if attention in proven:
        return None
    allowed = " or ".join(sorted(proven))
    return (
        f"{kind}: attention {attention} is not proven exact here; "
        f"set loading: {{attn_implementation: {allowed}}}"
    )


def _cache_fault(text: Any) -> str | None:
    if text.model_type in REPLAYED:
        return None
    from transformers import DynamicCache

    others = {type(layer).__name__ for layer in DynamicCache(config=text).layers} - PLAIN_CACHE
    if not others:
        return None
    return (
        f"{text.model_type}: its cache has {', '.join(sorted(others))}, which cannot hold many "
        "continuations of one prompt (recurrent or shared state)"
    )


def _by_rope(text: Any, longest: int) -> Way | None:
    """Return the way of prompts so long that positions depend on the longest of their batch."""
    rope = getattr(text, "rope_parameters", None) or {}
    for part in [rope, *(part for part in rope.values() if isinstance(part, dict))]:
        kind = part.get("rope_type")
        if kind == "longrope" and longest > part["original_max_position_embeddings"]:
            return Way("replay", f"{text.model_type}: {kind} {STRETCHED}", padded=False)
        # It remembers the longest sequence it ever met: no pass over a longer one is repeatable.
        if kind == "dynamic" and longest >= text.max_position_embeddings:
            return Way("refuse", f"{text.model_type}: {kind} {STRETCHED}; ask for shorter prompts")
    return None


def _head_fault(model: PreTrainedModel) -> str | None:
    head = model.get_output_embeddings()
    if isinstance(head, nn.Linear):  # quantised ones are classes below it
        return None
    return f"{type(model).__name__}: its head is {type(head).__name__}, not a linear layer"
