"""Draws: streams of their own, and the inverse CDF against sums in plain Python."""

from __future__ import annotations

import math

import pytest
import torch

from runners.rollouts.draws import uniforms
from runners.rollouts.sampling import Sampling, draw


def plain(logits: list[float], number: float, how: Sampling) -> int:
    """Return the token by sorting and summing one at a time; no token ties with another."""
    ids = range(len(logits))
    if how.temperature == 0:
        return max(ids, key=lambda i: logits[i])
    weights = {i: math.exp(logits[i] / how.temperature) for i in ids}
    ranked = sorted(ids, key=lambda i: -weights[i])[: how.top_k or len(logits)]
    total, kept = sum(weights[i] for i in ranked), []
    for i in ranked:
        kept.append(i)
        if sum(weights[j] for j in kept) / total >= how.top_p:
            break
    aim, summed = number * sum(weights[i] for i in kept), 0.0
    for i in sorted(kept):
        summed += weights[i]
        if summed > aim:
            return i
    return max(kept)


@pytest.mark.parametrize(
    "how",
    [
        Sampling(),
        Sampling(0.0),
        Sampling(0.7),
        Sampling(1.3, 5),
        Sampling(1.0, None, 0.6),
        Sampling(1.0, 7, 0.3),
        Sampling(2.0, 400, 0.999),
        Sampling(1.0, 1),
    ],
)
def test_the_inverse_cdf(how: Sampling) -> None:
    maker = torch.Generator().manual_seed(4)
    logits = 3 * torch.randn(300, 60, generator=maker)
    numbers = torch.rand(300, dtype=torch.float64, generator=maker)
    found = draw(logits, numbers, how)
    wanted = [
        plain(row.double().tolist(), float(number), how)
        for row, number in zip(logits, numbers, strict=True)
    ]
    assert found.tokens.tolist() == wanted
    assert len(set(wanted)) > 10
    assert (found.margin >= 0).all()
    # Rows among others, or alone.
    alone = torch.cat([draw(logits[i : i + 1], numbers[i : i + 1], how).tokens for i in range(40)])
    assert alone.tolist() == wanted[:40]


def test_shares_are_those_of_the_softmax() -> None:
    logits = torch.tensor([[0.0, math.log(2.0), math.log(5.0)]]).expand(8000, 3)
    numbers = (torch.arange(8000, dtype=torch.float64) + 0.5) / 8000
    counts = torch.bincount(draw(logits, numbers, Sampling()).tokens, minlength=3)
    assert counts.tolist() == [1000, 2000, 5000]
    hot = torch.bincount(draw(logits, numbers, Sampling(1.0, None, 0.7)).tokens, minlength=3)
    assert hot[0] == 0
    assert hot[1] == pytest.approx(8000 * 2 / 7, abs=1)


def test_equals_do_not_depend_on_their_order() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0, 3.0, 0.0]]).expand(600, 5)
    numbers = (torch.arange(600, dtype=torch.float64) + 0.5) / 600
    assert draw(logits, numbers, Sampling(0.0)).tokens.unique().tolist() == [1]
    for how in (Sampling(1.0, 2), Sampling(1.0, None, 0.4)):
        assert torch.bincount(draw(logits, numbers, how).tokens, minlength=5).tolist() == [0, 200, 200, 200, 0]  # fmt: skip


def test_the_ends_of_the_unit_interval() -> None:
    logits = torch.tensor([[-math.inf, 0.0, 1.0, -math.inf]]).expand(2, 4)
    numbers = torch.tensor([0.0, 1 - 2.0**-53], dtype=torch.float64)
    assert draw(logits, numbers, Sampling()).tokens.tolist() == [1, 2]


def test_the_margin_says_when_rounding_decides() -> None:
    logits = torch.tensor([[0.0, 0.0]])
    for number, margin in ((0.5 - 1e-9, 1e-9), (0.5, 0.0), (0.3, 0.2)):
        found = draw(logits, torch.tensor([number], dtype=torch.float64), Sampling())
        assert float(found.margin) == pytest.approx(margin, abs=1e-12)
    close = torch.tensor([[0.0, 1.0, 1.0 + 1e-6]])
    close = torch.tensor([[0.0, 1.0, 1.0 + 1e-7]])
    assert float(draw(close, torch.tensor([0.2]), Sampling(1.0, 1)).margin) < 1e-6
    assert float(draw(close, torch.tensor([0.2]), Sampling(0.0)).margin) < 1e-6


@pytest.mark.parametrize(
    "how", [Sampling(), Sampling(0.8, 7), Sampling(1.0, None, 0.5), Sampling(0.0)]
)
def test_rounding_changes_no_token_but_where_the_margin_says_so(how: Sampling) -> None:
    maker = torch.Generator().manual_seed(8)
    logits = torch.randn(20000, 50, generator=maker)
    logits[:200, 1] = logits[:200].amax(-1) + 1e-7  # near ties of the two most probable
    numbers = torch.rand(20000, dtype=torch.float64, generator=maker)
    edges = logits[200:400].double().softmax(-1).cumsum(-1)[:, 20]
    numbers[200:400] = edges + 1e-8  # of sums without top_k, top_p and temperature
    found = draw(logits, numbers, how)
    noisy = draw(logits + 1e-6 * torch.randn(logits.shape, generator=maker), numbers, how)
    other = found.tokens != noisy.tokens
    if how in (Sampling(), Sampling(0.0)):
        assert 20 < int(other.sum()) < 400
    assert (found.margin[other] < 5e-6).all()
    assert float((found.margin > 5e-6).double().mean()) > 0.9


def test_streams_depend_on_seed_prompt_and_sample_and_nothing_else() -> None:
    first = uniforms(0, "p", 0, 16)
    assert torch.equal(first, uniforms(0, "p", 0, 32)[:16])
    others = [uniforms(1, "p", 0, 16), uniforms(0, "q", 0, 16), uniforms(0, "p", 1, 16)]
    assert all(not set(first.tolist()) & set(other.tolist()) for other in others)
    # Written down: another number here means other rollouts under the same ids.
    assert first[:2].tolist() == pytest.approx(PINNED, abs=0)
    many = torch.cat([uniforms(0, "p", sample, 64) for sample in range(200)])
    assert float(many.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(many.var()) == pytest.approx(1 / 12, abs=0.003)


PINNED = [0.4650190879935171, 0.5228031127778136]
