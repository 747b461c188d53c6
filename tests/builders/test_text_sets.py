"""Text sets from every source: the same texts have the same ids, and faults are named."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.text_sets import read_text_set, text_set_faults
from specs.catalog import Catalog
from specs.faults import Refused
from specs.reader import read
from specs.schema import TextSet

TEXTS = ["The kettle sings.", "It rained, and\nthe road was wet."]


def text_set(folder: Path, content: str) -> TextSet:
    path = folder / "mine.yaml"
    path.write_text(content + "\n", encoding="utf-8")
    spec = read(path, "text_sets")
    assert isinstance(spec, TextSet)
    return spec


def test_the_same_texts_are_the_same_set_whatever_holds_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n \n".join(TEXTS) + "\n", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in TEXTS))
    (tmp_path / "a.csv").write_text("n,words\n" + "\n".join(f'1,"{t}"' for t in TEXTS))
    pq.write_table(pa.table({"text": [f" {t}\n" for t in TEXTS]}), tmp_path / "a.parquet")
    sources = [
        f"texts: {json.dumps(TEXTS)}",
        "source: {file: a.txt}",
        "source: {file: a.jsonl}",
        "source: {file: a.csv, column: words}",
        "source: {file: a.parquet}",
    ]
    found = [read_text_set(text_set(tmp_path, source)) for source in sources]
    assert [list(one.texts.values()) for one in found] == [TEXTS] * len(sources)
    assert len({one.text_set_id for one in found}) == 1
    other = read_text_set(text_set(tmp_path, f"texts: {json.dumps(TEXTS[:1])}"))
    assert other.text_set_id != found[0].text_set_id
    assert list(other.texts) == list(found[0].texts)[:1]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("source: {file: none.csv}", "there is no file"),
        ("source: {file: mine.csv, column: txt}", "no column 'txt'"),
        ("texts: [a b c, ' a b c']", "text 2 stands there before"),
        ("texts: [a b c, ' ']", "text 2 is empty"),
        ("source: {file: empty.txt}", "holds no text"),
        ("source: {file: odd.jsonl}", "odd.jsonl:row 2: column 'text' holds no text"),
        ("source: {file: mine.doc}", "not readable"),
    ],
)
def test_faults_are_named(tmp_path: Path, content: str, fault: str) -> None:
    (tmp_path / "mine.csv").write_text("text\nhello there\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "mine.doc").write_text("\n")
    (tmp_path / "odd.jsonl").write_text('{"text": "a"}\n{"text": 3}\n')
    (line,) = text_set_faults([text_set(tmp_path, content)])
    assert fault in line


@pytest.mark.parametrize("content", ["texts: [a]\nsource: {file: x.csv}", "max_tokens: 8"])
def test_either_texts_or_a_source(tmp_path: Path, content: str) -> None:
    with pytest.raises(Refused, match="give either `texts` or `source`"):
        text_set(tmp_path, content)


def test_the_shipped_set_is_forty_short_paragraphs() -> None:
    found = read_text_set(Catalog().get("text_sets", "neutral"))
    assert len(found.texts) == 40
    assert all(40 <= len(text.split()) <= 80 for text in found.texts.values())
