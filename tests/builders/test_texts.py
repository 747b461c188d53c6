"""Datasets of texts: from every source the same ids, a card that loads, an audit that counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builders.build import build
from builders.dataset import open_built
from builders.texts_dataset import build_texts, open_texts
from specs.faults import Refused
from specs.reader import read
from specs.schema import Concept, TextsConcept
from specs.settings import Settings

INLINE = (
    "kind: texts\npositive: ['I love tea.', ' Tea is lovely. ']\nnegative: [The bus is late.]\n"
)
ROWS: list[dict[str, Any]] = [
    {"words": "The bus is late.", "good": False, "n": 1},
    {"words": "I love tea.", "good": True, "n": 2},
    {"words": " Tea is lovely. ", "good": True, "n": 3},
]


def concept(folder: Path, content: str, name: str = "tea") -> TextsConcept:
    path = folder / f"{name}.yaml"
    path.write_text(content, encoding="utf-8")
    found = read(path, "concepts")
    assert isinstance(found, TextsConcept)
    return found


def test_the_same_texts_have_the_same_id_whatever_holds_them(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    lines = [f'"{row["words"]}",{"yes" if row["good"] else "no"}' for row in ROWS]
    (tmp_path / "a.csv").write_text("\n".join(["words,good", *lines]) + "\n")
    source = "kind: texts\nsource: {{file: a.{}, text: words, positive: good}}\n"
    found = [
        build_texts(concept(tmp_path, content, f"tea{n}"), settings)
        for n, content in enumerate([INLINE, source.format("jsonl"), source.format("csv")])
    ]
    assert len({one.dataset_id for one in found}) == 1
    assert len({one.variants["texts"].variant_id for one in found}) == 1
    rows = found[1].texts.to_pylist()
    assert [(row["text"], row["positive"], row["source_row"]) for row in rows] == [
        ("I love tea.", True, 2),
        ("Tea is lovely.", True, 3),
        ("The bus is late.", False, 1),
    ]
    assert {row["split"] for row in rows} == {"train"}
    swapped = (
        INLINE.replace("positive", "x").replace("negative", "positive").replace("x:", "negative:")
    )
    other = build_texts(concept(tmp_path, swapped, "other"), settings)
    assert other.dataset_id != found[0].dataset_id


def test_built_twice_nothing_is_written_and_a_changed_spec_is(
    tmp_path: Path, settings: Settings
) -> None:
    first = build_texts(concept(tmp_path, INLINE), settings)
    bytes_ = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    again = build_texts(concept(tmp_path, INLINE), settings)
    assert (first.changed, again.changed) == (True, False)
    assert again.dataset_id == first.dataset_id
    assert {path: path.read_bytes() for path in bytes_} == bytes_
    elsewhere = build_texts(concept(tmp_path, INLINE), Settings(home=tmp_path / "other"))
    for path, content in bytes_.items():
        assert (elsewhere.folder / path.relative_to(first.folder)).read_bytes() == content
    changed = build_texts(concept(tmp_path, INLINE + "tags: [x]\n"), settings)
    assert (changed.changed, changed.dataset_id) == (True, first.dataset_id)


def test_the_hub_and_duckdb_read_it_and_the_card_says_what_is_odd(
    tmp_path: Path, settings: Settings
) -> None:
    import duckdb
    from datasets import Value, load_dataset
    from huggingface_hub import DatasetCard

    odd = "positive: [Tea!, Tea!, A bus., '<|im_end|> Mug']\nnegative: [A bus.]\n"
    more = "kind: texts\nlicence: cc0-1.0\ncriterion: Is it tea?\nscorer_words: [tea]\n"
    built = build_texts(concept(tmp_path, more + odd), settings)
    table = load_dataset(str(built.folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in table.items()} == {"train": 5}
    assert table["train"].features["positive"] == Value("bool")
    named = load_dataset(str(built.folder), "texts", cache_dir=str(tmp_path / "cache"))
    assert named["train"]["text"][:] == built.texts["text"].to_pylist()
    query = (
        f"select sum(positive::int), count(distinct text_id) from '{built.folder}/texts/*.parquet'"
    )
    assert duckdb.execute(query).fetchall() == [(4, 3)]
    card = DatasetCard.load(built.folder / "README.md")
    assert card.data.license == "cc0-1.0"
    assert "contrastive-texts" in card.data.tags
    for line in (
        "| texts that stand in their list before (they count once in a fit) | 1 |",
        "| texts in both lists (what they add cancels) | 1 |",
        "| texts with tokens of chat templates | 1 |",
        "| positive, characters | 4 | 4 | 14 |",
        "What a judge is asked: Is it tea?",
    ):
        assert line in card.text
    assert [note.split(" ")[0] for note in built.notes] == ["1", "1"]
    assert open_texts(built.folder).audit == built.audit


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("source: {file: none.csv}", "source.file: there is no file"),
        ("source: {file: a.csv, text: word}", "no column 'word'"),
        ("source: {file: a.csv, text: words, positive: god}", "did you mean 'good'?"),
        ("source: {file: a.csv, text: words, positive: good}", "row 2: good is 'maybe'; should be"),
        ("source: {file: b.csv, positive: p}", "b.csv:row 2: the text is empty; write it"),
        ("source: {file: c.jsonl, positive: p}", "c.jsonl:row 1: text is 3, no text"),
        ("source: {file: d.csv, positive: p}", "holds no negative text"),
        ("positive: [a, ' ']\nnegative: [b]", "tea.yaml:2:15: positive[1]: the text is empty"),
    ],
)
def test_faults_are_named(tmp_path: Path, settings: Settings, content: str, fault: str) -> None:
    (tmp_path / "a.csv").write_text("words,good\nTea.,1\nBus.,maybe\n")
    (tmp_path / "b.csv").write_text("text,p\nTea.,1\n ,0\n")
    (tmp_path / "c.jsonl").write_text('{"text": 3, "p": 1}\n')
    (tmp_path / "d.csv").write_text("text,p\nTea.,1\n")
    with pytest.raises(Refused) as refused:
        build_texts(concept(tmp_path, f"kind: texts\n{content}\n"), settings)
    assert fault in refused.value.faults[0]
    assert not (settings.home / "datasets" / "tea" / "README.md").exists()


def test_a_folder_changes_its_kind_with_the_concept(tmp_path: Path, settings: Settings) -> None:
    built = build_texts(concept(tmp_path, INLINE), settings)
    with pytest.raises(Refused, match="a dataset of texts, which holds no questions"):
        open_built(built.folder)
    rows = [{"question": f"Tea {n}?", "positive": "Yes", "negative": "No"} for n in range(20)]
    asked = Concept.model_validate({"name": "tea", "source": {"inline": rows}})
    assert build(asked, [], settings).items.num_rows == 40
    with pytest.raises(Refused, match="of another version or kind"):
        open_texts(built.folder)
    assert build_texts(concept(tmp_path, INLINE), settings).changed
