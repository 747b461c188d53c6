"""Activations of both completions where no cache can fork: one plain pass for each completion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from runners.engine.hooks import reading
from runners.engine.resume import Prompts, companies
from runners.fitting.fork import SIDES
from runners.models.architecture import parts
from runners.prompts.positions import Line

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem
    from specs.schema import Read


class Keep(Protocol):
    """Takes what was read of some items (`rows`) at one layer, float32 [rows, d_model], CPU."""

    def __call__(
        self, side: int, read: Read, layer: int, rows: Sequence[int], hidden: Tensor, /
    ) -> None:
        """Keep it; `side` is 0 for the positive and 1 for the negative completion."""


def read_apart(
    loaded: LoadedModel, items: Sequence[TokenisedItem], reads: Sequence[Read], keep: Keep
) -> None:
    """Hand the activations of `items` to `keep`, for models that cannot carry chains.

    `answer_token` is read in a pass of its own that ends there, for there are models to which a
    token's position in the whole sequence matters (`runners.models.architecture.way`).
    """
    for some, cut in _passes(reads):
        for side, completion in enumerate(SIDES):
            answered = [Line(item, getattr(item, completion)[:cut]) for item in items]
            for group in companies(loaded, answered):
                read_lines(loaded, answered, group, some, partial(keep, side))


def _passes(reads: Sequence[Read]) -> Iterator[tuple[list[Read], int | None]]:
    """Yield which reads share a pass, and how many tokens of the completions it has."""
    short: list[Read] = [read for read in reads if read == "answer_token"]
    rest: list[Read] = [read for read in reads if read != "answer_token"]
    if short:
        yield short, 1
    if rest:
        yield rest, None


def _counted(read: Read, lines: Sequence[Line], ok: Tensor) -> Tensor:
    """Return which positions a read is the mean of, bool [B, S]; the last one is the last token."""
    if read == "mean_all":
        return ok
    back = torch.arange(ok.shape[1] - 1, -1, -1, device=ok.device)
    if read == "mean_completion":
        tokens = [len(line.tokens) - len(line.item.prompt) for line in lines]
        return back < torch.tensor(tokens, device=ok.device)[:, None]
    return (back == 0).expand(len(lines), -1)


def _mean(hidden: Tensor, counted: Tensor) -> Tensor:
    """Return the mean [B, d_model] over the counted positions of hidden [B, S, d_model]."""
    total = hidden.float().masked_fill(~counted[:, :, None], 0).sum(1)
    return total / counted.sum(1)[:, None]


def read_lines(
    loaded: LoadedModel,
    answered: Sequence[Line],
    group: Sequence[int],
    reads: Sequence[Read],
    keep: Callable[[Read, int, Sequence[int], Tensor], None],
) -> None:
    """Run the sequences of `group` whole and keep what every block gives to each read."""
    found, lines = parts(loaded.model.eval()), [answered[i] for i in group]
    prompts = Prompts.of(lines, "decision", loaded.device)
    counted = {read: _counted(read, lines, prompts.attended > 0) for read in reads}

    def read_block(layer: int, hidden: Tensor) -> None:
        for read in reads:
            keep(read, layer, group, _mean(hidden, counted[read].to(hidden.device)).cpu())

    rows = torch.arange(len(lines), device=loaded.device)
    with torch.inference_mode(), reading(found.blocks, read_block):
        found.decoder(**prompts.arguments(rows, found.decoder))
