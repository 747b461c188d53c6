"""What an experiment asks of concepts of kind texts that texts cannot answer, or only texts can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from runners.campaign.combinations import on_texts
from specs.unpaired import why_not_texts, why_only_texts

if TYPE_CHECKING:
    from runners.campaign.combinations import Combination
    from specs.catalog import Catalog
    from specs.schema import Experiment


def texts_faults(
    experiment: Experiment, asked: Sequence[Combination], catalog: Catalog
) -> list[str]:
    """Return a line for each method, norm and choice of layer that a kind of concept rules out."""
    where = f"experiment {experiment.name}"
    fits = dict.fromkeys((c.fit_concept, c.method, c.norm) for c in asked)
    of_texts = [fit for fit in fits if on_texts(fit[0], catalog)]
    found = list(_methods(where, [fit[:2] for fit in fits], catalog))
    if not of_texts:
        return found
    concept = of_texts[0][0]
    if experiment.layers == "best":
        found.insert(
            0,
            f"{where}: `layers: best` is chosen by the answers to questions, and concept {concept} "
            "is of texts, which are none; name layers, or `all`",
        )
    for name, method, norm in of_texts:
        wanted = norm or getattr(catalog.get("methods", method), "norm", None)
        if wanted == "base":
            found.append(
                f"{where}: concept {name}, method {method}: norm base is the length of a vector "
                "fitted on questions, and texts have none; use norm raw or unit"
            )
    return found


def _methods(where: str, fits: Sequence[tuple[str, str]], catalog: Catalog) -> Iterator[str]:
    """Yield a line for each (concept, method) where the one is of a kind that the other cannot."""
    for name, method in dict.fromkeys(fits):
        of_texts = on_texts(name, catalog)
        why = why_not_texts if of_texts else why_only_texts
        if reason := why(catalog.get("methods", method)):
            yield (
                f"{where}: method {method} {reason}; leave it out for concept {name}, which is of "
                f"{'texts' if of_texts else 'questions'}: "
                f"`exclude: [{{concept: {name}, method: {method}}}]`"
            )


def chosen_by_questions(asked: Sequence[Combination], catalog: Catalog) -> bool:
    """Return whether any vector is fitted on a concept whose questions could choose a layer."""
    return any(not on_texts(c, catalog) for c in dict.fromkeys(c.fit_concept for c in asked))
