"""What a scorer's YAML may say, and that no fault of it shows a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from specs.catalog import Catalog
from specs.faults import Refused
from specs.reader import read
from specs.schema import Judge, Words

JUDGE = "kind: judge\nmeasures: behaviour\nmodel: m\nrubric: '{{ text }}'\n"


def faults(tmp_path: Path, text: str) -> str:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(Refused) as refused:
        read(path, "scorers")
    return "\n".join(refused.value.faults)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: word\n", "did you mean 'words'"),
        (JUDGE + "rubric: x\n", "given twice"),
        (JUDGE.replace("{{ text }}", "{{ txt }}"), "unknown name 'txt' in the template; did you mean 'text'"),
        (JUDGE.replace("{{ text }}", "{{ concept }}"), "concept.name and concept.criterion"),
        (JUDGE.replace("{{ text }}", "{{ concept.nme }}"), "concept.name and concept.criterion"),
        (JUDGE.replace("{{ text }}", "{% if %}"), "not a jinja2 template"),
        (JUDGE + "scale: {low: 3, high: 3}\n", "low must be less than high"),
        (JUDGE + "base_url: ftp://x\n", "should be an address"),
        (JUDGE + "options: {model: x}\n", "'model' is not taken here"),
        ("kind: classifier\nlabels: [a]\n", "exactly one of hub, folder"),
        ("kind: classifier\nlabels: []\nhub: a/b\n", "labels"),
        ("kind: distinct_n\nn: 0\n", "at least 1"),
        ("kind: words\ncase: smart\n", "case"),
        ("kind: words\nwords: []\n", "words is empty; leave it out"),
    ],
)  # fmt: skip
def test_faults_have_a_place(tmp_path: Path, text: str, says: str) -> None:
    found = faults(tmp_path, text)
    assert says in found
    assert "s.yaml:" in found


SECRET = "sk-proj-AbC123-very-secret"


@pytest.mark.parametrize(
    "line",
    [
        f"key_env: {SECRET}",
        f"api_key: {SECRET}",
        f"base_url: https://user:{SECRET}@host/v1",
        f"base_url: https://host/v1?key={SECRET}",
        f"options: {{api_key: {SECRET}}}",
        f"options: {{Authorization: Bearer {SECRET}}}",
    ],
)
def test_a_key_in_the_yaml_is_refused_and_not_shown(tmp_path: Path, line: str) -> None:
    assert SECRET not in faults(tmp_path, JUDGE + line + "\n")


def test_the_shipped_scorers() -> None:
    catalog = Catalog()
    found = {name: catalog.get("scorers", name) for name in catalog.names("scorers")}
    assert {"words", "judge-behaviour", "judge-coherence", "log_probability", "repetition", "distinct_2"} <= set(found)  # fmt: skip
    assert all(len(spec.description) > 60 for spec in found.values())
    assert {spec.measures for spec in found.values()} == {"behaviour", "coherence"}
    assert isinstance(found["words"], Words)
    for name in ("judge-behaviour", "judge-coherence"):
        judge = found[name]
        assert isinstance(judge, Judge)
        assert ("concept.criterion" in judge.rubric) == (name == "judge-behaviour")
        assert judge.key_env == "OPENAI_API_KEY"
