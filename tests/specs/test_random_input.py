from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings, strategies as st

from specs.faults import Refused
from specs.reader import read
from specs.schema import KINDS, Concept, Experiment, Model, Spec, TextsConcept, Variant

PLACE = re.compile(r".*x\.yaml:[1-9][0-9]*:[1-9][0-9]*: \S")
KEYS = sorted(
    {
        key
        for class_ in (Concept, TextsConcept, Variant, Model, Experiment)
        for key in class_.model_fields
    }
)
PIECES = [
    *KEYS, "inline", "file", "hub", "kind", "by", "field", "mean_difference", "random", ": ", ": ", "\n", "\n  ",
    "\n  - ", "- ", "[", "]", "{", "}", ", ", '"', "'", "|", ">-", "&a ", "*a", "!x ", "!!int ", "? ", "---\n",
    "...\n", "# ", "%YAML 1.1\n", "\t", "<<", "~", "true", "yes", "1", "-1.5", "0x1f", ".inf", "\\U", "\\ud800",
    "é", "\u2028", "\ufeff", "\x00", "<list>", "text",
]  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
keys = st.sampled_from(
    [*KEYS, "inline", "file", "hub", "question", "positive", "negative", "by", "<list>"]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def read_or_refuse(data: bytes, kind: str) -> None:
    """Any exception but a Refused with a place in each line fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_bytes(data)
        lines = len(re.split(b"\n|\r|\xc2\x85|\xe2\x80[\xa8\xa9]", data))
        for fault in faults_of(path, kind):
            assert PLACE.match(fault), fault
            line, column = map(int, fault.rpartition("x.yaml:")[2].split(":")[:2])
            assert line <= lines + 1
            assert column <= len(data) + 1


def faults_of(path: Path, kind: str) -> tuple[str, ...]:
    try:
        spec = read(path, kind)
    except Refused as refused:
        return refused.faults or ("no place and no word",)
    assert isinstance(spec, Spec)
    return ()


relaxed = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@settings(relaxed, max_examples=150)
def test_any_text_of_yaml_pieces(kind: str, data: str) -> None:
    read_or_refuse(data.encode(), kind)


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(relaxed, max_examples=200)
@example(b"\xef\xbb")
@example(b"%TAG ! tag:%ff\n--- !x")
@example(b'a: "\\UFFFFFFFF"')
def test_any_bytes(data: bytes) -> None:
    read_or_refuse(data, "models")


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.dictionaries(keys, values, max_size=6))
@settings(relaxed, max_examples=200)
def test_any_mapping(kind: str, data: dict[str, Any]) -> None:
    read_or_refuse(yaml.safe_dump(data, allow_unicode=True).encode(), kind)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(relaxed, max_examples=100)
def test_any_value_in_the_place_of_one_of_a_good_spec(kind: str, data: st.DataObject) -> None:
    spec = dict(GOOD[kind])
    key = data.draw(st.sampled_from(sorted(spec)))
    spec[key] = data.draw(values)
    read_or_refuse(yaml.safe_dump(spec, allow_unicode=True).encode(), kind)


GOOD: dict[str, dict[str, Any]] = {
    "concepts": {
        "source": {"inline": [{"question": "q", "positive": "a", "negative": "b"}]},
        "splits": {"by": "grouped"}, "planted": [], "persona": None, "symbols": ["A", "B"],
        "option_order": {"train": "both"},
    },
    "variants": {"system": "s", "user": "{{ item }}", "symbols": ["1", "2"]},
    "methods": {"kind": "file", "file": "v.npy", "layers": [1]},
    "models": {"hub": "a/b", "template_kwargs": {"a": 1}, "loading": {}},
    "experiments": {
        "models": ["a"], "concepts": ["b"], "layers": [1], "multipliers": [1.0], "nulls": {},
        "include": [{"model": "a"}],
    },
    "text_sets": {"texts": ["a b", "c d"], "max_tokens": 9},
    "prompt_sets": {"prompts": ["", "a b"], "copies": {"": 2}},
    "scorers": {
        "kind": "judge", "measures": "behaviour", "model": "m", "rubric": "{{ text }}", "scale": {},
        "options": {"seed": 1}, "prices": {"read": 1.0, "written": 2.0},
    },
    "saes": {"source": {"folder": "x"}, "model": "a", "layer": 1},
    "approximators": {
        "model": "a", "layer": 1, "sae": "b", "inputs": {"sae": "c", "features": 5}, "scale": 2.0,
        "prompt_set": "d", "fit": {"kind": "ridge"}, "held_out": 0.5,
    },
}  # fmt: skip
