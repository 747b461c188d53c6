"""Rollouts under guard, openings as tokens, blocks that did not fit into memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from runners.campaign.asked import Asked, Run
from runners.engine.budget import Budget
from runners.rollouts import guard
from runners.rollouts.asked import RolloutUnit
from runners.rollouts.generate import generate
from runners.rollouts.guard import GuardedRollouts
from runners.rollouts.measure import RolloutBlock, sample_block
from runners.rollouts.prompts import Opening, TokenisedPrompts, end_tokens, tokenise_prompts
from runners.rollouts.reference import reference_rollouts
from runners.rollouts.sampled import Manner
from runners.rollouts.sampling import Sampling
from specs.faults import Refused
from specs.schema import PromptSet, Rollouts
from tests.runners.fake_sae import FakeSae
from tests.runners.families import random_model, stand_in, tiny
from tests.runners.family_configs import WIDTH
from tests.runners.test_rollouts import TOKENS, asks, places

torch.set_num_threads(1)
HOW = Manner(Sampling(), TOKENS)


def test_a_wrong_sampler_is_found_and_the_reference_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []

    def wrong(*arguments: Any) -> Any:
        found = generate(*arguments)
        found.unsteered[-1][2] += 0.01
        return found

    monkeypatch.setattr(guard, "generate", wrong)
    guarded = GuardedRollouts("m · rollouts p", said.append)
    few = asks(of=(0,))
    found = guarded(tiny("llama"), few, places(), HOW)
    assert "differs from the reference path by 0.01 nats" in said[0]
    assert not guarded.trusted
    slow = reference_rollouts(tiny("llama"), few, places(), HOW)
    assert found.unsteered == slow.unsteered


def test_what_is_right_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = GuardedRollouts("m", pytest.fail)
    first = guarded(tiny("llama"), asks(), places(), HOW)
    monkeypatch.setattr(guard, "_fault", lambda *_: pytest.fail("checked again"))
    assert guarded(tiny("llama"), asks(), places(), HOW).tokens == first.tokens


def test_a_recurrent_model_is_served_by_the_reference() -> None:
    said: list[str] = []
    loaded = stand_in(random_model("mamba"))
    few = asks(((5, 17, 9),), (None, 0))
    found = GuardedRollouts("m", said.append)(loaded, few, places(), HOW)
    assert "recurrent state" in said[0]
    assert found.tokens == reference_rollouts(loaded, few, places(), HOW).tokens


class Tokens:
    """A tokenizer of single letters."""

    def __init__(self, bos: int | None, adds: bool = False) -> None:
        self.bos_token_id, self.eos_token_id, self.adds = bos, 2, adds

    def __call__(self, texts: list[str], add_special_tokens: bool, **_: Any) -> dict[str, Any]:
        start = [self.bos_token_id] if self.adds and add_special_tokens else []
        return {"input_ids": [[*start, *(10 + ord(c) - ord("a") for c in text)] for text in texts]}


def model_of(tokenizer: Tokens, context: int = 20) -> Any:
    return SimpleNamespace(
        tokenizer=tokenizer,
        spec=SimpleNamespace(name="m"),
        context=context,
        model_id="m",
        model=SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=[2, 7])),
    )


SET = PromptSet(name="p", prompts=("", "ab"), copies={"": 2})
ASKED = Rollouts(prompt_sets=("p",), tokens=4)


@pytest.mark.parametrize("tokenizer", [Tokens(1), Tokens(1, adds=True)])
def test_bos_stands_before_every_opening_once(tokenizer: Tokens) -> None:
    found = tokenise_prompts(model_of(tokenizer), SET, ASKED)
    assert [one.tokens for one in found.openings] == [(1,), (1, 10, 11)]
    assert [(pair.opening.text, pair.sample) for pair in found.pairs(2)] == [
        ("", 0), ("", 1), ("ab", 0), ("", 2), ("", 3), ("ab", 1),
    ]  # fmt: skip
    assert end_tokens(model_of(tokenizer)) == {2, 7}


def test_openings_that_no_model_can_continue() -> None:
    with pytest.raises(Refused, match="has no BOS, so that the opening '' is no token"):
        tokenise_prompts(model_of(Tokens(None)), SET, ASKED)
    with pytest.raises(Refused, match="'ab' and 4 sampled tokens do not fit into the 6 tokens"):
        tokenise_prompts(model_of(Tokens(1), 6), SET, ASKED)


def test_ids_follow_from_openings_copies_and_sampling() -> None:
    def ids(spec: PromptSet = SET, asked: Rollouts = ASKED) -> tuple[str, str]:
        found = tokenise_prompts(model_of(Tokens(1)), spec, asked)
        return found.prompt_set_id, found.evaluation_id

    assert ids(SET.model_copy(update={"name": "q", "description": "other"})) == ids()
    assert ids(SET.model_copy(update={"copies": {}})) != ids()
    assert ids(asked=ASKED.model_copy(update={"samples": 3, "scope": "answer"})) == ids()
    other = ids(asked=ASKED.model_copy(update={"temperature": 0.5}))
    assert other[0] == ids()[0]
    assert other[1] != ids()[1]


def test_out_of_memory_halves_batches_and_says_the_same() -> None:
    loaded = tiny("llama")
    loaded.tokenizer = SimpleNamespace(decode=lambda tokens, **_: str(tokens))
    openings = [Opening("p", "", (5,), 2), Opening("q", "x", (5, 17, 9), 1)]
    prompts = TokenisedPrompts(SET, "s", "e", {}, openings)
    directions = {1: torch.randn(WIDTH, generator=torch.Generator().manual_seed(1))}
    run = Run("r", "e", SimpleNamespace(directions=directions), "add", "all")
    unit = RolloutUnit(loaded, prompts, ASKED, [Asked(run, "rollout", 1, (-1.0, 2.0))])
    sae = FakeSae(2, WIDTH)
    how = Manner(Sampling(), 4, saes=(sae,))
    (number, pairs), *_ = unit.slices()
    bare = sample_block(RolloutBlock(unit, number, pairs, []), generate, Budget(512), how)
    block = RolloutBlock(unit, number, pairs, unit.cells())
    whole = sample_block(block, generate, Budget(512), how, bare.features)
    sizes: list[int] = []

    def scarce(*arguments: Any) -> Any:
        sizes.append(len(arguments[1]))
        if sizes[-1] > 20:
            raise RuntimeError("CUDA out of memory.")
        return generate(*arguments)

    budget = Budget(512, say=lambda _: None)
    parted = sample_block(block, scarce, budget, how, bare.features)
    assert sizes[0] == 2 * len(pairs)
    assert budget.tokens < 512
    assert parted.sampled.tokens == whole.sampled.tokens
    torch.testing.assert_close(parted.moments[0], whole.moments[0], rtol=1e-5, atol=1e-5)
    assert whole.moments[0].shape == (2, 3, sae.d_sae)
