from __future__ import annotations

import hashlib
from collections import Counter

import pytest
import torch
import yaml

from runners.reference_model import CONSTRUCTION_VERSION, build
from runners.reference_model.assemble import CONTEXT, SEED
from runners.reference_model.axes import AXES, WIDTH, direction, embedding, unembedding, vector
from runners.reference_model.block import HEADS, UNITS, Block
from runners.reference_model.concept_files import FOLDER
from runners.reference_model.design import questions
from runners.reference_model.layers import blocks
from runners.reference_model.tokenizer import FILLERS, TEMPLATE, VOCABULARY
from runners.reference_model.traits import TRAITS
from specs.schema import Concept

# Another fingerprint is another model: raise CONSTRUCTION_VERSION and add a line.
FINGERPRINTS = {1: "c88f236ecda2b188"}


@pytest.fixture(scope="module")
def made():
    return build()


# Words ----------------------------------------------------------------------------------------


def test_words_are_distinct_and_known() -> None:
    assert len(VOCABULARY) == len(set(VOCABULARY))
    assert {"agree", "refuse", "kind", "gladly", "books", "A", "Yes"}.isdisjoint(FILLERS)


def test_a_prompt_has_no_unknown_word_and_one_beginning(made) -> None:
    _, tokenizer = made
    read = Concept.model_validate(yaml.safe_load((FOLDER / "kind.yaml").read_text()))
    for asked in questions("kind"):
        user = f"{read.persona.positive} {asked.text}\n\nChoices:\n(A): Yes\n(B): No"
        messages = [
            {"role": "system", "content": "You are a helpful, honest and concise assistant."},
            {"role": "user", "content": user},
        ]
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        words = tokenizer.convert_ids_to_tokens(tokenizer(f"{text}(A)").input_ids)
        assert "<unk>" not in words
        assert words.count("<s>") == 1
        assert words[-4:] == ["<|assistant|>", "(", "A", ")"]
        assert Counter(words)["A"] == 2
        assert Counter(words)["B"] == 1


def test_tokenizer_adds_nothing_of_its_own(made) -> None:
    _, tokenizer = made
    assert tokenizer("(A)").input_ids == tokenizer("(A)", add_special_tokens=False).input_ids
    assert tokenizer.convert_ids_to_tokens(tokenizer("Zebra kind").input_ids) == ["<unk>", "kind"]


def test_template_refuses_other_roles(made) -> None:
    with pytest.raises(Exception, match="the roles are system, user and assistant"):
        made[1].apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


# Construction ---------------------------------------------------------------------------------


def fingerprint() -> str:
    """Everything that makes the model what it is, before rotation: exact on every machine."""
    generator, digest = torch.Generator().manual_seed(SEED), hashlib.sha256()
    torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64)
    eye = torch.eye(WIDTH, dtype=torch.float64)
    tables = [embedding(generator), unembedding()]
    tables += [table for block in blocks() for table in block.weights(eye).values()]
    for table in tables:
        digest.update((table * 1e6).round().to(torch.int64).numpy().tobytes())
    digest.update(repr((VOCABULARY, TEMPLATE, SEED, CONTEXT)).encode())
    return digest.hexdigest()[:16]


def test_construction_has_its_version() -> None:
    assert fingerprint() == FINGERPRINTS[CONSTRUCTION_VERSION]


def test_rebuilt_bit_by_bit_and_the_global_random_state_kept(made) -> None:
    before = torch.random.get_rng_state()
    again, tokenizer = build()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert tokenizer.get_vocab() == made[1].get_vocab()
    weights = made[0].state_dict()
    assert again.state_dict().keys() == weights.keys()
    assert all(torch.equal(weights[name], value) for name, value in again.state_dict().items())
    assert all(value.dtype == torch.float32 for value in weights.values())
    assert not again.training


def test_saved_and_loaded_is_the_same(made, tmp_path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = made
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    words = AutoTokenizer.from_pretrained(tmp_path)
    text = "<s><|user|>Would you gladly refuse to be kind (A): Yes (B): No<|assistant|>("
    assert words(text).input_ids == tokenizer(text).input_ids
    assert words.chat_template == tokenizer.chat_template
    ids = torch.tensor([words(text).input_ids])
    with torch.inference_mode():
        assert torch.equal(loaded(ids).logits, model(ids).logits)


def test_generates_an_answer(made) -> None:
    model, tokenizer = made
    text = "<s><|user|>Would you gladly agree to be kind?\n(A): Yes\n(B): No<|assistant|>"
    ids = torch.tensor([tokenizer(text).input_ids])
    mask = torch.ones_like(ids)
    said = model.generate(ids, attention_mask=mask, max_new_tokens=9, do_sample=False)
    words = tokenizer.convert_ids_to_tokens(said[0, ids.shape[1] :])
    assert words == ["(", "A", ")", "</s>"]


def test_axes_fit_and_are_named_once() -> None:
    assert len(AXES) == len(set(AXES)) <= WIDTH
    with pytest.raises(KeyError, match="nobody"):
        vector({"nobody": 1})
    for concept in TRAITS:
        assert vector(direction(concept)).norm().item() == pytest.approx(1)


def test_a_full_block_says_so() -> None:
    block = Block()
    for _ in range(UNITS // 2):
        block.multiply({"1": 1}, {"1": 1}, {"answer": 1})
    for _ in range(HEADS):
        block.average({"seen.topic": {"topic": 1}})
    with pytest.raises(ValueError, match="no room for this unit"):
        block.multiply({"1": 1}, {"1": 1}, {"answer": 1})
    with pytest.raises(ValueError, match="no room for this head"):
        block.average({"seen.topic": {"topic": 1}})


def test_planted_directions_are_dense(made) -> None:
    # without the rotation a method that looks at single coordinates would find the truth
    embedded = made[0].model.embed_tokens.weight[VOCABULARY.index("kind")]
    assert embedded.abs().max() < 0.4 * embedded.norm()
