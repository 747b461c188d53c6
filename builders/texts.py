"""The texts of a concept of kind `texts`: read from YAML or file, and what is odd in them.

The rule for rows at fault is that of `builders.questions` for sources that the user wrote: they
are errors, for they can be mended. Nothing is left out.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from specs.faults import Refused
from specs.identity import canonical_json, identity, identity_of_rows, sha256
from specs.reader import place as place_in
from specs.schema import LabelledFile, TextsConcept
from specs.suggestions import did_you_mean

from .audit import CONTROL
from .refusals import first_few, place

LABELS = {"true": True, "1": True, "yes": True, "positive": True} | {
    "false": False,
    "0": False,
    "no": False,
    "negative": False,
}
"""What a label's column may say, whatever its case."""
TRAIN = "train"
"""The one split of texts: a vector is fitted on them, and nothing is measured on them."""
SIDES = ("positive", "negative")


class Written(NamedTuple):
    """A text as it was written, and where."""

    text: str
    positive: bool
    source_row: int
    """From 1; of texts in the YAML negative ones are counted behind the positive."""
    where: str


@dataclass(frozen=True)
class TextsAudit:
    """Counts over the texts of one concept."""

    n_positive: int
    n_negative: int
    n_duplicate_rows: int
    """Texts that stand in the same list before; they count once in a fit."""
    n_in_both: int
    """Different texts in both lists: what they add to a mean difference cancels."""
    n_control_tokens: int
    """Texts with a chat template's token."""
    control_tokens: dict[str, int]
    """Token: texts that hold it."""
    lengths: dict[str, list[int]]
    """Characters, as [shortest, median, longest], of positive and negative texts."""
    words: dict[str, float]
    """Mean number of words of positive and negative texts."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON holds them."""
        return asdict(self)


def text_rows(concept: TextsConcept) -> list[dict[str, Any]]:
    """Return the rows of config `texts`: positive texts first, each list in the source's order.

    Raises:
        Refused: a file that is not there or cannot be read, a column that it lacks, an empty text,
            a label that says neither, no text on one side.
    """
    written = list(_written(concept))
    blank = [one for one in written if not one.text]
    empty = [f"{one.where}: the text is empty; write it or delete it" for one in blank]
    if empty:
        raise Refused(*first_few(empty, place(concept)))
    for is_positive, side in zip((True, False), SIDES, strict=True):
        if not any(one.positive is is_positive for one in written):
            raise Refused(f"{place(concept)}: source.file holds no {side} text; a fit needs both")
    ordered = sorted(written, key=lambda one: not one.positive)
    return [
        {
            "split": TRAIN,
            "row": number,
            "text_id": identity("text", text=one.text),
            "text": one.text,
            "positive": one.positive,
            "source_row": one.source_row,
        }
        for number, one in enumerate(ordered)
    ]


def source_sha256(concept: TextsConcept) -> str:
    """Return the hash of what the texts are read from; Refused where it cannot be."""
    if concept.source is None:
        return sha256(canonical_json([list(concept.positive), list(concept.negative)]))
    path = concept.directory / concept.source.file
    try:
        return sha256(path.read_bytes())
    except FileNotFoundError:
        raise Refused(
            f"{place_in(concept, ('source', 'file'))}: there is no file {path}; give its path "
            "relative to the YAML"
        ) from None
    except OSError as error:
        raise Refused(f"{place(concept)}: {path} cannot be read: {error.strerror}") from None


def dataset_id(rows: Sequence[dict[str, Any]]) -> str:
    """Return the id over (split, text, label) in order: equal content, equal id."""
    return identity_of_rows("dataset", ([r["split"], r["text_id"], r["positive"]] for r in rows))


def variant_id(rows: Sequence[dict[str, Any]]) -> str:
    """Return the id over all rows as a model reads them: texts stand as they are."""
    return identity_of_rows("variant", ([r["split"], r["text"], r["positive"]] for r in rows))


def audit_texts(rows: Sequence[dict[str, Any]]) -> TextsAudit:
    """Count everything of one concept's texts."""
    sides = {
        side: [row["text"] for row in rows if row["positive"] is is_positive]
        for side, is_positive in zip(SIDES, (True, False), strict=True)
    }
    tokens = [{token.strip() for token in CONTROL.findall(row["text"])} for row in rows]
    return TextsAudit(
        n_positive=len(sides["positive"]),
        n_negative=len(sides["negative"]),
        n_duplicate_rows=sum(len(texts) - len(set(texts)) for texts in sides.values()),
        n_in_both=len(set(sides["positive"]) & set(sides["negative"])),
        n_control_tokens=sum(map(bool, tokens)),
        control_tokens=dict(sorted(Counter(t for found in tokens for t in found).items())),
        lengths={
            side: [min(n), int(statistics.median_low(n)), max(n)]
            for side, n in ((side, [len(text) for text in sides[side]]) for side in SIDES)
        },
        words={
            side: round(statistics.fmean(len(text.split()) for text in sides[side]), 2)
            for side in SIDES
        },
    )


def _written(concept: TextsConcept) -> Iterator[Written]:
    if concept.source is not None:
        yield from _of_file(concept, concept.source)
        return
    behind = 0
    for is_positive, side in zip((True, False), SIDES, strict=True):
        texts = getattr(concept, side)
        for index, text in enumerate(texts):
            where = place_in(concept, (side, index))
            yield Written(text.strip(), is_positive, behind + index + 1, where)
        behind = len(texts)


def _of_file(concept: TextsConcept, source: LabelledFile) -> Iterator[Written]:
    """Yield the texts of a file; labels that say neither are told together."""
    from .sources_file import read_columns

    path = concept.directory / source.file
    rows, columns = read_columns(path)
    for key, column in (("text", source.text), ("positive", source.positive)):
        if column not in columns:
            raise Refused(
                f"{path}: no column {column!r} ({place_in(concept, ('source', key))}); its columns "
                f"are {', '.join(columns) or 'none'}{did_you_mean(column, columns)}"
            )
    faults, found = [], []
    for number, row in enumerate(rows, 1):
        text, label = row.get(source.text), row.get(source.positive)
        is_positive = LABELS.get(str(label).strip().lower())
        if is_positive is None:
            faults.append(
                f"{path}:row {number}: {source.positive} is {label!r}; should be true or false, 1 "
                "or 0, yes or no, positive or negative"
            )
        elif text is not None and not isinstance(text, str):
            faults.append(
                f"{path}:row {number}: {source.text} is {text!r}, no text; put it in quotes"
            )
        else:
            found.append(Written((text or "").strip(), is_positive, number, f"{path}:row {number}"))
    if faults:
        raise Refused(*first_few(faults, str(path)))
    yield from found
