"""The sandbox of prompt variants, and what can be told of a template without rendering it.

Parsing is remembered: the same few texts are asked about for every concept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def environment() -> Any:
    """Return the jinja2 sandbox: strict about names, and without anything random."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    sandbox.filters.pop("random")
    sandbox.globals.pop("lipsum")
    return sandbox


@lru_cache(maxsize=256)
def undeclared(text: str) -> frozenset[str]:
    """Return the names that a template uses."""
    from jinja2 import meta

    return frozenset(meta.find_undeclared_variables(environment().parse(text)))


@lru_cache(maxsize=256)
def only_names(text: str) -> bool:
    """Return whether a template holds only text, names, and members of what all items have."""
    from jinja2 import nodes

    members = {nodes.Getattr: ("persona",), nodes.Getitem: ("options", "symbols")}
    plain = (nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const)

    def known(node: Any) -> bool:
        owners = members.get(type(node))
        if owners is None:
            return isinstance(node, plain)
        return isinstance(node.node, nodes.Name) and node.node.name in owners

    return all(map(known, environment().parse(text).find_all(nodes.Node)))
