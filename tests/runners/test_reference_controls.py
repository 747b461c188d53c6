from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest
import torch

from builders import build as builder
from runners.reference_model.axes import WIDTH
from runners.reference_model.design import TOPICS, items
from runners.reference_model.traits import LAYERS, TRAITS
from runners.reference_model.truth import VARIANTS
from specs import catalog as catalogs
from specs.settings import Settings
from tests.runners.plain_sweep import (
    FLOOR,
    answer,
    made,
    render,
    slopes,
    sweep,
    swept,
    swept_batch,
    tokens,
    vectors,
)

CONCEPTS = list(TRAITS)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(before)


def test_nothing_moves_what_is_not_read() -> None:
    for layer in range(LAYERS):
        assert max(map(abs, slopes(swept("idle")[layer]))) < FLOOR
    assert vectors("idle")[3].norm() == pytest.approx(1, abs=0.01)


def test_vectors_have_their_planted_length() -> None:
    for concept in CONCEPTS:
        norms = vectors(concept).norm(dim=1).tolist()
        assert norms == pytest.approx([0, 0, 0.6, 1, 1, 1], abs=2e-3)


def test_two_concepts_share_half_a_direction() -> None:
    own = {concept: vectors(concept)[3] for concept in CONCEPTS}
    for one in CONCEPTS:
        for other in CONCEPTS:
            planted_cosine = 1 if one == other else 0.5 if {one, other} == {"kind", "calm"} else 0
            cosine = torch.cosine_similarity(own[one], own[other], dim=0).item()
            assert cosine == pytest.approx(planted_cosine, abs=2e-3)


def test_another_concepts_vector_moves_by_the_cosine() -> None:
    found = slopes(sweep("kind", {3: vectors("calm")[3]})[3])
    assert fmean(found) == pytest.approx(fmean(slopes(swept("kind")[3])) / 2, abs=0.01)
    assert max(map(abs, slopes(sweep("bold", {3: vectors("kind")[3]})[3]))) < 0.01


def test_negated_vector_mirrors() -> None:
    mirrored = sweep("loud", {3: -vectors("loud")[3]})[3]
    assert torch.allclose(mirrored.flip(1), swept("loud")[3], atol=1e-3)


def test_wrong_layers_show() -> None:
    right = fmean(slopes(swept("kind")[3]))
    wrong = sweep("kind", {layer: vectors("kind")[3] for layer in (2, 4)})
    assert fmean(slopes(wrong[2])) == pytest.approx(1.25 * right, rel=0.01)
    assert fmean(slopes(wrong[4])) == pytest.approx(0.3 * right, rel=0.01)


def test_fit_on_any_variant_gives_the_same_vector() -> None:
    for variant in VARIANTS:
        assert torch.allclose(vectors("frank", variant), vectors("frank"), atol=2e-3)


def test_fit_on_one_option_order_is_contaminated_by_the_letter() -> None:
    cosine = torch.cosine_similarity(vectors("kind", "base", (1,)), vectors("kind"), dim=1)
    assert cosine[3] < 0.5


def test_foreign_text_before_the_question_is_neutral() -> None:
    said = "Un texte inconnu, deux fois. " * 2 + "Answer Yes or No. "
    diffs = sweep("loud", {3: vectors("loud")[3]}, before=said)[3]
    assert torch.allclose(diffs, swept("loud")[3], atol=0.02)


def test_only_the_decision_position_matters_and_a_cache_changes_nothing() -> None:
    item = items("kind", "test")[5]
    ids = torch.tensor([tokens(render("kind", item) + "(")])
    vector = vectors("kind")[3]
    [(_, cached)] = swept_batch(ids, {3: vector})
    spread = torch.zeros(ids.shape[1], WIDTH)
    unsteered_answer = answer(ids, 3, spread)
    spread[:-1] = 1.5 * vector
    assert torch.allclose(answer(ids, 3, spread), unsteered_answer, atol=1e-3)
    spread[:-1], spread[-1] = 0, 1.5 * vector
    assert torch.allclose(answer(ids, 3, spread), cached[:, -1], atol=1e-3)
    assert (cached[:, -1] - unsteered_answer).abs().item() > 1


def test_builders_render_these_prompts(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    catalog = catalogs.open(settings)
    variants = [catalog.get("variants", name) for name in VARIANTS]
    built = builder.build(catalog.get("concepts", "frank"), variants, settings)
    cells = built.items.select(["split", "question", "positive_option"]).to_pylist()
    known = {
        (item.question.split, item.question.text, int(item.order < 0)): item
        for split in TOPICS
        for item in items("frank", split)
    }
    assert {tuple(cell.values()) for cell in cells} == set(known)
    for name in VARIANTS:
        for cell, row in zip(cells, built.variants[name].rows.to_pylist(), strict=True):
            item = known[tuple(cell.values())]
            text = made()[1].apply_chat_template(
                row["messages"], add_generation_prompt=True, tokenize=False
            )
            positive, negative = "AB"[:: item.order]
            assert text == render("frank", item, name)
            assert [row["answer_prefix"], row["positive"], row["negative"]] == [
                "(",
                f"{positive})",
                f"{negative})",
            ]
