"""What the numbers will be about: the rows staged before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runners.campaign import rows
from runners.campaign.prepare import planted_rows, refused_rows
from runners.campaign.texts_bench import TextsBench
from runners.campaign.texts_rows import texts_rows
from runners.damage.rows import about_texts
from runners.rollouts.rows import about_rollouts
from warehouse.relations import GRAIN, arrow_table

if TYPE_CHECKING:
    import pyarrow as pa

    from runners.campaign.asked import Unit
    from runners.campaign.campaign import Campaign
    from runners.damage.asked import TextUnit
    from runners.rollouts.asked import RolloutUnit


def about(
    campaign: Campaign,
    units: Sequence[Unit],
    unfit: Mapping[tuple[str, str], Mapping[str, str]],
    texts: Sequence[TextUnit] = (),
    rollouts: Sequence[RolloutUnit] = (),
) -> dict[str, pa.Table]:
    """Return the dimension rows of some units, text sets and prompt sets, relation by relation."""
    loaded = campaign.loaded
    found: dict[str, list[dict[str, Any]]] = {
        "model": [loaded.row],
        "name": [{"kind": "model", "id": loaded.model_id, "name": loaded.spec.name}],
        "refused": refused_rows(campaign, {k: dict(v) for k, v in unfit.items()}),
        "planted": [],
    }
    runs = {one.run.run_id: one.run for unit in units for one in unit.asked}
    groups = [rows.vector_rows([*campaign.vectors(), *(run.vector for run in runs.values())])]
    for bench in campaign.benches.values():
        groups.append(rows.dataset_rows(bench.dataset, bench.concept))
        found["planted"] += planted_rows(loaded, bench)
    for fitter in campaign.fitters.values():
        if isinstance(fitter.bench, TextsBench):
            groups.append(texts_rows(fitter.bench.dataset, fitter.bench.concept))
    for group in groups:
        for name, some in group.items():
            found.setdefault(name, []).extend(some)
    found["run"] = [rows.run_row(run) for run in runs.values()]
    evaluations = {unit.evaluation_id: (unit.bench, unit.variant) for unit in units}
    for concept, variant in unfit:  # a fit variant that is not evaluated has dropped items too
        bench = campaign.benches[concept]
        evaluations.setdefault(bench.tokenised(variant).evaluation_id, (bench, variant))
    found["evaluation"] = [
        {
            "evaluation_id": evaluation_id,
            "model_id": loaded.model_id,
            "dataset_id": bench.dataset.dataset_id,
            "prompt_set_id": None,
            "text_set_id": None,
            "variant_id": bench.tokenised(variant).variant_id,
            "score": bench.score,
            "parameters": "{}",
        }
        for evaluation_id, (bench, variant) in evaluations.items()
    ]
    further = (about_texts(texts), about_rollouts(rollouts), campaign.saes.rows())
    for group in further:
        for name, some in group.items():
            found.setdefault(name, []).extend(some)
    # Two names of one content are one dataset, and say the same of it: once is enough.
    once = {
        relation: {tuple(row[key] for key in GRAIN[relation]): row for row in some}
        for relation, some in found.items()
    }
    return {
        **{name: arrow_table(name, list(some.values())) for name, some in once.items() if some},
        **rows.item_tables(bench.dataset for bench in campaign.benches.values()),
    }
