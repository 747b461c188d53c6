"""A template with text answers, from YAML to slopes in SQL, held against the model alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command import steerhouse
from tests.runners import toy_models

TOLD = """\
description: Likes what it saw.
answer_format: text
source:
  template:
    question: "You saw the {thing} {when}, and it was"
    positive: "{thing}, or so good that you like {tail}"
    negative: no {tail}
    slots:
      thing: [tea, choices, answer, assistant, Yes, helpful one]
      when: [today, like you]
      tail: [it, which one]
splits: {by: grouped, field: thing, train: 0.34, validation: 0.16, test: 0.5}
"""
EXPERIMENT = """\
models: [toy]
concepts: [told]
fit_variants: [base]
variants: [base]
layers: [0, 1]
multipliers: [-1.5, -0.5, 0, 0.5, 1.5]
scopes: [answer, decision, prompt, all]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the experiment ran."""
    folder = tmp_path_factory.mktemp("text")
    for kind, name, text in (
        ("concepts", "told", TOLD),
        ("experiments", "telling", EXPERIMENT),
        ("models", "toy", "folder: ../../toy\ntemplate: plain\n"),
    ):
        (folder / "specs" / kind).mkdir(parents=True)
        (folder / "specs" / kind / f"{name}.yaml").write_text(text)
    toy_models.save(folder / "toy", max_position_embeddings=256, initializer_range=0.3)
    for command in (("check", "telling"), ("run", "telling", "--verify", "12")):
        done = steerhouse("--specs", "specs", *command, cwd=folder)
        assert done.returncode == 0, done.stderr
    assert "verified 12 random rows" in done.stderr
    assert "differs from the reference path" not in done.stderr
    assert "Warning" not in done.stderr  # whole texts are unlikely: that is no silence
    return folder


def ask(folder: Path, query: str) -> list[dict[str, Any]]:
    done = steerhouse("sql", "--format", "json", query, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_everything_asked_is_there_under_a_score_of_its_own(folder: Path) -> None:
    assert ask(folder, "select distinct score from evaluation") == [{"score": "sequence"}]
    (row,) = ask(
        folder,
        "select count(*) as cells, sum(n_missing) as missing, max(n_asked) as items from coverage",
    )
    assert (row["missing"], row["items"]) == (0, 12)
    assert row["cells"] >= 8
    (tokens,) = ask(
        folder,
        "select min(positive_tokens) as fewest, max(positive_tokens - negative_tokens) as apart "
        "from baseline",
    )
    assert tokens["fewest"] > 2
    assert tokens["apart"] > 2


def test_slopes_are_those_of_the_model_alone(folder: Path) -> None:
    """Text, model, hook and regression here share nothing with the engine but the files."""
    slopes = ask(
        folder,
        "select run.scope, slopes.layer, item.options, baseline.prompt_text, slopes.slope, "
        "slopes.baseline_logit_diff as unsteered, run.vector_id from item_slope as slopes "
        "inner join run using (run_id) inner join item using (item_id) "
        "inner join baseline on baseline.item_id = slopes.item_id "
        "where slopes.split = 'test' and slopes.layer = 1 order by all limit 40",
    )
    assert {row["scope"] for row in slopes} == {"answer", "decision", "prompt", "all"}
    model, tokenizer = alone(folder)
    (found,) = ask(folder, "select direction from vector_direction where layer = 1")
    grid = np.array([-1.5, -0.5, 0, 0.5, 1.5])
    for row in slopes[::4]:
        curve = [
            difference(model, tokenizer, row, row["scope"], m, found["direction"]) for m in grid
        ]
        assert row["unsteered"] == pytest.approx(curve[2], abs=1e-4)
        assert row["slope"] == pytest.approx(float(np.polyfit(grid, curve, 1)[0]), abs=1e-4)
    assert max(abs(row["slope"]) for row in slopes) > 0.05


def alone(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder / "toy").eval()
    return model, AutoTokenizer.from_pretrained(folder / "toy")


def difference(
    model: Any, tokenizer: Any, row: dict[str, Any], scope: str, multiplier: float, vector: Any
) -> float:
    """Return log p(positive) - log p(negative) of whole completions, by plain transformers."""
    import torch

    texts = [f"{row['prompt_text']} {option}" for option in row["options"]]
    prompt = tokenizer(row["prompt_text"], add_special_tokens=False)["input_ids"]
    both = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert all(ids[: len(prompt)] == prompt for ids in both)
    same = next(i for i, (a, b) in enumerate(zip(*both, strict=False)) if a != b)
    start = {"answer": len(prompt) - 1, "decision": same - 1}.get(scope, 0)
    end = len(prompt) if scope == "prompt" else None

    def add(_module: Any, _args: Any, hidden: Any) -> Any:
        hidden[:, start:end] += multiplier * torch.tensor(vector)
        return hidden

    handle = model.model.layers[1].register_forward_hook(add)
    sums = []
    for ids in both:
        with torch.inference_mode():
            logprobs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        sums.append(sum(float(logprobs[i - 1, ids[i]]) for i in range(same, len(ids))))
    handle.remove()
    return sums[0] - sums[1]


def test_a_second_run_measures_nothing(folder: Path) -> None:
    done = steerhouse("--specs", "specs", "run", "telling", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert " 0 to measure" in done.stderr


def test_show_marks_what_is_steered_through_the_completion(folder: Path) -> None:
    done = steerhouse("--specs", "specs", "show", "told", "--model", "toy", cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    for side in ("positive", "negative"):
        own = [row for row in rows if side in row]
        assert len(own) > 1
        assert all("steered(decision)" in row for row in own[:-1])
        assert "steered(answer)" not in own[-1]
