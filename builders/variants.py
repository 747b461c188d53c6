"""A prompt variant around every item of a dataset: jinja2, sandboxed, nothing undefined passes.

The texts of questions, options and personas are values in a template and never templates
themselves: `{{` in a question reaches the model as it stands. Nothing random is left in the
sandbox, so equal items render to equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specs.faults import Refused
from specs.identity import identity_of_rows
from specs.schema import Concept, Variant

from .refusals import CannotRender, place
from .templates import environment, only_names, undeclared

FRAMES = {
    "letter": (
        "{{ question }}\n\nChoices:\n"
        "({{ symbols[0] }}): {{ options[0] }}\n({{ symbols[1] }}): {{ options[1] }}"
    ),
    "yes_no": "{{ question }}",
    "text": "{{ question }}",
}
"""Frame of an item per answer format; `letter` as Tan et al. write it (make_mwe_persona.py)."""
PREFIXES = {"letter": "(", "yes_no": "", "text": ""}


def refuse_unanswerable(concept: Concept, variant: Variant) -> None:
    """Raise CannotRender where the concept lacks what the variant asks for; render nothing."""
    templates = _templates(concept, variant)
    names = _names(variant, templates)
    if concept.persona is None and "persona" in names:
        raise CannotRender(
            f"{place(concept)}: persona: variant {variant.name!r} needs the persona of concept "
            f"{concept.name!r}, which has none; add `persona:` with a positive and a negative "
            "sentence, or leave the variant out"
        )
    if variant.symbols and concept.answer_format == "yes_no":
        raise CannotRender(
            f"{place(variant)}: symbols: concept {concept.name!r} answers Yes or No and has no "
            "option symbols to replace; leave the variant out for it"
        )
    if concept.answer_format == "text" and (variant.symbols or "symbols" in names):
        raise CannotRender(
            f"{place(variant)}: symbols: concept {concept.name!r} answers with the texts of its "
            "options and has no symbols; leave the variant out for it"
        )


def told_by_one_item(concept: Concept, variant: Variant) -> bool:
    """Return whether a variant that renders one item of the concept renders all of them.

    So it is where its templates hold nothing but names, personas and members of options and
    symbols: these are there, and not empty, in every item.
    """
    return all(only_names(text) for text in _templates(concept, variant).values() if text)


def renderable(
    concept: Concept, variants: Sequence[Variant]
) -> tuple[list[Variant], list[CannotRender]]:
    """Return the variants that the concept can render, and why it cannot render the others."""
    fit: list[Variant] = []
    unfit: list[CannotRender] = []
    for variant in variants:
        try:
            refuse_unanswerable(concept, variant)
            fit.append(variant)
        except CannotRender as refused:
            unfit.append(refused)
    return fit, unfit


def render(
    concept: Concept, variant: Variant, items: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the rows of the variant's config, in the order of `items` (rows of config `items`).

    The completion is answer_prefix + positive: for answer format `text` the option itself, else its
    symbol, which is followed by `)` where the prefix ends with `(`. Refused names the variant, the
    template and what is wrong in it.
    """
    refuse_unanswerable(concept, variant)
    sandbox = environment()
    templates = {
        key: sandbox.from_string(text)
        for key, text in _templates(concept, variant).items()
        if text is not None
    }
    return [_row(concept, variant, templates, item) for item in items]


def variant_id(items: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the id over all rendered rows, each with its split."""
    columns = ("item_id", "messages", "answer_prefix", "positive", "negative")
    return identity_of_rows(
        "variant",
        (
            [item["split"], *(row[column] for column in columns)]
            for item, row in zip(items, rows, strict=True)
        ),
    )


def _templates(concept: Concept, variant: Variant) -> dict[str, str | None]:
    frame = FRAMES[concept.answer_format] if variant.frame is None else variant.frame
    turns = {
        f"turns[{number}].{role}": getattr(turn, role)
        for number, turn in enumerate(variant.turns)
        for role in ("user", "assistant")
    }
    return {"frame": frame, "system": variant.system, **turns, "user": variant.user}


def _names(variant: Variant, templates: Mapping[str, str | None]) -> set[str]:
    from jinja2 import TemplateError

    names: set[str] = set()
    for key, text in templates.items():
        try:
            names |= undeclared(text or "")
        except TemplateError as error:  # a filter or test that the sandbox does not have
            raise _broken(variant, key, str(error.message)) from None
    return names


def _row(
    concept: Concept, variant: Variant, templates: Mapping[str, Any], item: Mapping[str, Any]
) -> dict[str, Any]:
    symbols = list(variant.symbols or item["symbols"])
    options = list(item["options"])
    values: dict[str, Any] = {
        "question": item["question"],
        "options": options,
        "symbols": symbols,
        "concept": concept.name,
    }
    if concept.persona is not None:
        values["persona"] = concept.persona.model_dump()
    values["item"] = _rendered(variant, templates, "frame", values, item)
    messages = [
        {
            "role": key.rpartition(".")[2],
            "content": _rendered(variant, templates, key, values, item),
        }
        for key in templates
        if key != "frame"
    ]
    prefix = PREFIXES[concept.answer_format]
    prefix = prefix if variant.answer_prefix is None else variant.answer_prefix
    answers = options if concept.answer_format == "text" else symbols
    closing = ")" if concept.answer_format == "letter" and prefix.endswith("(") else ""
    positive = item["positive_option"]
    return {
        "item_id": item["item_id"],
        "messages": messages,
        "answer_prefix": prefix,
        "positive": answers[positive] + closing,
        "negative": answers[1 - positive] + closing,
    }


def _rendered(
    variant: Variant,
    templates: Mapping[str, Any],
    key: str,
    values: Mapping[str, Any],
    item: Mapping[str, Any],
) -> str:
    try:
        text = str(templates[key].render(values))
    except Exception as error:  # a template can raise anything that its expressions can
        raise _broken(variant, key, str(error) or type(error).__name__) from None
    if not text.strip():
        raise _broken(variant, key, f"renders to nothing for source row {item['source_row']}")
    return text


def _broken(variant: Variant, key: str, what: str) -> Refused:
    names = "item, question, options, symbols, persona.positive, persona.negative, concept"
    return Refused(f"{place(variant)}: {key}: {what}; a template may use {names}")
