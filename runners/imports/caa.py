"""CAA-style result folders into the warehouse (`steerhouse import`)."""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.imports import novel
from runners.imports.caa_items import letters
from runners.imports.caa_names import find
from runners.imports.caa_rows import Declared, about, numbers, variant_name
from runners.imports.caa_study import APART, Study, studies
from specs.faults import Refused

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BOUND = 1.5
"""Multipliers over which slopes are fitted by default."""


class Imported(NamedTuple):
    """What an import has done."""

    measurements: int
    """Rows that were not there, and rows replaced."""
    unsteered: int
    notes: list[str]
    """Lines for stderr: what was read, skipped, left out or replaced."""


def import_folder(
    path: Path, home: Path, declared: Declared, model: str | None, *, drop: bool, replace: bool
) -> Imported:
    """Read the folder `path` and take its answers into the warehouse of `home`, all or nothing.

    Raises Refused for what does not pair, and for rows that disagree with those that are there
    unless `replace`.
    """
    from warehouse.ingest import ingest
    from warehouse.migrate import bring_up

    found = find(path, model)
    read = studies(path, found.files, drop)
    bring_up(home)
    ingest(home)  # what others left staged is compared with too
    with novel.opened(home) as connection:
        relations, notes = _fresh(connection, read, declared, path, replace)
    measured, unsteered = (
        relations[name].num_rows if name in relations else 0 for name in ("measurement", "baseline")
    )
    if relations:
        files = [file.path for file in found.files] + [study.dataset.where for study in read]
        relations["execution"] = _execution(files, path, relations.pop("execution_id"))
        _stage(home, relations, declared.label, replace)
    skipped = [f"{n} json file(s) skipped: {why}" for why, n in sorted(found.skipped.items())]
    return Imported(measured, unsteered, [*skipped, *_told(read, declared), *notes])


def _fresh(
    connection: duckdb.DuckDBPyConnection,
    read: Sequence[Study],
    declared: Declared,
    path: Path,
    replace: bool,
) -> tuple[dict[str, Any], list[str]]:
    """Return the relations to stage, none where all is there, and what to say of them."""
    import pyarrow as pa

    rows: dict[str, Any] = about(read, declared)
    rows["experiment_run"] = novel.asked(connection, rows["experiment_run"])
    tables = [numbers(study, declared) for study in read]
    measured, unsteered = (pa.concat_tables(each) for each in zip(*tables, strict=True))
    steered = novel.compared(connection, "compared_measurements", measured, novel.SAME)
    baseline = novel.compared(connection, "compared_baselines", unsteered, APART)
    notes = _disagreement(steered, baseline, path, replace)
    rows["measurement"] = pa.concat_tables([steered.fresh, steered.other])
    rows["baseline"] = pa.concat_tables([baseline.fresh, baseline.other])
    if not novel.any_new(connection, rows):
        return {}, [*notes, "everything is there already; nothing was written"]
    rows["execution_id"] = secrets.token_hex(8)
    rows["cell"] = novel.cells(connection, rows["measurement"], rows["execution_id"])
    return rows, notes


def _disagreement(
    steered: novel.Compared, baseline: novel.Compared, path: Path, replace: bool
) -> list[str]:
    """Return lines on rows that are replaced; Refused where they must not be."""
    lines = [
        f"{path}: {compared.other.num_rows} {what} disagree with those that are there under the "
        f"same ids, by up to {compared.largest:.3g} logits"
        for compared, what in ((steered, "measurements"), (baseline, "unsteered answers"))
        if compared.other.num_rows
    ]
    if not lines or replace:
        return [f"{line}; replaced" for line in lines]
    remedy = "--replace puts these in their place, another --label keeps both"
    if baseline.other.num_rows:
        remedy = (
            "--replace puts these in their place; if the prompts were others, another --variant "
            "keeps both"
        )
    raise Refused(*(f"{line}; {remedy}" for line in lines))


def _told(read: Iterable[Study], declared: Declared) -> list[str]:
    """Return a line for each study, and one for what the reader of its numbers should know."""
    lines = []
    for study in read:
        counts = letters({row["item_id"]: row for row in study.dataset.rows}.values())
        within = [m for m in study.multipliers if abs(m) <= BOUND]
        lines.append(
            f"{study.behaviour} · {study.model} · {variant_name(study, declared)}: "
            f"{len(study.layers)} layers, {len(study.multipliers)} multipliers, "
            f"{sum(counts.values())} items ({counts['A']} with A positive, {counts['B']} with B)"
        )
        if study.dropped:
            lines.append(
                f"  {len(study.dropped)} item(s) left out: {next(iter(study.dropped.values()))}"
            )
        if study.short:
            first, lacking = next(iter(study.short.items()))
            lines.append(
                f"  {len(study.short)} file(s) lack items, which count as missing: {first} lacks "
                f"{lacking}"
            )
        if len(within) < 3:
            lines.append(
                f"  {len(within)} multiplier(s) within ±{BOUND}, a slope needs 3: analyse with "
                f"--param multiplier_bound={max(map(abs, study.multipliers)):g}"
            )
    return lines


def _execution(files: Iterable[Path], path: Path, execution_id: str) -> pa.Table:
    """Return the row of execution: who imported what, by the contents' hash."""
    from runners.campaign.execution import code_version, now, versions
    from warehouse.relations import arrow_table

    time = now()
    row = {
        "execution_id": execution_id,
        "command": " ".join(["steerhouse", *sys.argv[1:]]),
        "code_version": code_version(),
        "versions": json.dumps(versions(), sort_keys=True),
        "content_sha256": _content(files, path),
        "started_at": time,
        "finished_at": time,
    }
    return arrow_table("execution", [row])


def _content(files: Iterable[Path], path: Path) -> str:
    """Return the SHA-256 over the names and contents of what was read, in the order of names."""
    whole = hashlib.sha256()
    for file in sorted(set(files)):
        own = hashlib.sha256(file.read_bytes()).hexdigest()
        name = file.relative_to(path) if file.is_relative_to(path) else file.name
        whole.update(f"{own} {name}\n".encode())
    return whole.hexdigest()


def _stage(home: Path, relations: dict[str, Any], label: str, replace: bool) -> None:
    """Stage everything as one file, that it may arrive as a whole, and take it in."""
    from warehouse.ingest import ingest
    from warehouse.staged import REPLACING, stage

    key = f"{REPLACING}/import" if replace else "import"
    staged = stage(home, key, relations)
    refused = [line for line in ingest(home).refused if str(staged) in line]
    if refused:
        raise Refused(f"{label}: {refused[0]}")
