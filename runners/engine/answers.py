"""From hidden states to the numbers that are kept: two answer logits and their probability mass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from runners.engine.forwards import replaced
from runners.models.architecture import parts
from runners.models.offload import unhooked, weights_here

ROWS = 256
"""Hidden states unembedded at once: items x chains x vocabulary never exists."""
VOCABULARY = 16384
"""Rows of a half precision head that are widened to float32 at once."""


class Answers(NamedTuple):
    """What a model says of the two completions, float32 on the CPU, all of the same shape."""

    logit_diff: Tensor
    """logit(positive) - logit(negative), of the first tokens in which the completions differ; where
    more tokens are scored, log p(positive) - log p(negative) from there on."""
    answer_logmass: Tensor
    """log(p(positive) + p(negative)), from the decision position on."""
    largest: Tensor
    """What rounding is relative to: the larger of the two logits in absolute value; where more
    tokens are scored `runners.engine.sequences.joined` adds theirs."""


def answers(
    model: nn.Module, hidden: Tensor, positive: Sequence[int], negative: Sequence[int]
) -> Answers:
    """Return [B, n] answers of `hidden` [B, n, d_model], after the final norm, for B token pairs.

    The head is applied in float32, whatever the model's dtype: logits rounded to bfloat16 would
    lose the differences that steering makes.
    """
    batch, n, _ = hidden.shape
    head, flat = Head(model), hidden.flatten(0, 1)
    tokens = sorted({*positive, *negative})
    place = {token: i for i, token in enumerate(tokens)}
    logits = torch.unflatten(head.logits(flat, tokens), 0, (batch, n))
    wanted = [[place[p], place[q]] for p, q in zip(positive, negative, strict=True)]
    index = torch.tensor(wanted, device=logits.device)[:, None].expand(batch, n, 2)
    pair = logits.gather(-1, index)
    mass = pair.logsumexp(-1) - torch.unflatten(head.log_total(flat), 0, (batch, n))
    return Answers(
        (pair[..., 0] - pair[..., 1]).float().cpu(),
        mass.float().cpu(),
        pair.abs().amax(-1).float().cpu(),
    )


def log_probabilities(model: nn.Module, hidden: Tensor, tokens: Sequence[int]) -> Tensor:
    """Return log p(token) for each row of `hidden` [N, d_model], float32 [N] on the CPU."""
    return token_scores(model, hidden, torch.tensor(tokens))[0]


def token_scores(model: nn.Module, hidden: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p of `tokens` [N] for the rows of `hidden` [N, d_model], and what rounds them.

    That is the larger, in absolute value, of logit and log of all summed exponentials; both are
    float32 [N] on the CPU.
    """
    head = Head(model)
    chosen = torch.cat(
        [
            head.of_each(rows, some)
            for rows, some in zip(torch.split(hidden, ROWS), torch.split(tokens, ROWS), strict=True)
        ]
    )
    total = head.log_total(hidden)
    size = torch.maximum(chosen.abs(), total.abs())
    return (chosen - total).float().cpu(), size.float().cpu()


class Head:
    """A model's own way from hidden states to logits: its head, caps, scales and biases.

    The model itself is called, with a decoder that returns given hidden states and a head that
    keeps some rows only: no family's arithmetic is written again. Of a quantised head no rows can
    be kept: it gives all its logits, in the model's own dtype.
    """

    def __init__(self, model: nn.Module) -> None:
        head: Any = model.get_output_embeddings()  # type: ignore[operator]
        self.model, self.head, self.decoder = model, head, parts(model).decoder
        self.name = next(name for name, module in model.named_modules() if module is head)
        self.plain = is_plain(head)
        self.own = model.get_input_embeddings().weight.dtype  # type: ignore[operator]
        with weights_here(head):
            self.weight, self.bias = head.weight, head.bias
        self.dtype = torch.promote_types(self.own, torch.float32)

    @property
    def size(self) -> int:
        """Tokens of the vocabulary."""
        return int(self.head.out_features)

    def logits(self, hidden: Tensor, tokens: Sequence[int]) -> Tensor:
        """Return the logits [N, len(tokens)] of `hidden` [N, d_model], float32 or wider."""
        rows = torch.tensor(tokens, device=self.weight.device)
        if not self.plain:
            return torch.cat([self._whole(part)[:, rows] for part in torch.split(hidden, ROWS)])
        swapped = self._rows(rows)
        return torch.cat([self._call(part, swapped) for part in torch.split(hidden, ROWS)])

    def of_each(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return for each row of `hidden` [N, d_model] the logit of its own token, [N]."""
        unique, place = torch.unique(tokens, return_inverse=True)
        logits = self.logits(hidden, unique.tolist())
        return logits.gather(1, place[:, None].to(logits.device))[:, 0]

    def log_total(self, hidden: Tensor) -> Tensor:
        """Return log of the summed exponentials [N] over the whole vocabulary."""
        totals = [
            torch.cat([tell(part).logsumexp(-1) for part in torch.split(hidden, ROWS)])
            for _, tell in self.slices()
        ]
        return torch.stack(totals).logsumexp(0)

    def slices(self) -> Iterator[tuple[int, Callable[[Tensor], Tensor]]]:
        """Yield the vocabulary in slices that fit into memory.

        Of each the first token, and what tells of hidden states [N, d_model], N at most ROWS, their
        logits [N, tokens of the slice].
        """
        if not self.plain:
            yield 0, self._whole
            return
        size = len(self.weight)
        step = size if self.weight.dtype == self.dtype else VOCABULARY
        for start in range(0, size, step):
            swapped = self._rows(slice(start, start + step))
            yield start, functools.partial(self._call, swapped=swapped)

    def _rows(self, rows: Tensor | slice) -> dict[str, Tensor]:
        """Return the head's parameters with only `rows` of the vocabulary."""
        kept = {f"{self.name}.weight": self.weight[rows].to(self.dtype)}
        if self.bias is not None:
            kept[f"{self.name}.bias"] = self.bias[rows].to(self.dtype)
        return kept

    def _call(self, hidden: Tensor, swapped: dict[str, Tensor]) -> Tensor:
        given = hidden[None].to(self.weight.device, self.dtype)
        asked = {"input_ids": torch.zeros(1, 1, dtype=torch.long, device=given.device)}
        with replaced(self.decoder, lambda *_, **__: _Handed(given)), unhooked(self.head):
            # With tie_weights a tied embedding would shrink along with the head.
            output = torch.func.functional_call(
                self.model, swapped, (), {**asked, "use_cache": False}, tie_weights=False
            )
        logits: Tensor = output.logits[0]
        return logits

    def _whole(self, hidden: Tensor) -> Tensor:
        """Return all logits [N, vocabulary] as the model computes them, widened to float32."""
        given = hidden[None].to(self.weight.device, self.own)
        ids = torch.zeros(1, 1, dtype=torch.long, device=given.device)
        with replaced(self.decoder, lambda *_, **__: _Handed(given)):
            logits: Tensor = self.model(input_ids=ids, use_cache=False).logits[0]
        return logits.to(self.dtype)


def is_plain(head: nn.Module) -> bool:
    """Return whether rows of a head can be taken apart: a linear layer of unquantised numbers."""
    if type(head) is not nn.Linear:
        return False
    # Quantisers that keep nn.Linear put a tensor of a class of their own into it.
    return type(head.weight.data) is Tensor and head.weight.is_floating_point()


class _Handed:
    """A decoder's output that holds hidden states and nothing else, whatever field is asked for."""

    def __init__(self, hidden: Tensor) -> None:
        self.last_hidden_state = hidden

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    def __getitem__(self, index: int) -> Tensor:
        return (self.last_hidden_state,)[index]
