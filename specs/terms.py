"""Sums of methods: what their terms name, found in the catalog, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.method import CombinedMethod, FittedMethod
from specs.parts import Spec
from specs.reader import place

if TYPE_CHECKING:
    from specs.catalog import Catalog


def resolved(spec: Spec, catalog: Catalog) -> Spec:
    """Return `spec`, a sum with the specs that its terms name.

    Raises:
        Refused: as `faults` has it, for the sum or for one in it.
    """
    if not isinstance(spec, CombinedMethod):
        return spec
    if found := list(faults(spec, catalog)):
        raise Refused(*found)
    terms = (resolved(catalog.written("methods", term.method), catalog) for term in spec.terms)
    return spec.with_methods([term for term in terms if isinstance(term, FittedMethod)])


def faults(spec: CombinedMethod, catalog: Catalog) -> Iterator[str]:
    """Yield a line for each term that names nothing, or what cannot be a term of this sum."""
    for index, term in enumerate(spec.terms):
        if what := _fault(spec, term.method, catalog):
            yield f"{place(spec, ('terms', index, 'method'))}: {what}"


def _fault(spec: CombinedMethod, name: str, catalog: Catalog) -> str | None:
    """Return why a method cannot be a term of a sum; one whose file has faults is told there."""
    if name not in catalog.names("methods"):
        return catalog.unmatched("methods", name)
    try:
        method = catalog.written("methods", name)
        goes_round = name == spec.name or spec.name in _below(method, catalog, {name})
    except Refused:
        return None
    if goes_round:
        return f"method {name} is a sum that this one is part of; take one of them out"
    if not isinstance(method, FittedMethod) or not method.on_activations:
        return f"method {name} is not fitted on training activations alone; name one that is"
    if method.read != spec.read:
        return (
            f"method {name} reads {method.read}, and this sum {spec.read}; set `read:` of the sum, "
            "or name a method that reads there"
        )
    return None


def _below(method: Spec, catalog: Catalog, seen: set[str]) -> set[str]:
    """Return the names of all methods in a sum, and in the sums in it."""
    if isinstance(method, CombinedMethod):
        for term in method.terms:
            if term.method not in seen and term.method in catalog.names("methods"):
                seen.add(term.method)
                _below(catalog.written("methods", term.method), catalog, seen)
    return seen
