import pytest
import torch

from runners.engine.masks import Stem, causal_mask, chain_mask, open_mask, together_mask

BOTH = {
    "bool": lambda m: m,
    "float": lambda m: torch.zeros(m.shape).masked_fill(~m, torch.finfo().min),
}


def drawn(*lines):
    return torch.tensor([[character == "x" for character in line] for line in lines])


def test_a_line_and_a_fork():
    assert Stem.line(3).depth == [0, 1, 2]
    assert torch.equal(Stem.line(3).ancestors, drawn("x..", "xx.", "xxx"))
    fork = Stem((None, 0, 0))
    assert fork.depth == [0, 1, 1]
    assert torch.equal(fork.ancestors, drawn("x..", "xx.", "x.x"))


@pytest.mark.parametrize("kind", BOTH)
def test_chains_keep_padding_and_windows_and_see_only_themselves(kind):
    # One padded slot, then a window of three: the second stem row no longer sees slot 1.
    model = drawn(".xxx.", "..xxx")
    expected = drawn(
        ".xxx...",
        "..xxx..",
        ".xx..x.",
        "..x..xx",
    )
    stem = Stem.line(2)
    found = chain_mask(BOTH[kind](model)[None, None], stem.depth, stem.ancestors, 2)
    assert torch.equal(found[0, 0], BOTH[kind](expected))


def test_siblings_have_the_window_of_their_depth():
    model = drawn("xxx..", ".xxx.", "..xxx")
    stem = Stem((None, 0, 0))
    found = chain_mask(model[None, None], stem.depth, stem.ancestors, 1)
    assert torch.equal(found[0, 0], drawn("xxx..", ".xxx.", ".xx.x"))


def test_every_head_keeps_its_own_bias():
    model = torch.randn(2, 3, 1, 5)
    found = chain_mask(model, [0], Stem.line(1).ancestors, 3)
    assert found.shape == (2, 3, 3, 7)
    for chain in range(3):
        torch.testing.assert_close(found[:, :, chain, :4], model[:, :, 0, :4])
        torch.testing.assert_close(found[:, :, chain, 4 + chain], model[:, :, 0, 4])
    assert (found[:, :, 0, 5:] == torch.finfo().min).all()


def test_no_mask_means_the_whole_trunk():
    found = chain_mask(open_mask(1, 2, 3, torch.device("cpu")), [0, 1], Stem.line(2).ancestors, 1)
    assert torch.equal(found[0, 0], drawn("xxxx.", "xxxxx"))


@pytest.mark.parametrize("kind", BOTH)
def test_together_a_trunk_keeps_its_mask_and_sees_no_chain(kind):
    # A window of two over a cached slot, a trunk of two rows and a stem of two.
    model = drawn("xx...", ".xx..", "..xx.", "...xx")
    expected = drawn("xx.....", ".xx....", "..xx...", "...xx..", "..x..x.", ".....xx")
    stem = Stem.line(2)
    found = together_mask(BOTH[kind](model)[None, None], stem.depth, stem.ancestors, 2)
    assert torch.equal(found[0, 0], BOTH[kind](expected))


def test_no_mask_over_a_sequence_means_causal():
    assert torch.equal(causal_mask(2, 1, torch.device("cpu"))[0, 0], drawn("xx.", "xxx"))
