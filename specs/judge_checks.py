"""What a judge's spec may say: templates over a rollout, an endpoint, and nothing secret.

None of the messages repeats a value that could be a key.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from specs.suggestions import did_you_mean

T = TypeVar("T")

NAMES = ("prompt", "text", "concept")
"""What the templates of a judge may name."""
OF_CONCEPT = ("name", "criterion")
"""What there is of a concept."""
RESERVED = ("model", "messages", "stream", "n", "max_tokens", "temperature", "timeout")
"""Keys of a request that have a place of their own, or none."""
SECRET = re.compile(r"key|token|secret|password|authorization", re.IGNORECASE)
HARMLESS = ("max_completion_tokens",)


def rubric(text: str) -> str:
    """Refuse a template that jinja2 cannot parse, or that names what no rollout has."""
    for name in sorted(_names(text) - set(NAMES)):
        hint = did_you_mean(name, NAMES) or ";"
        known = "prompt, text, concept.name, concept.criterion"
        raise ValueError(f"unknown name {name!r} in the template{hint} known: {known}")
    concept_keys(text)
    return text


def concept_keys(text: str) -> set[str]:
    """Return what a template reads of the concept: `name`, `criterion`, or both.

    Raises ValueError for anything else of it.
    """
    from jinja2 import nodes

    tree = _parsed(text)
    read = [node.attr for node in tree.find_all(nodes.Getattr) if _is_concept(node.node)]
    whole = sum(map(_is_concept, tree.find_all(nodes.Name))) > len(read)
    if whole or not set(read) <= set(OF_CONCEPT):
        raise ValueError("of a concept, a template has concept.name and concept.criterion")
    return set(read)


def endpoint(url: str) -> str:
    """Refuse what is no http(s) address, and one that holds a user, a password or a query."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", url):
        raise ValueError(
            "should be an address such as https://host/v1, without user, password or query: a key "
            "belongs into an environment variable, which `key_env` names"
        )
    return url


def environment_name(name: str) -> str:
    """Refuse what is no name of an environment variable: a key that was put there by mistake."""
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError(
            "should be the name of an environment variable (capitals, digits, `_`), never the key"
        )
    return name


def request_options(options: dict[str, T]) -> dict[str, T]:
    """Refuse keys of a request that the scorer sets itself, and secrets."""
    for key in options:
        if key in RESERVED:
            raise ValueError(f"{key!r} is not taken here; it has a key of its own, or none")
        if SECRET.search(key) and key not in HARMLESS:
            raise ValueError(f"{key!r} is not taken here; a spec is no place for secrets")
    return options


def _names(text: str) -> set[str]:
    from jinja2 import meta

    return set(meta.find_undeclared_variables(_parsed(text)))


def _parsed(text: str) -> Any:
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    try:
        return SandboxedEnvironment().parse(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"not a jinja2 template: {error.message}") from None


def _is_concept(node: object) -> bool:
    from jinja2 import nodes

    return isinstance(node, nodes.Name) and node.name == "concept"
