"""Models with experts: a router sends each token to a few of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
"""Names under which configurations keep how many experts a router chooses from."""
CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk")
"""Names under which they keep how many of these a token goes through."""


def routes(model: nn.Module) -> bool:
    """Return whether a router sends tokens to experts: a near tie may go either way by rounding."""
    return _stated(model, EXPERTS) > 1


def active_share(model: nn.Module) -> float:
    """Return which share of the routed experts a token goes through; 1 where nothing says less."""
    experts, chosen = _stated(model, EXPERTS), _stated(model, CHOSEN)
    return min(1.0, chosen / experts) if experts and chosen else 1.0


def _stated(model: nn.Module, names: tuple[str, ...]) -> int:
    """Return the first of some numbers that the configuration states, else 0."""
    config: Any = model.config
    text = config.get_text_config()
    return next((int(found) for name in names if (found := getattr(text, name, None))), 0)
