"""Damage under guard, its memory, its rows and its tokens."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from runners.campaign.asked import Asked, Run
from runners.damage import guard
from runners.damage.asked import TextUnit, cells
from runners.damage.guard import GuardedDamage
from runners.damage.measure import TextBlock, blocks, measure_texts
from runners.damage.reference import reference_damages
from runners.damage.sweep import damage_sweep
from runners.damage.texts import TokenisedTexts, tokenise_texts
from runners.engine.budget import Budget
from runners.engine.edits import Edit, rows_of
from runners.prompts.encoding import encode_plain
from specs.faults import Refused
from specs.schema import TextSet
from tests.runners.families import random_births, tiny
from tests.runners.family_configs import WIDTH
from tests.runners.test_damage_sweep import TEXTS
from tests.runners.tokenizers import CHATML, byte_level

torch.set_num_threads(1)


def unit(loaded, multipliers=(-1.0, 2.0)):
    draw = torch.Generator().manual_seed(3)
    asked = []
    for n in range(2):
        directions = {layer: torch.randn(WIDTH, generator=draw) for layer in (1, 3)}
        run = Run(f"r{n}", "e", SimpleNamespace(directions=directions), "add", "all")
        asked += [Asked(run, "text", layer, multipliers) for layer in (1, 3)]
    return TextUnit(loaded, TokenisedTexts(None, "e", {}, TEXTS, 0), asked)


def test_a_wrong_sweep_is_found_and_the_reference_serves(monkeypatch):
    said = []
    births = random_births(tiny("llama"), [0, 2])

    def wrong(*arguments):
        found = damage_sweep(*arguments)
        found.kl[2].add_(0.01)
        return found

    monkeypatch.setattr(guard, "damage_sweep", wrong)
    guarded = GuardedDamage("m · texts t", said.append)
    found = guarded(tiny("llama"), TEXTS, births, 64)
    slow = reference_damages(tiny("llama"), TEXTS, births, 64)
    assert torch.equal(found.kl[2], slow.kl[2])
    assert not guarded.trusted
    assert "differs from the reference path by 0.01 nats" in said[0]
    monkeypatch.undo()
    guarded = GuardedDamage("m · texts t", said.append)
    found = guarded(tiny("llama"), TEXTS, births, 64)
    assert guarded.trusted
    assert guarded.longest == 17
    assert torch.equal(found.kl[2], damage_sweep(tiny("llama"), TEXTS, births, 64).kl[2])


def test_an_operator_that_is_wrong_is_found_whatever_row_is_the_last(monkeypatch):
    vector = torch.randn(WIDTH, generator=torch.Generator().manual_seed(1))
    edits = [Edit(operator, 1.0, vector) for operator in ("ablate", "clamp", "add")]

    def wrong(*arguments):
        found = damage_sweep(*arguments)
        found.rise[1][:, 0] += 0.01
        return found

    monkeypatch.setattr(guard, "damage_sweep", wrong)
    guarded = GuardedDamage("m · texts t", lambda line: None)
    guarded(tiny("llama"), TEXTS, {1: rows_of(edits)}, 64)
    assert not guarded.trusted


def test_out_of_memory_halves_batches_and_the_rows_are_the_same():
    block = TextBlock(unit(tiny("llama")), 0, TEXTS, cells(unit(tiny("llama"))))
    said, sizes = [], []

    def full(loaded, texts, births, tokens):
        sizes.append((len(texts), tokens))
        if len(texts) > 2:
            raise MemoryError
        return damage_sweep(loaded, texts, births, tokens)

    budget = Budget(68, said.append)
    halved = measure_texts(block, full, budget)
    assert budget.tokens == 34
    assert sizes[0] == (4, 68)
    assert "out of memory in a batch of 4" in said[0]
    whole = measure_texts(block, damage_sweep, Budget(4096))
    assert halved["damage"].num_rows == 4 * 2 * 2 * 2
    for name in ("run_id", "layer", "multiplier", "text_id", "n_tokens"):
        assert halved["damage"][name] == whole["damage"][name]
    for name in ("kl", "cross_entropy_rise"):
        gap = halved["damage"][name].to_numpy() - whole["damage"][name].to_numpy()
        assert abs(gap).max() < 1e-5
    with pytest.raises(Refused, match="do not fit into memory"):
        measure_texts(block, lambda *_: (_ for _ in ()).throw(MemoryError()), Budget(1))


def test_every_row_is_the_damage_of_its_own_cell():
    asked = unit(tiny("gpt2"))
    block = TextBlock(asked, 0, TEXTS, cells(asked))
    rows = measure_texts(block, damage_sweep, Budget(64))["damage"].to_pylist()
    by_run = {one.run.run_id: one.run.vector.directions for one in asked.asked}
    by_text = {text.item_id: text for text in TEXTS}
    for row in rows[::7]:
        delta = row["multiplier"] * by_run[row["run_id"]][row["layer"]]
        alone = reference_damages(
            tiny("gpt2"), [by_text[row["text_id"]]], {row["layer"]: delta[None]}, 64
        )
        assert row["kl"] == pytest.approx(float(alone.kl[row["layer"]][0, 0]), abs=3e-5)
        assert row["n_tokens"] == len(by_text[row["text_id"]].prompt) - 1


def test_only_what_is_missing_is_done():
    asked = unit(tiny("llama"))
    (whole,) = blocks([asked], {})
    assert len(whole.cells) == 8
    done = {(c.run.run_id, c.layer, c.multiplier, 0): 4 for c in whole.cells[:5]}
    (rest,) = blocks([asked], done)
    assert rest.cells == whole.cells[5:]
    assert blocks([asked], {**done, **{(c.run.run_id, c.layer, c.multiplier, 0): 4 for c in rest.cells}}) == []  # fmt: skip
    # Of 4 layers those behind layer 1 are half of a pass, those behind the last one none.
    assert whole.replayed() == whole.tokens() * 4 * 0.5


def test_texts_have_one_beginning_and_no_template():
    tokenizer = byte_level(CHATML)
    (ids,) = encode_plain(tokenizer, ["You would."])
    assert tokenizer.decode(ids).count("You would.") == 1
    assert "<|im_start|>" not in tokenizer.decode(ids)
    assert encode_plain(tokenizer, []) == []


def test_long_texts_are_cut_and_single_tokens_refused():
    loaded = SimpleNamespace(
        tokenizer=byte_level(None), context=64, model_id="m", spec=SimpleNamespace(name="toy")
    )

    def read(texts, most):
        spec = TextSet(name="t", texts=texts, max_tokens=most)
        return SimpleNamespace(
            spec=spec, text_set_id="s", texts={str(n): t for n, t in enumerate(texts)}
        )

    short, longer = (
        tokenise_texts(loaded, read(("abc def ghi", "ab cd"), most)) for most in (4, 99)
    )
    assert [len(text.prompt) for text in short.texts] == [4, 4]
    assert longer.texts[0].prompt[:4] == short.texts[0].prompt
    assert (short.n_cut, longer.n_cut) == (2, 0)
    assert short.evaluation_id != longer.evaluation_id  # other tokens, other numbers
    assert len(encode_plain(loaded.tokenizer, ["a"])[0]) == 1
    with pytest.raises(Refused, match="single token of model toy"):
        tokenise_texts(loaded, read(("a", "b"), 9))
