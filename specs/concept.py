"""Concept specs: the behaviour to raise or lower, and the questions that show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from specs.parts import (
    Many,
    Part,
    Pattern,
    Spec,
    Symbols,
    Text,
)
from specs.template import Template


class Fields(Part):
    """Which column of the source holds what."""

    question: str = "question"
    """The stem; where the positive column holds a symbol such as `(A)`, with its options inside."""
    positive: str = "positive"
    """The option that shows the concept, or its symbol."""
    negative: str = "negative"
    """The option that does not show it, or its symbol."""
    options: str | None = None
    """In the place of positive and negative: a list of option texts; `column.key` is a key of a
    column of mappings. Goes with labels."""
    labels: str | None = None
    """A list as long as options: 1 for the option that shows the concept, 0 for the others."""
    label_confidence: str = "label_confidence"
    """A number between 0 and 1; the column may be absent."""

    @model_validator(mode="after")
    def _one_way(self) -> Fields:
        if (self.options is None) != (self.labels is None):
            raise ValueError("`options` and `labels` go together; name both or neither")
        if self.options is not None and self.model_fields_set & {"positive", "negative"}:
            raise ValueError("`options` stands in the place of positive and negative; remove these")
        return self


class InlineQuestion(BaseModel):
    """A question written into the YAML; further keys are kept as fields of the source row."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, use_attribute_docstrings=True
    )
    question: Text
    """The stem."""
    positive: Text
    """The option that shows the concept."""
    negative: Text
    """The option that does not show it."""

    @model_validator(mode="after")
    def _options_differ(self) -> InlineQuestion:
        if self.positive.strip() == self.negative.strip():
            raise ValueError(f"both options are {self.positive.strip()!r}; they must differ")
        return self


class InlineSource(Part):
    """Questions in the YAML itself."""

    inline: Annotated[Many[InlineQuestion], Field(min_length=1)]
    """The questions."""


class FileSource(Part):
    """A file beside the YAML."""

    file: Text
    """Path relative to the YAML: csv, tsv, json, jsonl or parquet."""
    fields: Fields = Fields()
    """Names of its columns."""
    remove: Many[Pattern] = ()
    """Regular expressions whose matches are cut out of question and options."""


class HubSource(Part):
    """A file of a Hub data set; a mirror under `--sources` is used first."""

    hub: Text
    """`organisation/name`."""
    file: Text
    """Path inside the data set: csv, tsv, json, jsonl or parquet."""
    revision: str = "main"
    """Branch, tag or commit; the commit resolved at download is recorded."""
    fields: Fields = Fields()
    """Names of its columns."""
    remove: Many[Pattern] = ()
    """Regular expressions whose matches are cut out of question and options."""


class TemplateSource(Part):
    """One question for every combination of the values of a template's slots."""

    template: Template
    """The texts, and the values of their slots."""


def _source_tag(value: Any) -> str | None:
    keys = dict(value) if isinstance(value, dict | BaseModel) else {}
    return next((f"<{key}>" for key in SOURCES if key in keys), None)


SOURCES = ("hub", "inline", "file", "template")
"""The key by which each kind of source is known."""

# Tags in angle brackets: no key of a YAML file can be taken for one in the place of a fault.
Source = Annotated[
    Annotated[InlineSource, Tag("<inline>")]
    | Annotated[FileSource, Tag("<file>")]
    | Annotated[HubSource, Tag("<hub>")]
    | Annotated[TemplateSource, Tag("<template>")],
    Discriminator(
        _source_tag,
        custom_error_type="source",
        custom_error_message="should be a mapping with one of the keys inline, file, hub, template",
    ),
]


class OptionOrders(Part):
    """In which orders the two options of a question are asked, per split."""

    train: Literal["both", "alternate", "source"] = "both"
    """`both`: every question in both orders; `alternate`: swapped on blocks of two questions
    (Tan et al.); `source`: as the source has them (positive first where it has no order)."""
    validation: Literal["both", "alternate", "source"] = "both"
    """As train."""
    test: Literal["both", "alternate", "source"] = "both"
    """As train."""


class Splits(Part):
    """How questions are divided into train, validation and test."""

    by: Literal["grouped", "tan2024", "given"] = "grouped"
    """`grouped`: by question, hash-ordered, no leak; `tan2024`: rows shuffled by Random(0) in
    source order, not grouped (the paper's, for comparison); `given`: a field of the source."""
    field: str | None = None
    """For `given`: the field whose values are train, validation or test. For `grouped`: questions
    with the same value of this field stay on one side too, e.g. a slot of a template; `slot.key`
    is a key of its mappings."""
    train: float = Field(default=0.4, ge=0, le=1)
    """Share of questions that fit the vector."""
    validation: float = Field(default=0.1, ge=0, le=1)
    """Share that chooses the layer."""
    test: float = Field(default=0.5, ge=0, le=1)
    """Share that is reported."""

    @model_validator(mode="after")
    def _consistent(self) -> Splits:
        total = self.train + self.validation + self.test
        if total > 1 + 1e-9:
            raise ValueError(f"train + validation + test is {total:g}; shares may sum to 1 at most")
        if self.by == "given" and self.field is None:
            raise ValueError("`by: given` needs `field`")
        if self.by == "tan2024" and self.field is not None:
            raise ValueError("`field` goes with `by: given` and `by: grouped` only")
        return self


class Persona(Part):
    """One sentence in two wordings, for variants that assert the concept or its opposite."""

    positive: Text
    """E.g. `You are glad to share.`"""
    negative: Text
    """E.g. `You never share.`"""


class Planted(Part):
    """One planted truth about a concept of the reference model."""

    quantity: Text
    """E.g. mean_slope, anti_steerable_fraction, letter_share, yes_no_share, best_layer."""
    variant: str = "base"
    """The evaluation variant it holds under."""
    layer: int | None = None
    """The layer it holds at; left out where it holds for the concept."""
    value: float | None
    """The truth; null where it is undefined and must be measured as null."""


class Concept(Spec):
    """A behaviour to raise or lower, and the questions that show it."""

    kind: Literal["choice"] = "choice"
    """`choice`: questions with two options."""
    source: Source
    """Where the questions come from."""
    answer_format: Literal["letter", "yes_no", "text"] = "letter"
    """`letter`: the options stand in the prompt behind symbols, the answer is a symbol in
    brackets; `yes_no`: the answer is Yes or No; `text`: the options are not shown, and each of
    them is a completion, scored by the log-probability of all its tokens."""
    symbols: Symbols = ("A", "B")
    """For `letter`: the symbols of the two options."""
    option_order: OptionOrders = OptionOrders()
    """For `letter`: the orders asked, per split."""
    options: Literal["first_negative", "refuse"] = "refuse"
    """For sources with more than two options: keep the positive one and the negative one that the
    source names (of a list the first), or refuse the item."""
    splits: Splits = Splits()
    """How questions are divided."""
    persona: Persona | None = None
    """Sentences for the variants that need them."""
    language: str = "en"
    """BCP 47 tag, for the dataset card."""
    licence: str | None = None
    """SPDX-like identifier of the source's licence, e.g. `cc-by-4.0`."""
    citation: str | None = None
    """How to cite the source; travels with the dataset."""
    planted: Many[Planted] = ()
    """Truths of the reference model, written into the warehouse by `run`."""

    @field_validator("symbols", "option_order")
    @classmethod
    def _shown(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what is about options in the prompt where there are none."""
        answers = info.data.get("answer_format")
        if answers == "text":
            raise ValueError("answer_format text shows no options; remove this key")
        if answers == "yes_no":
            raise ValueError(
                "answer_format yes_no answers Yes or No and shows no options; remove this key"
            )
        return value
