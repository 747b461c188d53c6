"""Variant specs: what is put around an item."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    Field,
)

from specs.parts import (
    Many,
    Part,
    Spec,
    Symbols,
    Template,
)


class Turn(Part):
    """What a user said and an assistant answered before the item; templates as the others."""

    user: Annotated[Template, Field(min_length=1)]
    """Template of the earlier user message."""
    assistant: Annotated[Template, Field(min_length=1)]
    """Template of its answer."""


class Variant(Spec):
    """What is put around an item: sandboxed jinja2 templates.

    Names in templates: `item` (the framed question), `question`, `options`, `symbols`,
    `persona.positive`, `persona.negative`, `concept` (its name).
    """

    system: Template | None = None
    """Template of the system message; null asserts that there is none."""
    turns: Many[Turn] = ()
    """Turns of dialogue between the system message and the item, e.g. worked examples."""
    user: Annotated[Template, Field(min_length=1)] = "{{ item }}"
    """Template of the user message."""
    frame: Template | None = None
    """Template of `item`; null takes the frame of the concept's answer format."""
    symbols: Symbols | None = None
    """Other option symbols than the concept's, in the rendering only."""
    answer_prefix: str | None = None
    """What both answers begin with; null takes the answer format's own (`(` for letters)."""
