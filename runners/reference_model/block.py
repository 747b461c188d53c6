"""One decoder block written by hand: attention heads that gather, gated units that multiply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch

from runners.reference_model.axes import UNIT, WIDTH, Terms, vector

HEADS: Final = 16
HEAD: Final = 8
UNITS: Final = 64
SLOW: Final = 3
"""Dimension of a head in its slowest rotary pair: at theta 1e9 it hardly turns at all."""
SHARP: Final = 40.0
"""Attention score of a flagged token; `<s>` has half of it, all others 0."""
STEEP: Final = 40.0
"""How sharply a cap bends."""


def _zeros(rows: int, columns: int) -> torch.Tensor:
    return torch.zeros(rows, columns, dtype=torch.float64)


def _reader(terms: Terms) -> torch.Tensor:
    return vector(terms) / UNIT


class Block:
    """The weights of one block in the basis of `axes`, float64, filled by its methods."""

    def __init__(self) -> None:
        self.queries, self.keys, self.values = (_zeros(WIDTH, WIDTH) for _ in range(3))
        self.mixer = _zeros(WIDTH, WIDTH)
        self.gates, self.ups = _zeros(UNITS, WIDTH), _zeros(UNITS, WIDTH)
        self.downs = _zeros(WIDTH, UNITS)
        self.heads = self.units = 0

    def _head(self, query: Terms, key: Terms, moves: Mapping[str, Terms]) -> None:
        """Add a head of score query x key that moves read-outs to axes."""
        start, self.heads = self.heads * HEAD, self.heads + 1
        if self.heads > HEADS or len(moves) > HEAD:
            raise ValueError("the block has no room for this head")
        self.queries[start + SLOW] = _reader(query) * HEAD**0.5
        self.keys[start + SLOW] = _reader(key)
        for place, (target, read) in enumerate(moves.items(), start):
            self.values[place] = _reader(read)
            self.mixer[:, place] = vector({target: 1})

    def gather(self, flag: Terms, moves: Mapping[str, Terms]) -> None:
        """Move the mean over the flagged tokens so far; before the first, what `<s>` has."""
        key = {name: SHARP * value for name, value in flag.items()}
        self._head({"1": 1}, {"bos": SHARP / 2, **key}, moves)

    def gather_open(self, flag: Terms, moves: Mapping[str, Terms]) -> None:
        """As `gather`, but only where `(` stands; every other token gets what `<s>` has."""
        self._head({"open": 2 * SHARP, "1": -SHARP}, {"bos": -1, **flag}, moves)

    def average(self, moves: Mapping[str, Terms]) -> None:
        """Move the mean over all tokens so far."""
        self._head({}, {}, moves)

    def _unit(self, gate: Terms, up: Terms, down: torch.Tensor) -> None:
        if self.units == UNITS:
            raise ValueError("the block has no room for this unit")
        self.gates[self.units], self.ups[self.units] = _reader(gate), _reader(up)
        self.downs[:, self.units] = down
        self.units += 1

    def multiply(self, left: Terms, right: Terms, out: Terms) -> None:
        """Write left x right along `out`: exact, because silu(t) - silu(-t) = t."""
        down = vector(out)
        self._unit(left, right, down)
        self._unit({name: -value for name, value in left.items()}, right, -down)

    def multiply_capped(self, left: Terms, right: Terms, cap: float, out: Terms) -> None:
        """Write left x right along `out`, with left held between -cap and cap."""
        for bound in (cap, -cap):
            gate = {name: STEEP * value for name, value in left.items()}
            down = vector(out) / STEEP * (1 if bound > 0 else -1)
            self._unit({**gate, "1": STEEP * bound}, right, down)
        self.multiply({"1": -cap}, right, out)

    def weights(self, rotation: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the block's state dict, readers and writers turned by `rotation` (orthogonal)."""
        ones = torch.ones(WIDTH, dtype=torch.float64)
        return {
            "self_attn.q_proj.weight": self.queries @ rotation.T,
            "self_attn.k_proj.weight": self.keys @ rotation.T,
            "self_attn.v_proj.weight": self.values @ rotation.T,
            "self_attn.o_proj.weight": rotation @ self.mixer,
            "mlp.gate_proj.weight": self.gates @ rotation.T,
            "mlp.up_proj.weight": self.ups @ rotation.T,
            "mlp.down_proj.weight": rotation @ self.downs,
            "input_layernorm.weight": ones,
            "post_attention_layernorm.weight": ones,
        }
