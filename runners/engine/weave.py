"""Prompts and chains through every block together, so that one block's cache is all there is.

The prompt goes once, then its last tokens with many chains in the same attention. The prompt could
run through all blocks first, its keys and values waiting in a cache; here each block runs the
prompts, then the chains over the keys and values that this left, and lets go of them. Where chains
are few, both go through a block in one call (together.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from runners.engine.block_calls import Call, recorded
from runners.engine.caches import empty_cache, ghost
from runners.engine.chain_arguments import ChainArguments, gate_family
from runners.engine.edits import Rows
from runners.engine.forwards import replaced, returning
from runners.engine.loom import Loom, Read
from runners.engine.masks import Stem
from runners.engine.prefix import begin
from runners.engine.together import Together
from runners.engine.trunk import Padded
from runners.models.architecture import Parts, parts

if TYPE_CHECKING:
    from runners.models.load import LoadedModel

FEWEST, MOST = 32, 256
"""Rows, and chains, that meet in one attention: fewer would read the weights too often, and the
masks of more grow with their square."""
STATES = 4
"""Rows of chains that wait before and after a block while one of its own runs through it: they
need as much memory."""
ROWS = 2 * MOST
"""Rows of chains that meet in one attention, at most: long completions leave room for few."""


class Woven(NamedTuple):
    """What comes out, after the final norm."""

    chains: Tensor
    """[B, chains, R, d_model]: the unsteered chain, then the births by layer."""
    trunk: Tensor
    """[B, apart, d_model]: the last tokens of each trunk."""


def weave(
    loaded: LoadedModel,
    trunks: Sequence[Sequence[int]],
    stems: Sequence[Sequence[int]],
    stem: Stem,
    births: Mapping[int, Rows],
    apart: int = 0,
    read: Read | None = None,
    read_trunks: Read | None = None,
) -> Woven:
    """Run B trunks once, and over each its stem of R tokens in many chains.

    `births` maps a layer to n rows: each is applied to all R tokens of a copy of the unsteered
    chain after that block (a tensor float32 [n, d_model] is added). What all trunks begin with is
    computed once. `apart` last tokens of the trunks are returned too. `read` hears of the chains at
    every layer, those born behind its block not among them; `read_trunks` of the trunks,
    left-padded, and then none of their tokens are computed apart.

    Raises:
        Refused: blocks are of a kind, or are handed arguments, that chains are not exact on.
    """
    found = parts(loaded.model.eval())
    gate_family(found.blocks[0])
    if read_trunks:
        common, cache = 0, empty_cache(loaded)
    else:
        common, cache = begin(loaded, trunks, max(1, apart))
    padded = Padded.of([row[common:] for row in trunks], common, loaded.device)
    full = ghost(loaded, padded.attended.shape[1])
    copies = 1 + sum(len(rows) for rows in births.values())
    embedded, calls = recorded(found, padded.arguments(cache))
    calls[0].named[calls[0].first] = embedded
    del embedded
    chained = ChainArguments(stem, _at_once(copies, padded.attended.shape[1], len(stem.parents)))
    whole = [[*row[common:], *line] for row, line in zip(trunks, stems, strict=True)]
    together = Together.of(loaded, whole, stem, cache)
    loom = Loom(calls, cache, full, chained, births, apart > 0, read, read_trunks, together)
    ids = torch.tensor(stems, device=loaded.device)
    ok = padded.attended
    positions = ok.sum(1)[:, None] + torch.tensor(stem.depth, device=loaded.device)
    with ExitStack() as stack:
        for layer, block in enumerate(found.blocks):
            stack.enter_context(replaced(block, loom.forward(layer, block)))
        output = found.decoder(
            input_ids=ids,
            attention_mask=torch.cat([ok, torch.ones_like(ids)], 1),
            # Only what pads a stem at its ends can lie beyond the context.
            position_ids=positions.clamp(max=loaded.context - 1),
            past_key_values=full,
            use_cache=True,
        )
    # Some decoders view their output back to the input's length: the rows are all there.
    chains = output.last_hidden_state.reshape(len(stems), copies, len(stem.parents), -1)
    if not apart:
        return Woven(chains, chains[:, 0, :0])
    return Woven(chains, _finished(found, padded.ids[:, -apart:], loom.calls[-1]))


def _at_once(copies: int, slots: int, rows: int) -> int:
    """Return how many chains of `rows` rows meet in one attention over `slots` slots.

    They and the hidden states of all chains, before and after the block, need no more memory than
    the trunks do; and parts are of one size.
    """
    free = max(FEWEST, slots - copies * rows // STATES)
    room = min(MOST, max(1, min(free, ROWS) // rows))
    return ceil(copies / ceil(copies / room))


def _finished(found: Parts, ids: Tensor, last: Call) -> Tensor:
    """Return the last tokens `ids` of the trunks after the final norm."""
    hidden = last.named[last.first][:, -ids.shape[1] :]
    with returning(found, len(found.blocks), hidden):
        output = found.decoder(input_ids=ids, use_cache=False)
    finished: Tensor = output.last_hidden_state
    return finished
