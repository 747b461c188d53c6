from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from builders import sources_hub
from builders.refusals import NotReachable
from builders.sources import Source, locate, read
from specs.faults import Refused
from specs.schema import Concept
from specs.settings import Settings

Make = Callable[..., Concept]
HEADER = "question,positive,negative\n"


def rows(concept: Concept, settings: Settings) -> Source:
    return read(concept, locate(concept, settings))


def refusal(concept: Concept, settings: Settings) -> str:
    with pytest.raises(Refused) as caught:
        rows(concept, settings)
    return str(caught.value)


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path.name


def test_every_format_gives_the_same_rows(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    expected = [
        {"question": 'Say "a,\tb"', "positive": "007", "negative": "2020-01-01"},
        {"question": "NULL", "positive": "true", "negative": "1e5"},
    ]
    fields = [
        [f'"{value.replace(chr(34), chr(34) * 2)}"' for value in row.values()] for row in expected
    ]
    for ending, mark in ((".csv", ","), (".tsv", "\t")):
        lines = [mark.join(cells) for cells in (["question", "positive", "negative"], *fields)]
        write(tmp_path / f"rows{ending}", "\n".join(lines))
    write(tmp_path / "rows.json", json.dumps(expected))
    write(tmp_path / "rows.jsonl", "\n\n".join(map(json.dumps, expected)) + "\n")
    duckdb.sql(f"copy (from '{tmp_path}/rows.jsonl') to '{tmp_path}/rows.parquet'")
    for ending in ("csv", "tsv", "json", "jsonl"):
        assert rows(concept({"file": f"rows.{ending}"}), settings).rows == expected, ending
    found = rows(concept({"file": "rows.parquet"}), settings).rows
    assert [str(row["negative"]) for row in found] == ["2020-01-01", "1e5"]


def test_a_path_is_no_pattern_and_no_partition(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    folder = tmp_path / "a[1]*" / "split=train"
    folder.mkdir(parents=True)
    write(folder / "rows.csv", HEADER + "q,a,b\n")
    found = rows(concept({"file": "a[1]*/split=train/rows.csv"}), settings).rows
    assert found == [{"question": "q", "positive": "a", "negative": "b"}]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "Question,yes,no\nq,a,b\n", "no column 'question' (source.fields.question of"),
        (
            "a.csv",
            "Question,yes,no\nq,a,b\n",
            "its columns are Question, yes, no; did you mean 'Question'?",
        ),
        ("a.csv", "", "the file is empty"),
        ("a.csv", "question,question\n", "column 'question' stands twice"),
        ("a.csv", HEADER + "q,a,b\nq,a,b,c\n", "CSV Error on Line: 3"),
        ("a.csv", HEADER + '"q,a,b\n', "unterminated quote"),
        ("a.csv", HEADER.encode() + b"caf\xe9,a,b\n", "not utf-8"),
        ("a.jsonl", b'{"question": "caf\xe9"}\n', "a.jsonl:1: not UTF-8"),
        ("a.jsonl", '{"question": "a"}\n{"question": b}\n', "a.jsonl:2:14: not JSON"),
        ("a.jsonl", '{"question": "a"}\n["b"]\n', "a.jsonl:2: holds a JSON array"),
        ("a.jsonl", '{"question": "\\ud83d"}\n', "a.jsonl:1: holds \\ud83d, half of a character"),
        ("a.json", '{"question": "a"}', "holds a JSON object; needs an array of objects"),
        ("a.json", "[1]", "a.json:row 1: holds a JSON number"),
        ("a.parquet", "no parquet at all, but long enough", "a.parquet: "),
        ("a.txt", "q", "use one of csv, tsv, json, jsonl, parquet"),
    ],
)
def test_a_file_at_fault_is_named_with_what_is_wrong(
    tmp_path: Path, concept: Make, settings: Settings, name: str, content: str | bytes, says: str
) -> None:
    write(tmp_path / name, content)
    message = refusal(concept({"file": name}), settings)
    assert str(tmp_path / name) in message
    assert says in message
    assert "\n" not in message.replace("\na.", "") or "no column" in message


def test_a_missing_file_names_the_yaml_and_the_path(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    message = refusal(concept({"file": "none.csv"}), settings)
    assert message == (
        f"{tmp_path}/tea.yaml: source.file: there is no file {tmp_path}/none.csv; "
        "give its path relative to the YAML"
    )


def test_a_label_confidence_column_that_was_named_must_exist(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    write(tmp_path / "a.csv", HEADER + "q,a,b\n")
    assert rows(concept({"file": "a.csv"}), settings).rows
    named = concept({"file": "a.csv", "fields": {"label_confidence": "sure"}})
    assert "no column 'sure'" in refusal(named, settings)


HUB = {"hub": "Someone/evals", "file": "some/rows.jsonl"}
ROW = '{"question": "q", "positive": "a", "negative": "b"}\n'


def mirrored(tmp_path: Path) -> Settings:
    file = tmp_path / "mirror" / "Someone" / "evals" / "some" / "rows.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(ROW)
    return Settings(home=tmp_path, sources=(tmp_path / "none", tmp_path / "mirror"))


def test_a_mirror_is_read_before_the_hub_is_asked(
    tmp_path: Path, concept: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_hub, "hub_silence", lambda: pytest.fail("the Hub was asked"))
    located = locate(concept(HUB), mirrored(tmp_path))
    assert located.commit is None
    assert read(concept(HUB), located).rows == [json.loads(ROW)]


@pytest.mark.parametrize("online", [True, False])
def test_a_source_that_is_nowhere_names_the_mirror_path_and_the_remedy(
    tmp_path: Path, concept: Make, monkeypatch: pytest.MonkeyPatch, online: bool
) -> None:
    monkeypatch.setattr(sources_hub, "hub_silence", lambda: "the Hub does not answer")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    settings = Settings(home=tmp_path, sources=(tmp_path / "mirror",))
    with pytest.raises(NotReachable) as caught:
        locate(concept(HUB), settings, online=online)
    message = str(caught.value)
    assert f"{tmp_path}/tea.yaml: source: Someone/evals/some/rows.jsonl is not here" in message
    assert str(tmp_path / "mirror/Someone/evals/some/rows.jsonl") in message
    assert ("the Hub does not answer" if online else "the Hub was not asked") in message
    assert "--sources" in message


def test_what_the_hub_has_is_downloaded_and_its_commit_recorded(
    tmp_path: Path, concept: Make, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "snapshots" / commit / "some" / "rows.jsonl"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_text(ROW)
    asked: dict[str, Any] = {}

    def download(repo: str, file: str, **keys: Any) -> str:
        asked.update(repo=repo, file=file, **keys)
        return str(snapshot)

    monkeypatch.setattr(sources_hub, "hub_silence", lambda: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    located = locate(concept({**HUB, "revision": "v2"}), settings)
    assert located.commit == commit
    assert asked == {
        "repo": "Someone/evals",
        "file": "some/rows.jsonl",
        "repo_type": "dataset",
        "revision": "v2",
    }


def test_what_the_hub_denies_is_a_fault_and_not_only_out_of_reach(
    concept: Make, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import RemoteEntryNotFoundError

    def denied(*_: Any, **__: Any) -> str:
        raise RemoteEntryNotFoundError.__new__(RemoteEntryNotFoundError, "404 no such entry")

    monkeypatch.setattr(sources_hub, "hub_silence", lambda: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", denied)
    with pytest.raises(Refused, match=r"the Hub refuses some/rows\.jsonl") as caught:
        locate(concept(HUB), settings)
    assert not isinstance(caught.value, NotReachable)


def test_a_name_that_the_hub_cannot_have_is_a_fault(concept: Make, settings: Settings) -> None:
    with pytest.raises(Refused, match="no data set's name"):
        locate(concept({"hub": "no good/at/all", "file": "a.csv"}), settings, online=False)
