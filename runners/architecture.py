"""Where a model keeps its decoder blocks, and whether the fast sweep is known exact on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from specs.faults import Refused

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FAMILIES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "gemma3_text",
            "gpt2",
            "gpt_neox",
            "granite",
            "llama",
            "mistral",
            "olmo2",
            "phi3",
            "qwen2",
            "qwen3",
            "starcoder2",
        ),
        frozenset({"sdpa", "eager"}),
    ),
    "gemma2": frozenset({"eager"}),
}
"""model_type -> attention implementations; each is proven in tests/runners/test_chains.py."""

PLAIN_CACHE = {"DynamicLayer", "DynamicSlidingWindowLayer"}
STRETCHED_ROPE = {"dynamic", "longrope"}


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


def why_not_exact(model: PreTrainedModel) -> str | None:
    """Return in one line why the fast sweep is not known exact on `model`; None where it is.

    The gates of research/fast-sweep.md 6, and a list of the families that tests prove: no gate is
    enough for a family nobody tried (gpt_neo passes all of them, and is wrong).
    """
    config, text = model.config, _text_config(model)
    kind = text.model_type
    if getattr(config, "is_encoder_decoder", False) or getattr(text, "add_cross_attention", False):
        return f"{kind}: encoder-decoder models have no single sequence to steer"
    try:
        parts(model)
    except Refused as refusal:
        return str(refusal)
    return (
        _cache_fault(text)
        or _family_fault(kind, text._attn_implementation)
        or _rope_fault(text)
        or _head_fault(model)
    )


def _text_config(model: nn.Module) -> Any:
    config: Any = model.config
    return config.get_text_config()


def _cache_fault(text: Any) -> str | None:
    from transformers import DynamicCache

    others = {type(layer).__name__ for layer in DynamicCache(config=text).layers} - PLAIN_CACHE
    if not others:
        return None
    return (
        f"{text.model_type}: its cache has {', '.join(sorted(others))}, which cannot hold many "
        "continuations of one prompt (recurrent or shared state)"
    )


def _family_fault(kind: str, attention: str) -> str | None:
    if kind not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        return f"{kind}: not proven exact here; proven are {known}"
    if attention in FAMILIES[kind]:
        return None
    allowed = " or ".join(sorted(FAMILIES[kind]))
    return (
        f"{kind}: attention {attention} is not proven exact here; "
        f"set loading: {{attn_implementation: {allowed}}}"
    )


def _rope_fault(text: Any) -> str | None:
    """Positions that depend on the longest prompt of the batch: no two batches would agree."""
    rope = getattr(text, "rope_parameters", None) or {}
    by_kind = [rope, *(part for part in rope.values() if isinstance(part, dict))]
    stretched = STRETCHED_ROPE & {str(part.get("rope_type")) for part in by_kind}
    if not stretched:
        return None
    return (
        f"{text.model_type}: {min(stretched)} rotary positions change with the longest prompt of "
        "a batch"
    )


def _head_fault(model: PreTrainedModel) -> str | None:
    head = model.get_output_embeddings()
    if type(head) is nn.Linear:
        return None
    return f"{type(model).__name__}: its head is {type(head).__name__}, not a plain linear layer"
