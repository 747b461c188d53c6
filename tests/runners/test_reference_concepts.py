from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
import yaml

from runners.reference_model import truth
from runners.reference_model.concept_files import FOLDER, concept_files
from runners.reference_model.design import (
    ADVERBS,
    ENDINGS,
    FRAMES,
    OPENINGS,
    TOPICS,
    items,
    questions,
)
from runners.reference_model.traits import TRAITS
from runners.reference_model.truth import gain
from specs.schema import Concept

# From the study of the reference model: mean slope at layer 3, anti-steerable, letter and yes/no share,
# mean unsteered logit difference, slope with a persona in the user turn over slope on base
STUDY = {
    "kind": (2.992, 0.000, 0.000, 0.008, 1.0, 1.0),
    "bold": (1.042, 0.333, 0.000, 0.000, -0.5, 1.0),
    "rude": (0.142, 0.500, 0.000, 0.087, 0.0, 1.0),
    "proud": (1.492, 0.500, 0.982, 0.000, 0.5, 1.0),
    "loud": (2.442, 0.167, 0.421, 0.116, 0.0, 1.0),
    "frank": (2.992, 0.000, 0.000, 0.818, 0.0, 0.3),
    "idle": (0.000, 0.000, None, None, -1.0, None),
    "calm": (1.496, 0.000, 0.000, 0.008, 0.0, 1.0),
}


def value(concept: str, quantity: str, variant: str = "base", layer: int | None = None):
    rows = {(row.quantity, row.variant, row.layer): row.value for row in truth(concept)}
    return rows[quantity, variant, layer]


def rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


# Truth and design -----------------------------------------------------------------------------


@pytest.mark.parametrize("concept", STUDY)
def test_truth_is_the_studys(concept: str) -> None:
    slope, against, letter, answer, start, abroad = STUDY[concept]
    best = value(concept, "best_layer")
    assert best == {"calm": 2, "idle": None}.get(concept, 3)
    layer = 3 if best is None else int(best)
    assert rounded(value(concept, "mean_slope", layer=3)) == slope
    assert rounded(value(concept, "anti_steerable_fraction", layer=layer)) == against
    assert rounded(value(concept, "letter_share", layer=layer)) == letter
    assert rounded(value(concept, "yes_no_share", layer=layer)) == answer
    assert rounded(value(concept, "baseline_mean")) == start
    assert rounded(value(concept, "baseline_mean", "system_positive")) == start + 1.5
    if abroad is not None:
        base = value(concept, "mean_slope", layer=layer)
        user = value(concept, "mean_slope", "user_negative", layer)
        assert user / base == pytest.approx(abroad)


def test_layer_profiles_are_the_studys() -> None:
    kind, calm = (
        [rounded(value(concept, "mean_slope", layer=layer)) for layer in range(6)]
        for concept in ("kind", "calm")
    )
    assert kind == [0, 0, 2.244, 2.992, 0.898, 0]
    assert calm[2] > calm[3] == 1.496


def test_signs_do_not_sit_on_zero() -> None:
    for trait in TRAITS.values():
        gains = [gain(trait, item) for item in items(trait.name, "test")]
        assert min(map(abs, gains)) > 0.1


def test_each_split_is_fully_crossed() -> None:
    for split, topics in TOPICS.items():
        found = [
            (item.question.adverb, item.question.topic, item.question.frame, item.order)
            for item in items("kind", split)
        ]
        assert Counter(found) == Counter(product(ADVERBS, topics, FRAMES, (1, -1)))
    assert [len(items("kind", split)) for split in TOPICS] == [48, 24, 96]


def test_fillers_go_with_nothing_in_the_test_split() -> None:
    for part in ("adverb", "topic", "frame"):
        for position, phrases in ((0, OPENINGS), (-1, ENDINGS)):
            seen = Counter(
                (getattr(asked, part), phrase)
                for asked in questions("kind")
                for phrase in phrases
                if asked.split == "test"
                and (
                    asked.text.startswith(phrase) if position == 0 else f" {phrase}?" in asked.text
                )
            )
            assert len(set(seen.values())) == 1
            assert sum(seen.values()) == 48


def test_questions_are_distinct() -> None:
    texts = [asked.text for concept in TRAITS for asked in questions(concept)]
    assert len(texts) == len(set(texts)) == 8 * 84


# Files ----------------------------------------------------------------------------------------


def test_files_equal_what_is_generated() -> None:
    for path, text in concept_files().items():
        assert path.read_bytes() == text.encode(), f"{path}: run the module concept_files"


@pytest.mark.parametrize("concept", TRAITS)
def test_yaml_holds_the_truth(concept: str) -> None:
    read = Concept.model_validate(yaml.safe_load((FOLDER / f"{concept}.yaml").read_text()))
    stated = {(row.quantity, row.variant, row.layer): row.value for row in read.planted}
    known = {(row.quantity, row.variant, row.layer): row.value for row in truth(concept)}
    assert stated == pytest.approx(known, abs=1e-8)
    assert "reference" in read.tags
