"""Concepts of kind `texts`: a behaviour shown by some texts and not by others, in no pairs."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from specs.parts import Many, Part, Spec, Text, Unique


class LabelledFile(Part):
    """A file of texts beside the YAML, each with a label."""

    file: Text
    """Path relative to the YAML: csv, tsv, json, jsonl or parquet."""
    text: Text = "text"
    """The column that holds the texts."""
    positive: Text = "positive"
    """The column that says whether a text shows the concept: true or false, 1 or 0, yes or no,
    positive or negative."""


class TextsConcept(Spec):
    """A behaviour shown by some texts and not by others, which are no pairs and no questions.

    A vector is fitted on them; there is no logit difference. What it does is told by the damage on
    text sets, by the questions of other concepts (fit_concepts) and by rollouts.
    """

    kind: Literal["texts"]
    """`texts`: positive and negative texts, unpaired."""
    positive: Many[Text] = ()
    """Texts that show the concept, as they stand; or a source."""
    negative: Many[Text] = ()
    """Texts that do not show it. Their number may differ."""
    source: LabelledFile | None = None
    """In the place of positive and negative: a file that holds both."""
    criterion: Text | None = None
    """What a judge is asked of a text, in a sentence: what shows the concept, and how much."""
    scorer_words: Unique[Text] = ()
    """Words and phrases by which a text that shows the concept is told without a judge."""
    language: str = "en"
    """BCP 47 tag, for the dataset card."""
    licence: str | None = None
    """SPDX-like identifier of the texts' licence, e.g. `cc-by-4.0`."""
    citation: str | None = None
    """How to cite the source; travels with the dataset."""

    @model_validator(mode="after")
    def _one_way(self) -> TextsConcept:
        given = [key for key in ("positive", "negative") if getattr(self, key)]
        if self.source is not None and given:
            raise ValueError(f"`source` stands in the place of {given[0]}; remove one of the two")
        if self.source is None and len(given) < 2:
            raise ValueError("give both `positive` and `negative`, lists of texts, or `source`")
        return self
