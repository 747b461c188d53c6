"""What an experiment asks of concepts of kind texts that texts cannot answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runners.campaign.combinations import on_texts
from specs.unpaired import why_not_texts

if TYPE_CHECKING:
    from runners.campaign.combinations import Combination
    from specs.catalog import Catalog
    from specs.schema import Experiment


def texts_faults(
    experiment: Experiment, asked: Sequence[Combination], catalog: Catalog
) -> list[str]:
    """Return a line for each method, norm and choice of layer that texts have no answer to."""
    where = f"experiment {experiment.name}"
    fits = dict.fromkeys((c.fit_concept, c.method, c.norm) for c in asked)
    of_texts = [fit for fit in fits if on_texts(fit[0], catalog)]
    if not of_texts:
        return []
    concept = of_texts[0][0]
    found = []
    if experiment.layers == "best":
        found.append(
            f"{where}: `layers: best` is chosen by the answers to questions, and concept {concept} "
            "is of texts, which are none; name layers, or `all`"
        )
    for name, method in dict.fromkeys(fit[:2] for fit in of_texts):
        if reason := why_not_texts(catalog.get("methods", method)):
            found.append(
                f"{where}: method {method} {reason}; leave it out for concept {name}, which is of "
                f"texts: `exclude: [{{concept: {name}, method: {method}}}]`"
            )
    for name, method, norm in of_texts:
        wanted = norm or getattr(catalog.get("methods", method), "norm", None)
        if wanted == "base":
            found.append(
                f"{where}: concept {name}, method {method}: norm base is the length of a vector "
                "fitted on questions, and texts have none; use norm raw or unit"
            )
    return found


def chosen_by_questions(asked: Sequence[Combination], catalog: Catalog) -> bool:
    """Return whether any vector is fitted on a concept whose questions could choose a layer."""
    return any(not on_texts(c, catalog) for c in dict.fromkeys(c.fit_concept for c in asked))
