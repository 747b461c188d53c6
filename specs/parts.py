"""What all specs share: strict mappings, and the types of their fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
)

from specs import checks

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
"""A YAML list; strictness holds for its members."""
Some = Annotated[
    tuple[T, ...],
    Field(strict=False, min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(checks.distinct),
]
"""A YAML list of at least one member, none of them twice."""
Unique = Annotated[
    tuple[T, ...],
    Field(strict=False, json_schema_extra={"uniqueItems": True}),
    AfterValidator(checks.distinct),
]
"""A YAML list with no member twice."""
Text = Annotated[str, Field(min_length=1)]
Pair = Annotated[tuple[T, T], Field(strict=False)]
Symbols = Annotated[Pair[Text], AfterValidator(checks.symbols)]
Split = Literal["train", "validation", "test"]
Scope = Literal["answer", "decision", "prompt", "all"]
Operator = Literal["add", "ablate", "ablate_then_add", "clamp"]
Norm = Literal["base", "raw", "unit"]
FitCombination = Literal["single", "mean"]
Read = Literal["answer_token", "last_token", "mean_completion", "mean_all"]
Pattern = Annotated[str, AfterValidator(checks.pattern)]
Template = Annotated[str, AfterValidator(checks.template)]
Layer = Annotated[int, Field(ge=0)]
Scalar = Annotated[str | int | float | bool | None, BeforeValidator(checks.scalar)]
Combination = Annotated[dict[str, str], AfterValidator(checks.combination)]


class Part(BaseModel):
    """A mapping inside a spec: unknown keys are faults, nothing is coerced, nothing changes."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Spec(Part):
    """What every spec file has."""

    name: str = ""
    """Equal to the file name without `.yaml`; may be left out."""
    version: int = Field(default=1, ge=1)
    """Raised whenever a number could change."""
    description: str = ""
    """One or two sentences for a reader who has never heard of it."""
    tags: Many[str] = ()
    """Words by which `tag:WORD` finds it."""
    _path: Path | None = PrivateAttr(default=None)
    _places: dict[tuple[str | int, ...], tuple[int, int]] = PrivateAttr(default_factory=dict)
    """Line and column, from 1, of each value of the file: see `reader.place`."""

    @property
    def directory(self) -> Path:
        """The folder of the YAML file; relative paths inside the spec start here."""
        return self._path.parent if self._path else Path()
