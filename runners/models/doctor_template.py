"""What `steerhouse doctor --model M` finds of a chat template, and where answers begin with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.models.doctor_model import Examined
    from runners.prompts.speaker import Speaker
    from specs.schema import Model
    from specs.settings import Settings

USER = {"role": "user", "content": "Is it?\n\n(A) Yes\n(B) No"}
"""An example of what users say, asked with the answers `(A)` and `(B)`."""


def tell(spec: Model, settings: Settings, found: Examined) -> None:
    """Say what the chat template does, and at which tokens answers begin."""
    from runners.prompts.own_system import fault
    from runners.prompts.speaker import speaker

    speaks = speaker(spec, settings)
    kind = spec.template if spec.template in ("own", "plain") else "jinja2 of the spec"
    section = "template"
    found.add("kind", kind, section)
    for name, has_system in (("with a system text", True), ("without one", False)):
        found.add(name, fault(speaks.tokenizer, spec, has_system) or "taken as it is", section)
    found.add("before the answer", repr(_generation_prompt(speaks)), section)
    _positions(speaks, found)


def _generation_prompt(speaks: Speaker) -> str:
    """Return what stands between the user's text and the answer."""
    from runners.prompts.chat import prompts, separator

    (text,) = prompts(speaks.tokenizer, speaks.spec, [[USER]])
    return text.rpartition(USER["content"])[2] + separator(speaks.spec)


def _positions(speaks: Speaker, found: Examined) -> None:
    """Name the tokens at which the example's scopes begin."""
    from runners.prompts.positions import Unfit
    from runners.prompts.tokenising import tokenise

    item = tokenise(speaks, [USER], "(", "A)", "B)")
    if isinstance(item, Unfit):
        found.add("example", f"cannot be used: {item.reason}", "template")
        return
    pieces = speaks.tokenizer.convert_ids_to_tokens([*item.prompt, *item.shared])
    last = len(item.prompt) - 1
    found.add("scope answer begins at", f"{pieces[last]!r} ({last})", "template")
    at = f"{pieces[item.decision]!r} ({item.decision})"
    found.add("decision position", at, "template")
    answers = [
        speaks.tokenizer.convert_ids_to_tokens([ids[0]])[0]
        for ids in (item.positive, item.negative)
    ]
    found.add(
        "read positions", f"{answers[0]!r} or {answers[1]!r} ({item.decision + 1})", "template"
    )
