"""Scorer `classifier` with a tiny model of random weights, against plain transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from runners.scoring.classifier import open_classifier, parameters
from runners.scoring.rollouts import Rollout
from specs.faults import Refused
from specs.schema import Classifier
from specs.settings import Settings

WORDS = "[PAD] [UNK] i think so it is good bad and very".split()
TEXTS = ["it is good", "bad", "very very bad and it is so so so", "", "good unknown", "so it is"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of three labels whose answers differ from text to text."""
    found = tmp_path_factory.mktemp("tiny-classifier")
    torch.manual_seed(3)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=8, id2label={0: "calm", 1: "angry", 2: "sad"}, label2id={"calm": 0, "angry": 1, "sad": 2}, initializer_range=1.0)  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(found)
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))  # fmt: skip
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(found)  # fmt: skip
    return found


def spec(folder: Path, **more: Any) -> Classifier:
    return Classifier(name="c", kind="classifier", **{"folder": str(folder), "labels": ("angry",), **more})  # fmt: skip


def scores(one: Classifier, home: Path) -> tuple[dict[str, float | None], int]:
    scorer = open_classifier(one, Settings(home=home))
    rollouts = [Rollout(f"r{n}", "i think", f" {text}", [], 0.0) for n, text in enumerate(TEXTS)]
    found = {rollout.text[1:]: said.score for rollout, said in scorer.scores(rollouts)}
    return found, scorer.n_cut


def plainly(folder: Path, text: str) -> torch.Tensor:
    """Return the logits of one text alone, by transformers."""
    model = BertForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    ids = tokenizer(text, truncation=True, max_length=8, return_tensors="pt")
    with torch.no_grad():
        return model(**ids).logits[0]


def test_the_probability_of_the_labels_whatever_the_batch(folder: Path, tmp_path: Path) -> None:
    texts = [text for text in TEXTS if text]
    for labels, columns in ((("angry",), [1]), (("sad", "calm"), [2, 0])):
        for batch in (1, 4):
            found, n_cut = scores(spec(folder, labels=labels, batch=batch), tmp_path)
            assert n_cut == 1
            assert found[""] is None  # a tokenizer without special tokens leaves nothing
            for text in texts:
                expected = plainly(folder, text).softmax(-1)[columns].sum()
                assert found[text] == pytest.approx(float(expected), abs=1e-6)
    assert len({round(value or 0, 4) for value in found.values()}) > 3


def test_the_prompt_is_read_where_it_is_to(folder: Path, tmp_path: Path) -> None:
    found, _ = scores(spec(folder, reads="prompt_and_text"), tmp_path)
    expected = plainly(folder, "i think bad").softmax(-1)[1]
    assert found["bad"] == pytest.approx(float(expected), abs=1e-6)


def test_independent_labels_have_probabilities_of_their_own(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "multi"
    shutil.copytree(folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "problem_type": "multi_label_classification"}))  # fmt: skip
    found, _ = scores(spec(other, labels=("angry", "sad")), tmp_path)
    expected = plainly(folder, "bad").sigmoid()[[1, 2]].max()
    assert found["bad"] == pytest.approx(float(expected), abs=1e-6)


def test_the_id_follows_from_weights_and_labels(folder: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    same = parameters(spec(folder), settings)
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    assert parameters(spec(moved, batch=3), settings) == same
    assert parameters(spec(moved, labels=("sad",)), settings) != same
    weights = load_file(moved / "model.safetensors")
    weights["classifier.bias"] += 1
    save_file(weights, moved / "model.safetensors", {"format": "pt"})
    assert parameters(spec(moved), settings) != same


def test_faults(folder: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(Refused, match=r"no label 'angy'; did you mean 'angry'\? it has calm, angry, sad"):  # fmt: skip
        open_classifier(spec(folder, labels=("angy",)), settings)
    with pytest.raises(Refused, match=r"does not exist"):
        open_classifier(spec(tmp_path / "none"), settings)
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    weights = load_file(broken / "model.safetensors")
    save_file({k: v for k, v in weights.items() if not k.startswith("classifier.")}, broken / "model.safetensors", {"format": "pt"})  # fmt: skip
    with pytest.raises(Refused, match=r"lack 2 of the classifier's tensors"):
        open_classifier(spec(broken), settings)
    (broken / "model.safetensors").unlink()
    with pytest.raises(Refused, match="no safetensors weights"):
        open_classifier(spec(broken), settings)
