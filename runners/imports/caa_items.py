"""The questions of a CAA-style folder: from `datasets/test`, or from the result files themselves.

Label spellings vary (`(A)`, `A`, ` A`, `(a)`), and so does where the options stand: on lines of
their own, or inside the sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from builders.items import dataset_id, items
from builders.options import Unparsed, parse, symbol
from builders.questions import Question
from builders.refusals import first_few
from builders.stems import question_id
from specs.concept import Concept, FileSource, OptionOrders, Splits
from specs.faults import Refused

MATCHING = ("answer_matching_behavior", "answer_matching_behaviour")
NOT_MATCHING = ("answer_not_matching_behavior", "answer_not_matching_behaviour")
LETTERS = ("A", "B")
_INSIDE = re.compile(
    r"(?P<stem>.*?)\s*\(A\):?\s*(?P<A>.+?)[,;]?(?:\s+or)?\s*\(B\):?\s*(?P<B>.+)", re.DOTALL
)


class Asked(NamedTuple):
    """A question as the folder writes it, with the letter that shows the behaviour."""

    question: str
    positive: str


class Dataset(NamedTuple):
    """The items of a behaviour, all of them in split test."""

    dataset_id: str
    rows: list[dict[str, Any]]
    """As builders make them: config `items`, one row per question asked, in order."""
    items: dict[str, dict[str, Any]]
    """Question as written -> its row; of copies the first."""
    where: Path
    """The file that said so."""


def asked(row: Any, where: str) -> Asked:
    """Return question and positive letter of a row; Refused with what it lacks."""
    if not isinstance(row, Mapping):
        raise Refused(f"{where}: is no object with question and answer_matching_behavior")
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        raise Refused(f"{where}: has no question; it needs a text")
    positive = _letter(row, MATCHING, where)
    if any(key in row for key in NOT_MATCHING) and _letter(row, NOT_MATCHING, where) == positive:
        raise Refused(f"{where}: {MATCHING[0]} and {NOT_MATCHING[0]} are both {positive}")
    return Asked(question.strip(), positive)


def load(file: Path) -> list[Any]:
    """Return the rows of a json file; Refused where it is no list of any."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # no UTF-8 or no JSON
        raise Refused(f"{file}: cannot be read as JSON ({error}); write it anew") from None
    if not isinstance(rows, list) or not rows:
        raise Refused(f"{file}: holds no list of rows; it needs at least one")
    return rows


def questions_file(path: Path, behaviour: str) -> Path | None:
    """Return the test data set of a behaviour, looked for in `path` and beside it, or None."""
    places = [path / "datasets" / "test" / behaviour, path.parent / "datasets" / "test" / behaviour]
    found = [place / "test_dataset_ab.json" for place in places]
    return next((file for file in found if file.is_file()), None)


def dataset(behaviour: str, file: Path) -> Dataset:
    """Return the items that `file`, a test data set or a file of results, asks.

    An item has the id that `steerhouse build` would give it. Raises Refused, a line for each row.
    """
    questions: list[Question] = []
    written: list[str] = []
    faults: list[str] = []
    for number, row in enumerate(load(file), 1):
        try:
            one = asked(row, f"{file}: row {number}")
            questions.append(_question(one, number, f"{file}: row {number}"))
            written.append(one.question)
        except Refused as refusal:
            faults += refusal.faults
    if faults:
        raise Refused(*first_few(faults, str(file)))
    rows = items(_concept(behaviour, file), {"train": [], "validation": [], "test": questions})
    known: dict[str, dict[str, Any]] = {}
    for text, row in zip(written, rows, strict=True):
        if known.setdefault(text, row)["item_id"] != row["item_id"]:
            faults.append(f"{file}: row {row['source_row']}: asks a question of another row, with "
                          "the other answer matching; keep one")  # fmt: skip
    if faults:
        raise Refused(*first_few(faults, str(file)))
    return Dataset(dataset_id(rows), rows, known, file)


def _concept(behaviour: str, file: Path) -> Concept:
    """Return the concept that would build these items: every row as it stands, all for testing."""
    as_it_is = OptionOrders(train="source", validation="source", test="source")
    shares = Splits(train=0, validation=0, test=1)
    source = FileSource(file=str(file))
    return Concept(name=behaviour, source=source, option_order=as_it_is, splits=shares)


def _letter(row: Mapping[str, Any], keys: Sequence[str], where: str) -> str:
    """Return A or B, however it is written."""
    key = next((key for key in keys if key in row), keys[0])
    said = row.get(key)
    letter = (symbol(said) or "").upper() if isinstance(said, str) else ""
    if letter not in LETTERS:
        shown = "missing" if said is None else repr(said)
        raise Refused(f"{where}: {key} is {shown}; needs (A) or (B)")
    return letter


def _question(one: Asked, number: int, where: str) -> Question:
    stem, options = _options(one.question, where)
    if options[0] == options[1]:
        raise Refused(f"{where}: both options are {options[0]!r}; they must differ")
    return Question(
        stem=stem,
        question_id=question_id(stem),
        options=options,
        positive=LETTERS.index(one.positive),
        label_confidence=None,
        source_row=number,
        source_fields={},
    )


def _options(question: str, where: str) -> tuple[str, tuple[str, str]]:
    """Return the stem and the two options, from lines of their own or from inside the sentence."""
    try:
        stem, listed = parse(question)
    except Unparsed as unparsed:
        inside = _INSIDE.fullmatch(question)
        if inside is None or any(question.count(f"({letter})") != 1 for letter in LETTERS):
            raise Refused(f"{where}: the question {unparsed}") from None
        stem, listed = inside["stem"], {letter: inside[letter].strip() for letter in LETTERS}
    if tuple(listed) != LETTERS:
        found = ", ".join(f"({letter})" for letter in listed)
        raise Refused(f"{where}: its options are {found}; CAA's answers are (A) and (B)")
    return stem.strip(), (listed["A"], listed["B"])


def letters(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many items have each letter as the positive one."""
    counts = dict.fromkeys(LETTERS, 0)
    for row in rows:
        counts[LETTERS[row["positive_option"]]] += 1
    return counts
