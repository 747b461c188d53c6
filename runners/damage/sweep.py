"""The damage sweep: a text once up to each layer, the blocks behind it again for each vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from runners.damage.divergence import divergence
from runners.engine.answers import Head, log_probabilities
from runners.engine.resume import Kept, Prompts, base_pass, companies, resume
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.engine.edits import Rows
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

KEPT = 4
"""Layers of a whole batch whose outputs are held at once; with more of them, fewer texts."""
FEWEST = 512
"""Tokens that one replay may have, however small the budget is."""


class Damages(NamedTuple):
    """The damage of n vectors a layer on B texts, float64 on the CPU."""

    cross_entropy: Tensor
    """[B]: unsteered, nats a token: mean over the tokens that have one before them."""
    kl: dict[int, Tensor]
    """layer -> [B, n]: KL(unsteered || steered) of the next token, nats, mean over the same."""
    rise: dict[int, Tensor]
    """layer -> [B, n]: steered minus unsteered cross-entropy, nats a token."""

    @classmethod
    def empty(cls, texts: int, births: Mapping[int, Rows]) -> Damages:
        """Return room for the damage of `births` on so many texts."""
        kl, rise = (
            {n: torch.empty(texts, len(v), dtype=torch.float64) for n, v in births.items()}
            for _ in range(2)
        )
        return cls(torch.empty(texts, dtype=torch.float64), kl, rise)

    def refuse_nonfinite(self, texts: Sequence[TokenisedItem]) -> None:
        """Refuse numbers that are not finite: a vector or multiplier beyond what the dtype holds.

        Raises:
            Refused: there is one; the first is named.
        """
        of_layers = [(n, self.kl[n].isfinite() & self.rise[n].isfinite()) for n in self.kl]
        wrong = [(n, (~fine).nonzero()[0].tolist()) for n, fine in of_layers if not fine.all()]
        if wrong:
            layer, (text, row) = wrong[0]
            raise Refused(
                f"text {texts[text].item_id}: the damage of vector {row} at layer {layer} is not "
                "finite; use smaller multipliers, or a wider dtype"
            )


DamageSweep = Callable[
    ["LoadedModel", "Sequence[TokenisedItem]", "Mapping[int, Rows]", int], Damages
]
"""Called with a model, B texts, layer -> n rows, what is done there at every position, and the
tokens that one pass may have."""


def damage_sweep(
    loaded: LoadedModel,
    texts: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    tokens_per_pass: int,
) -> Damages:
    """Return the damage of every row of `births` (layer -> n of them) on every text.

    Every position of a text is steered (scope `all`, what stands before the text included); every
    token but the first is predicted.

    Raises:
        Refused: a number that is not finite.
    """
    found = Damages.empty(len(texts), births)
    layers = sorted(layer for layer in births if len(births[layer]))
    lines = [text.lines[0] for text in texts]
    most = max(1, len(lines) * KEPT // max(KEPT, len(layers)))
    with torch.inference_mode():
        head = Head(loaded.model)
        for alike in companies(loaded, lines):
            for start in range(0, len(alike), most):
                group = alike[start : start + most]
                prompts = Prompts.of([lines[i] for i in group], "all", loaded.device)
                kept = base_pass(loaded, prompts, layers)
                some = [texts[i] for i in group]
                found.cross_entropy[group] = _cross_entropy(loaded, some, kept)
                for layer in layers:
                    kl, rise = _replays(
                        loaded, head, prompts, kept, layer, births[layer], some, tokens_per_pass
                    )
                    found.kl[layer][group], found.rise[layer][group] = kl, rise
    found.refuse_nonfinite(texts)
    return found


def _cross_entropy(loaded: LoadedModel, texts: Sequence[TokenisedItem], kept: Kept) -> Tensor:
    """Return the unsteered cross-entropy [B] of each text, nats a predicted token."""
    return torch.stack(
        [
            -log_probabilities(loaded.model, _told(kept.last[row], text), text.prompt[1:])
            .double()
            .mean()
            for row, text in enumerate(texts)
        ]
    )


def _told(hidden: Tensor, text: TokenisedItem) -> Tensor:
    """Return of left-padded states [..., S, d_model] those that tell the tokens but the first."""
    return hidden[..., -len(text.prompt) : -1, :]


def _replays(
    loaded: LoadedModel,
    head: Head,
    prompts: Prompts,
    kept: Kept,
    layer: int,
    edits: Rows,
    texts: Sequence[TokenisedItem],
    tokens_per_pass: int,
) -> tuple[Tensor, Tensor]:
    """Return mean KL and rise, each [B, n], of n `edits` after block `layer`."""
    kl = torch.empty(len(texts), len(edits), dtype=torch.float64)
    rise = torch.empty_like(kl)
    lengths = [len(text.prompt) for text in texts]
    for rows, some in _passes(lengths, len(edits), max(FEWEST, tokens_per_pass)):
        own, before = _trimmed(prompts, kept, layer, rows, max(lengths[row] for row in rows))
        pairs = torch.cartesian_prod(torch.arange(len(rows)), torch.arange(some.start, some.stop))
        hidden = resume(loaded, own, before, layer, pairs[:, 0], edits[pairs[:, 1]])
        after = torch.unflatten(hidden, 0, (len(rows), len(some)))
        mine = [texts[row] for row in rows]
        there = divergence(
            head,
            torch.cat([_told(kept.last[row], texts[row]) for row in rows]),
            torch.cat([_told(after[i], text) for i, text in enumerate(mine)], 1).to(
                kept.last.device
            ),
            torch.tensor([token for text in mine for token in text.prompt[1:]]),
        )
        parts = [lengths[row] - 1 for row in rows]
        for row, of_kl, of_rise in zip(
            rows, torch.split(there.kl, parts, -1), torch.split(there.rise, parts, -1), strict=True
        ):
            # Rounding alone can make a divergence of nothing negative.
            kl[row, some.start : some.stop] = of_kl.mean(-1).clamp(min=0)
            rise[row, some.start : some.stop] = of_rise.mean(-1)
    return kl, rise


def _passes(lengths: Sequence[int], n: int, tokens: int) -> Iterator[tuple[list[int], range]]:
    """Yield which texts, ascending in length, and which of n edits share a replay of `tokens`.

    A text whose edits fill a pass is alone in its passes, which are alike in size: nothing in them
    is padded, and attention needs no mask. Else several texts share one with all their edits.
    """
    most = max(1, tokens // max(lengths))
    if n < most:
        together = most // n
        for start in range(0, len(lengths), together):
            yield list(range(start, min(start + together, len(lengths)))), range(n)
        return
    for row, length in enumerate(lengths):
        size = -(-n // -(-n // max(1, tokens // length)))
        for start in range(0, n, size):
            yield [row], range(start, min(start + size, n))


def _trimmed(
    prompts: Prompts, kept: Kept, layer: int, rows: list[int], length: int
) -> tuple[Prompts, Kept]:
    """Return some rows, and what is kept of them at `layer`, without what pads all of them."""
    there = torch.tensor(rows, device=prompts.ids.device)
    here = there.to(kept.layers[layer].device)
    own = Prompts(
        *(part[there, -length:] for part in (prompts.ids, prompts.attended, prompts.steered))
    )
    return own, Kept(kept.last, {layer: kept.layers[layer][here, -length:]})
