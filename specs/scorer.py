"""Scorer specs: what says how much of a behaviour, or how much sense, a rollout has."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from specs import judge_checks
from specs.parts import Part, Scalar, Some, Spec, Text, Unique

Measures = Literal["behaviour", "coherence"]
Unit = Literal["tokens", "words"]
Rubric = Annotated[Text, AfterValidator(judge_checks.rubric)]


class ScorerSpec(Spec):
    """What all scorers share: one number from 0 to 1 for each rollout, 1 being the most."""


class ReadingScorer(ScorerSpec):
    """What scorers share that read a text."""

    reads: Literal["text", "prompt_and_text"] = "text"
    """What is read: `text`, the continuation alone; `prompt_and_text`, the opening before it."""


class Words(ReadingScorer):
    """Whether, or how often, a text has some words, as whole words."""

    kind: Literal["words"]
    """`words`"""
    measures: Measures = "behaviour"
    """`behaviour` or `coherence`: which of the two factors its scores are."""
    words: Unique[Text] = ()
    """The words, or phrases; one that ends with `*` has any ending. Left out: `scorer_words` of
    the concept."""
    count: Literal["presence", "share"] = "presence"
    """`presence`: 1 where one of them occurs, else 0; `share`: how many of the text's words are
    among them, 0 for a text without words."""
    case: Literal["ignore", "match"] = "ignore"
    """Whether `Love` is `love` (`ignore`), or not (`match`)."""

    @model_validator(mode="after")
    def _any_word(self) -> Words:
        if "words" in self.model_fields_set and not self.words:
            raise ValueError("words is empty; leave it out to count `scorer_words` of the concept")
        return self


class Classifier(ReadingScorer):
    """Probability of some labels under a text classification model of transformers."""

    kind: Literal["classifier"]
    """`classifier`"""
    measures: Measures = "behaviour"
    """`behaviour` or `coherence`: which of the two factors its scores are."""
    hub: str | None = None
    """Hub id, `organisation/name`; or a folder."""
    folder: str | None = None
    """Folder in transformers format, relative to the YAML."""
    revision: str = "main"
    """For `hub`: branch, tag or commit."""
    labels: Some[Text]
    """Labels as the model's configuration names them; the score is their probability together
    (of several independent ones, `multi_label_classification`, the largest)."""
    batch: int = Field(default=32, ge=1)
    """Texts that are read at once."""

    @model_validator(mode="after")
    def _one_origin(self) -> Classifier:
        if bool(self.hub) == bool(self.folder):
            raise ValueError("name exactly one of hub, folder")
        return self


class Scale(Part):
    """The lowest and the highest rating; a rating r scores (r - low) / (high - low)."""

    low: float = 1.0
    """Scores 0."""
    high: float = 10.0
    """Scores 1."""

    @model_validator(mode="after")
    def _ascends(self) -> Scale:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class Prices(Part):
    """What a judge costs, per million tokens, in whatever currency."""

    read: float = Field(ge=0)
    """Of the tokens it reads."""
    written: float = Field(ge=0)
    """Of the tokens it writes."""


class Judge(ScorerSpec):
    """A language model behind an OpenAI-compatible endpoint that rates rollouts by a rubric."""

    kind: Literal["judge"]
    """`judge`"""
    measures: Measures
    """`behaviour` or `coherence`: which of the two factors its scores are."""
    base_url: Annotated[str, AfterValidator(judge_checks.endpoint)] = "https://api.openai.com/v1"
    """Where the endpoint is; in no id, so that a judge that moves is the same judge."""
    model: Text
    """The judge's name there."""
    key_env: Annotated[Text, AfterValidator(judge_checks.environment_name)] | None = (
        "OPENAI_API_KEY"
    )
    """The environment variable that holds the key, never the key itself; null: none is sent."""
    system: Rubric | None = None
    """Template of the system message; null: there is none."""
    rubric: Rubric
    """Template of the user message: what is rated, and how. Names: `prompt` (the opening), `text`
    (the continuation), `concept.name`, `concept.criterion`."""
    criterion: Text | None = None
    """What `concept.criterion` says in the templates; null: the concept's own."""
    scale: Scale = Scale()
    """The ratings that are asked for (1 to 10, as Chalnev et al. 2024)."""
    answer_key: Text | None = None
    """Key of the rating in an answer that is JSON; null: the one number of the answer."""
    max_tokens: int | None = Field(default=16, ge=1)
    """At most so many tokens are written; null: the endpoint's own limit."""
    temperature: float | None = Field(default=0.0, ge=0)
    """Null: the endpoint's own."""
    options: Annotated[dict[str, Scalar], AfterValidator(judge_checks.request_options)] = Field(
        default={}
    )
    """Further keys of a request, e.g. `seed: 1`, `reasoning_effort: low`."""
    concurrency: int = Field(default=4, ge=1)
    """Requests at a time."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """At most so many requests a minute are begun; null: as many as are answered."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds that an answer may take."""
    retries: int = Field(default=5, ge=0)
    """How often a request is repeated after a rate limit, a timeout or a fault of the endpoint."""
    prices: Prices | None = None
    """By which the cost is counted; null: tokens are counted and no cost."""


class LogProbability(ScorerSpec):
    """Exp of the mean log-probability of a rollout's tokens under the unsteered model.

    The inverse of its perplexity there.
    """

    kind: Literal["log_probability"]
    """`log_probability`"""
    measures: Measures = "coherence"
    """`behaviour` or `coherence`: which of the two factors its scores are."""


class Repetition(ScorerSpec):
    """1 - share of units that occur among the last few (1 - rep/l, Welleck et al. 2020)."""

    kind: Literal["repetition"]
    """`repetition`"""
    measures: Measures = "coherence"
    """`behaviour` or `coherence`: which of the two factors its scores are."""
    unit: Unit = "tokens"
    """`tokens` of the model, or `words` in any case."""
    window: int = Field(default=128, ge=1)
    """How many units back a unit is looked for."""


class DistinctN(ScorerSpec):
    """Different n-grams, of all n-grams of a rollout (distinct-n, Li et al. 2016).

    Of n-grams, not of tokens as in the paper: 1 - seq-rep-n of Welleck et al. 2020. A rollout
    shorter than n repeats nothing and scores 1.
    """

    kind: Literal["distinct_n"]
    """`distinct_n`"""
    measures: Measures = "coherence"
    """`behaviour` or `coherence`: which of the two factors its scores are."""
    n: int = Field(default=2, ge=1)
    """Units of an n-gram."""
    unit: Unit = "tokens"
    """`tokens` of the model, or `words` in any case."""


def _tag(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"<{kind}>" if isinstance(kind, str) else None


Scorer = Annotated[
    Annotated[Words, Tag("<words>")]
    | Annotated[Classifier, Tag("<classifier>")]
    | Annotated[Judge, Tag("<judge>")]
    | Annotated[LogProbability, Tag("<log_probability>")]
    | Annotated[Repetition, Tag("<repetition>")]
    | Annotated[DistinctN, Tag("<distinct_n>")],
    Discriminator(_tag),
]
