"""Reading one completion at a time equals the reference path where chains cannot serve."""

import pytest
import torch

from runners.apart import read_apart
from runners.extraction import read_activations
from runners.families import REPLAYED
from runners.reference import reference_activations
from specs.faults import Refused
from tests.runners.families import MIXED, REPLAYED_CONFIGS, random_items, tiny

torch.set_num_threads(1)


@pytest.mark.parametrize("name", [*REPLAYED_CONFIGS, "llama", "gemma2"])
def test_equals_the_reference_path(name):
    loaded = tiny(name)
    found = read_apart(loaded, MIXED)
    for item, both in zip(MIXED, found, strict=True):
        for read, expected in zip(both, reference_activations(loaded, item), strict=True):
            torch.testing.assert_close(read, expected, rtol=0, atol=5e-6 * float(expected.norm()))


def test_equals_the_pass_that_reads_both_at_once():
    found = read_apart(tiny("gpt2"), MIXED)
    together = read_activations(tiny("gpt2"), MIXED, 100)
    torch.testing.assert_close(found[:, 0], together.positive, rtol=0, atol=1e-4)
    torch.testing.assert_close(found[:, 1], together.negative, rtol=0, atol=1e-4)


def test_a_prompt_of_one_token_is_read():
    assert read_apart(tiny("llama"), random_items([1], [0])).isfinite().all()


@pytest.mark.parametrize("name", [name for name in REPLAYED_CONFIGS if "phi3" not in name])
def test_no_chain_can_be_wrong_where_chains_are_known_to_be(name):
    # Whoever calls: the blocks themselves are looked at.
    loaded = tiny(name)
    with pytest.raises(Refused, match=loaded.model.config.model_type):
        read_activations_by_chains(loaded)


def read_activations_by_chains(loaded):
    from runners.masks import Stem
    from runners.trunk import split
    from runners.weave import weave

    assert loaded.model.config.model_type in REPLAYED
    with torch.inference_mode():
        trunks, stems = split(MIXED[3:4], 1)
        weave(loaded, trunks, stems, Stem.line(1), {})
