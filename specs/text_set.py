"""Text set specs: plain texts on which the damage of steering is measured."""

from __future__ import annotations

from pydantic import Field, model_validator

from specs.parts import Part, Spec, Text, Unique


class TextFile(Part):
    """A file of texts beside the YAML."""

    file: Text
    """Path relative to the YAML: csv, tsv, json, jsonl or parquet with a column of texts, or txt,
    whose texts have empty lines between them."""
    column: Text = "text"
    """The column that holds the texts; nothing of a txt file."""


class TextSet(Spec):
    """Texts that have nothing to do with any concept: what steering changes in them is damage."""

    texts: Unique[Text] = ()
    """The texts themselves; or a source."""
    source: TextFile | None = None
    """In the place of texts: a file that holds them."""
    max_tokens: int = Field(default=256, ge=2)
    """At most so many tokens of each text are read, and no more than the model's context."""
    language: str = "en"
    """BCP 47 tag."""
    licence: str | None = None
    """SPDX-like identifier of the texts' licence, e.g. `cc-by-4.0`."""
    citation: str | None = None
    """How to cite the source."""

    @model_validator(mode="after")
    def _one_way(self) -> TextSet:
        if bool(self.texts) == (self.source is not None):
            raise ValueError("give either `texts` or `source`")
        return self
