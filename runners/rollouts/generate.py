"""Many rollouts in one batch: each row its own vector at its own layer, one pass a token.

A steered row is the speaker; beside it a shadow, the unsteered model, reads the same tokens with a
cache of its own. So the unsteered log-probabilities, and the features of the unsteered stream, are
there when the last token is, and no finished text is ever read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from runners.engine.hooks import residual
from runners.engine.trunk import Padded
from runners.models.architecture import Parts, parts
from runners.rollouts.sampled import Ask, Manner, Place, Sampled
from runners.rollouts.sampling import draw
from runners.rollouts.steering import Group, groups_of, prefill, select, steered
from runners.rollouts.unembedding import Unembedding

if TYPE_CHECKING:
    from transformers import DynamicCache

    from runners.models.load import LoadedModel


def generate(
    loaded: LoadedModel, asks: Sequence[Ask], places: Sequence[Place], manner: Manner
) -> Sampled:
    """Return what all of `asks` say, sampled together.

    An opening is read once for everything that meets it alike: once for each vector with scope
    `all`, once altogether with scope `answer`.

    Raises:
        Refused: log-probabilities that are not finite.
    """
    found = Sampled.empty(len(asks), manner.saes, loaded.device)
    with torch.inference_mode():
        batch = _Batch.begin(loaded, asks, places, manner)
        for step in range(manner.tokens + bool(manner.saes)):
            if not manner.saes:
                batch.drop_ended()
            if not batch.speakers:
                break
            hidden = batch.feed(found if step else None)
            if manner.saes:
                hidden = hidden[batch.drop_ended()]
            if step < manner.tokens and batch.speakers:
                batch.draw(hidden, step, found)
    for features in found.features:
        counts = torch.tensor([len(tokens) for tokens in found.tokens], device=features.device)
        features.div_(counts[:, None])
    found.refuse_nonfinite(asks, places)
    return found


@dataclass
class _Batch:
    """Rows that are still speaking: speakers in order of layer, then the shadows of the steered."""

    loaded: LoadedModel
    asks: Sequence[Ask]
    places: Sequence[Place]
    manner: Manner
    speakers: list[int]
    """Indices of asks."""
    cache: DynamicCache
    attended: Tensor
    """int64 [B, slots]."""
    next: Tensor
    """int64 [B]: the token that each row reads next."""
    head: Unembedding
    groups: list[Group] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)

    @classmethod
    def begin(
        cls, loaded: LoadedModel, asks: Sequence[Ask], places: Sequence[Place], manner: Manner
    ) -> _Batch:
        """Read all openings but their last token."""

        def layer(place: int | None) -> int:
            return -1 if place is None else places[place].layer

        speakers = sorted(range(len(asks)), key=lambda i: (layer(asks[i].place), i))
        shadows = [i for i in speakers if asks[i].place is not None]
        touched = manner.scope == "all"
        keys = [(asks[i].place if touched else None, asks[i].prompt[:-1]) for i in speakers]
        keys += [(None, asks[i].prompt[:-1]) for i in shadows]
        alone = sorted(
            dict.fromkeys(keys), key=lambda key: (layer(key[0]), -1 if key[0] is None else key[0])
        )
        cache, attended = prefill(loaded, alone, places)
        index = torch.tensor([alone.index(key) for key in keys], device=loaded.device)
        select(cache, index)
        last = torch.tensor([asks[i].prompt[-1] for i in (*speakers, *shadows)])
        batch = cls(
            loaded,
            asks,
            places,
            manner,
            speakers,
            cache,
            attended[index],
            last.to(loaded.device),
            Unembedding(loaded.model),
        )
        batch.regroup()
        return batch

    @property
    def shadowed(self) -> list[int]:
        """Which of the speakers have a shadow, by their row."""
        return [row for row, i in enumerate(self.speakers) if self.asks[i].place is not None]

    def regroup(self) -> None:
        """Find the rows of each layer anew."""
        self.groups = groups_of([self.asks[i].place for i in self.speakers], self.places)

    def feed(self, reading: Sampled | None) -> Tensor:
        """Let every row read its next token; return [B, d_model] after the final norm.

        Where the token was sampled its features are added to `reading`.
        """
        self.attended = torch.cat([self.attended, self.attended.new_ones(len(self.next), 1)], 1)
        found = parts(self.loaded.model)
        asked = Padded(self.next[:, None], self.attended).arguments(self.cache)
        with steered(found, self.groups, None), self._features(found, reading):
            hidden: Tensor = found.decoder(**asked).last_hidden_state
        return hidden[:, -1]

    @contextmanager
    def _features(self, found: Parts, into: Sampled | None) -> Iterator[None]:
        """Add up the features of what this pass reads, where it is sampled."""
        rows = list(range(len(self.speakers)))
        if self.manner.stream == "unsteered":
            for shadow, row in enumerate(self.shadowed, len(self.speakers)):
                rows[row] = shadow
        with ExitStack() as stack:
            for n, sae in enumerate(self.manner.saes if into is not None else ()):

                def hook(_m: Any, _a: Any, output: Any, n: int = n, sae: Any = sae) -> None:
                    assert into is not None
                    hidden = residual(output)[:, -1]
                    features = sae.encode(hidden[torch.tensor(rows, device=hidden.device)])
                    sums = into.features[n]
                    where = torch.tensor(self.speakers, device=sums.device)
                    sums.index_add_(0, where, features.to(sums))

                handle = found.blocks[sae.layer].register_forward_hook(hook)
                stack.callback(handle.remove)
            yield

    def draw(self, hidden: Tensor, step: int, into: Sampled) -> None:
        """Draw the next token of every speaker; its shadow will read it too."""
        n = len(self.speakers)
        numbers = torch.stack([self.asks[i].numbers[step] for i in self.speakers])
        tokens, own = [], []
        for rows, logits in self.head.parts(hidden[:n]):
            drawn = draw(logits, numbers[rows], self.manner.sampling)
            tokens.append(drawn.tokens.to(self.next.device))
            own.append(_chosen(logits, drawn.tokens))
            at = torch.tensor(self.speakers)[rows]
            into.margin[at] = into.margin[at].minimum(drawn.margin)
        said, logprobs = torch.cat(tokens), torch.cat(own)
        shadowed = torch.tensor(self.shadowed, dtype=torch.long)
        unsteered = logprobs.clone()
        for rows, logits in self.head.parts(hidden[n:]):
            which = shadowed[rows]
            unsteered[which] = _chosen(logits, said[which.to(said.device)])
        self.next = torch.cat([said, said[shadowed.to(said.device)]])
        columns = (said.tolist(), logprobs.tolist(), unsteered.tolist())
        for i, token, mine, other in zip(self.speakers, *columns, strict=True):
            into.tokens[i].append(token)
            into.logprobs[i].append(mine)
            into.unsteered[i].append(other)
            if token in self.manner.ends:
                self.ended.add(i)

    def drop_ended(self) -> Tensor:
        """Let the rows leave that have ended; return int64 the rows of the batch that stay."""
        stay = [row for row, i in enumerate(self.speakers) if i not in self.ended]
        total = len(self.next)
        if len(stay) == len(self.speakers):
            return torch.arange(total, device=self.next.device)
        kept = set(stay)
        first = len(self.speakers)
        stay += [first + n for n, row in enumerate(self.shadowed) if row in kept]
        index = torch.tensor(stay, dtype=torch.long, device=self.next.device)
        select(self.cache, index)
        self.attended, self.next = self.attended[index], self.next[index]
        self.speakers = [i for i in self.speakers if i not in self.ended]
        self.regroup()
        return index


def _chosen(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return log p of each row's token, float64 [N] on the CPU."""
    own = logits.gather(-1, tokens.to(logits.device)[:, None])[:, 0]
    return (own - logits.logsumexp(-1)).cpu().double()
