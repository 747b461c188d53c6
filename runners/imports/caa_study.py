"""One behaviour, model and system prompt of a CAA-style folder: its numbers, checked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files as package
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from builders.refusals import first_few
from runners.imports.caa_answers import Answer, answers
from runners.imports.caa_items import Dataset, dataset, questions_file
from runners.imports.caa_names import ResultFile
from specs.faults import Refused

if TYPE_CHECKING:
    import pyarrow as pa

APART = 0.1
"""Logits by which answers that should be one and the same may differ: what half precision does in
batches of another make-up."""


class Study(NamedTuple):
    """What is imported as one run."""

    behaviour: str
    model: str
    system_prompt: str | None
    dataset: Dataset
    layers: list[int]
    multipliers: list[float]
    """Of all files, 0 included."""
    measured: pa.Table
    """item_id, layer, multiplier, logit_diff, answer_logmass: steered answers."""
    unsteered: pa.Table
    """item_id, logit_diff, answer_logmass."""
    dropped: dict[str, str]
    """item_id -> why none of its answers is imported."""
    short: dict[Path, int]
    """File -> items that it has no row for."""


def studies(path: Path, found: Iterable[ResultFile], drop: bool) -> list[Study]:
    """Return the studies of a folder, in the order of behaviour, model and system prompt.

    With `drop` an item that has a probability of 0 anywhere is left out of its study; without it
    that is refused. Raises Refused with everything at fault in the first study that has a fault.
    """
    groups: dict[tuple[str, str, str], list[ResultFile]] = {}
    for file in found:
        key = (file.behaviour, file.model, file.system_prompt or "")
        groups.setdefault(key, []).append(file)
    return [_study(path, groups[key], drop) for key in sorted(groups)]


def _study(path: Path, files: list[ResultFile], drop: bool) -> Study:
    behaviour, model, system_prompt = files[0].behaviour, files[0].model, files[0].system_prompt
    asked = dataset(behaviour, questions_file(path, behaviour) or files[0].path)
    read = answers(files, asked)
    dropped = _dropped(read.zero, files[0].path.parent, drop)
    measured, unsteered = _numbers(read.rows)
    _refuse_apart(measured, unsteered, files[0].path.parent)
    return Study(
        behaviour,
        model,
        system_prompt,
        asked,
        sorted({file.layer for file in files}),
        sorted({file.multiplier for file in files}),
        _without(measured, dropped, steered=True),
        _without(unsteered, dropped),
        dropped,
        read.short,
    )


@cache
def _sql(name: str) -> str:
    return (package("runners") / "imports" / f"{name}.sql").read_text("utf-8")


def _numbers(answer: pa.Table) -> tuple[pa.Table, pa.Table]:
    import duckdb

    with duckdb.connect() as connection:
        connection.register("answer", answer)
        measured = connection.sql(_sql("caa_measurements")).to_arrow_table()
        connection.register("measured", measured)
        return measured, connection.sql(_sql("caa_unsteered")).to_arrow_table()


def _dropped(zero: list[Answer], folder: Path, drop: bool) -> dict[str, str]:
    """Return the items with a probability of 0; Refused unless they are to be dropped."""
    items = {answer.item_id for answer in zero}
    if zero and not drop:
        first = zero[0]
        raise Refused(
            f"{first.path}: row {first.row}: a probability is 0, so that its logit difference is "
            f"infinite; so it is in {len(zero)} row(s) and {len(items)} item(s) of {folder}; "
            "--unfit-items drop leaves these items out, at every layer and multiplier"
        )
    return dict.fromkeys(sorted(items), "a probability is 0 at some layer and multiplier")


def _refuse_apart(measured: pa.Table, unsteered: pa.Table, folder: Path) -> None:
    if not unsteered.num_rows:
        raise Refused(
            f"{folder}: holds no answers at multiplier 0, against which steering is measured; add "
            "them, one layer is enough"
        )
    within = "apart in one file; keep the row that is right"
    across = (
        "apart at multiplier 0 of several layers, so these are not unsteered answers; mend them"
    )
    lines = [
        f"{row['path']}: an item is answered with logit differences {row['spread']:.3g} {what}"
        for table, what in ((measured, within), (unsteered, across))
        for row in table.to_pylist()
        if row["spread"] > APART
    ]
    if lines:
        raise Refused(*first_few(lines, str(folder)))


def _without(table: pa.Table, dropped: dict[str, Any], steered: bool = False) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = table.drop_columns(["spread", "path"])
    kept = kept.filter(pc.invert(pc.is_in(kept["item_id"], pa.array(list(dropped), pa.string()))))
    return kept.filter(pc.not_equal(kept["multiplier"], 0)) if steered else kept
