"""The answers of CAA-style result files, each paired with an item of the behaviour's dataset."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from builders.refusals import first_few
from runners.imports.caa_items import Dataset, asked, load
from runners.imports.caa_names import ResultFile
from specs.faults import Refused

if TYPE_CHECKING:
    import pyarrow as pa

PROBABILITIES = ("a_prob", "b_prob")
OVER = 1e-3
"""How far two probabilities may exceed 1 together: what half precision rounds."""


class Answer(NamedTuple):
    """One row of a result file."""

    path: str
    row: int
    layer: int
    multiplier: float
    item_id: str
    positive_prob: float
    negative_prob: float


class Answers(NamedTuple):
    """What the files of a behaviour answer."""

    rows: pa.Table
    """Columns as `Answer`; rows with a probability of 0 are not among them."""
    zero: list[Answer]
    """Rows with a probability of 0, whose logit difference would be infinite."""
    short: dict[Path, int]
    """File -> items of the dataset that it has no row for."""


def answers(files: Iterable[ResultFile], dataset: Dataset) -> Answers:
    """Read `files`, all of one behaviour; Refused, a line for each row that pairs with no item."""
    import pyarrow as pa

    read: list[Answer] = []
    faults: list[str] = []
    short: dict[Path, int] = {}
    expected = {row["item_id"] for row in dataset.rows}
    for file in files:
        before = len(read)
        for number, row in _rows(file, faults):
            try:
                read.append(_answer(file, number, row, dataset))
            except Refused as refusal:
                faults += refusal.faults
        if lacking := len(expected - {answer.item_id for answer in read[before:]}):
            short[file.path] = lacking
    if faults:
        raise Refused(*first_few(faults, str(dataset.where)))
    finite = [answer for answer in read if answer.positive_prob > 0 and answer.negative_prob > 0]
    zero = [
        answer for answer in read if not (answer.positive_prob > 0 and answer.negative_prob > 0)
    ]
    columns = list(zip(*finite, strict=True)) or [()] * len(Answer._fields)
    types = [
        pa.string(),
        pa.int32(),
        pa.int16(),
        pa.float64(),
        pa.string(),
        pa.float64(),
        pa.float64(),
    ]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return Answers(pa.table(arrays, names=list(Answer._fields)), zero, short)


def _rows(file: ResultFile, faults: list[str]) -> Iterable[tuple[int, Any]]:
    try:
        return enumerate(load(file.path), 1)
    except Refused as refusal:
        faults += refusal.faults
        return ()


def _answer(file: ResultFile, number: int, row: Any, dataset: Dataset) -> Answer:
    where = f"{file.path}: row {number}"
    question, positive = asked(row, where)
    item = dataset.items.get(question)
    if item is None:
        raise Refused(
            f"{where}: asks what {dataset.where} does not have ({question[:40]!r}…); put the data "
            "set of these results there, or none"
        )
    if "AB"[item["positive_option"]] != positive:
        raise Refused(
            f"{where}: says that ({positive}) matches, {dataset.where} that "
            f"({'AB'[item['positive_option']]}) does; mend one of the two"
        )
    a, b = (_probability(row, name, where) for name in PROBABILITIES)
    if a + b > 1 + OVER:
        raise Refused(f"{where}: a_prob + b_prob is {a + b:.6g}; two answers have 1 at most")
    pair = (a, b) if positive == "A" else (b, a)
    return Answer(str(file.path), number, file.layer, file.multiplier, item["item_id"], *pair)


def _probability(row: Mapping[str, Any], name: str, where: str) -> float:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = "missing" if value is None else repr(value)
        raise Refused(f"{where}: {name} is {shown}; needs a probability")
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise Refused(f"{where}: {name} is {value}; needs a number from 0 to 1")
    return float(value)
