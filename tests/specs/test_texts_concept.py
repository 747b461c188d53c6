"""Concepts of kind texts: faults with their place, and the nine shipped tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from specs.catalog import Catalog
from specs.faults import Refused
from specs.reader import read
from specs.schema import Concept, TextsConcept
from tests.specs.conftest import Faults

GOOD = "kind: texts\npositive: [a, b]\nnegative: [c]\n"


def test_kind_says_which_class_a_concept_is_of(here: Path) -> None:
    (here / "x.yaml").write_text(GOOD)
    texts = read(Path("x.yaml"), "concepts")
    assert isinstance(texts, TextsConcept)
    assert (texts.positive, texts.negative) == (("a", "b"), ("c",))
    question = "source: {inline: [{question: q, positive: a, negative: b}]}\n"
    for text in (question, "kind: choice\n" + question):
        (here / "x.yaml").write_text(text)
        assert isinstance(read(Path("x.yaml"), "concepts"), Concept)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kind: text\n", "x.yaml:1:7: kind: found the text 'text'; should be choice or texts"),
        ("kind: 3\n", "x.yaml:1:7: kind: found the number 3; should be choice or texts"),
        ("kind:\n", "x.yaml:1:6: kind: found nothing; should be choice or texts"),
        (GOOD + "symbols: [A, B]\n", "x.yaml:4:1: symbols: unknown key"),
        (GOOD + "scorer_word: [x]\n", "did you mean 'scorer_words'?"),
        (
            "kind: texts\npositive: [a, '']\nnegative: [c]\n",
            "x.yaml:2:15: positive[1]: found empty",
        ),
        ("kind: texts\npositive: [a, 2]\nnegative: [c]\n", "x.yaml:2:15: positive[1]: found the"),
        ("kind: texts\npositive: [a]\n", "x.yaml:1:1: give both `positive` and `negative`"),
        (GOOD + "source: {file: a.csv}\n", "x.yaml:1:1: `source` stands in the place of positive"),
        (
            "kind: texts\nsource: {file: a.csv, label: x}\n",
            "x.yaml:2:23: source.label: unknown key",
        ),
        (GOOD + "scorer_words: [x, x]\n", "x.yaml:4:15: scorer_words: 'x' is listed twice"),
    ],
)
def test_faults_have_their_place(faults: Faults, text: str, line: str) -> None:
    (found,) = faults("concepts", text)
    assert line in found


def test_a_concept_of_questions_has_its_faults_where_they_were(faults: Faults) -> None:
    (found,) = faults("concepts", "source: {inline: [{question: q, positive: a}]}\n")
    assert found == ("x.yaml:1:19: source.inline[0].negative: missing; this key has no default")


def test_who_needs_questions_is_told() -> None:
    with pytest.raises(
        Refused, match="concept saets-love: is of kind texts, which has no questions"
    ):
        Catalog().questions("saets-love")
    assert Catalog().questions("kind").name == "kind"


def test_the_nine_tasks_are_ten_texts_a_side_of_like_length() -> None:
    catalog = Catalog()
    names = catalog.resolve("concepts", ["tag:saets2024"])
    assert len(names) == 9
    seen: set[str] = set()
    for name in names:
        concept = catalog.get("concepts", name)
        assert isinstance(concept, TextsConcept)
        sides = concept.positive, concept.negative
        assert [len(set(side)) for side in sides] == [10, 10]
        words = [sum(len(text.split()) for text in side) for side in sides]
        assert abs(words[0] - words[1]) <= 0.1 * words[1], (name, words)
        assert concept.criterion
        assert len(concept.scorer_words) >= 10
        assert not seen & {text for side in sides for text in side}
        seen |= {text for side in sides for text in side}
