"""Reading one completion at a time equals the reference path where chains cannot serve."""

from typing import get_args

import pytest
import torch

from runners.engine.reference import reference_activations
from runners.fitting.apart import read_apart
from runners.fitting.extraction import read_activations
from runners.models.families import REPLAYED
from specs.faults import Refused
from specs.schema import Read
from tests.runners.families import MIXED, UNEQUAL, random_items, tiny
from tests.runners.family_configs import REPLAYED_CONFIGS

torch.set_num_threads(1)
READS = get_args(Read)


@pytest.mark.parametrize("name", [*REPLAYED_CONFIGS, "llama", "gemma2"])
def test_equals_the_reference_path(name):
    loaded = tiny(name)
    found = read_all(loaded, UNEQUAL)
    for read in READS:
        for i, item in enumerate(UNEQUAL):
            for side, expected in enumerate(reference_activations(loaded, item, read)):
                allowed = 5e-6 * float(expected.norm())
                torch.testing.assert_close(found[read][side, i], expected, rtol=0, atol=allowed)


def test_equals_the_pass_that_reads_both_at_once():
    found = read_all(tiny("gpt2"), UNEQUAL)
    for read in READS:
        together = read_activations(tiny("gpt2"), UNEQUAL, 100, read=read)
        torch.testing.assert_close(found[read][0], together.positive, rtol=0, atol=1e-4)
        torch.testing.assert_close(found[read][1], together.negative, rtol=0, atol=1e-4)


def test_a_prompt_of_one_token_is_read():
    found = read_all(tiny("llama"), random_items([1], [0]))
    assert all(one.isfinite().all() for one in found.values())


def read_all(loaded, items):
    """Return read position -> [2, items, layers, d_model]."""
    shape = (2, len(items), loaded.n_layers, loaded.d_model)
    found = {read: torch.full(shape, torch.nan) for read in READS}

    def keep(side, read, layer, rows, hidden):
        found[read][side, list(rows), layer] = hidden

    read_apart(loaded, items, READS, keep)
    return found


@pytest.mark.parametrize("name", [name for name in REPLAYED_CONFIGS if "phi3" not in name])
def test_no_chain_can_be_wrong_where_chains_are_known_to_be(name):
    # Whoever calls: the blocks themselves are looked at.
    loaded = tiny(name)
    with pytest.raises(Refused, match=loaded.model.config.model_type):
        read_activations_by_chains(loaded)


def read_activations_by_chains(loaded):
    from runners.engine.masks import Stem
    from runners.engine.trunk import split
    from runners.engine.weave import weave

    assert loaded.model.config.model_type in REPLAYED
    with torch.inference_mode():
        trunks, stems = split(MIXED[3:4], 1)
        weave(loaded, trunks, stems, Stem.line(1), {})
