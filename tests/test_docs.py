"""What docs/ shows as YAML is read as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from builders.build import build
from specs.reader import read
from specs.schema import Concept
from specs.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"


def blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (DOCS / "concepts.md").read_text(), re.DOTALL)


def test_every_block_is_a_spec(tmp_path: Path) -> None:
    kinds = ["concepts", "concepts", "variants", "concepts", "experiments"]
    for number, (kind, block) in enumerate(zip(kinds, blocks(), strict=True)):
        (tmp_path / f"block{number}.yaml").write_text(block)
        read(tmp_path / f"block{number}.yaml", kind)


def test_the_template_of_the_docs_is_built(tmp_path: Path) -> None:
    (tmp_path / "visits.yaml").write_text(blocks()[0])
    concept = read(tmp_path / "visits.yaml", "concepts")
    assert isinstance(concept, Concept)
    built = build(concept, [], Settings(home=tmp_path))
    assert len(built.items) == 24
    counts = {split: about["n_items"] for split, about in built.audit.splits.items()}
    assert counts == {"train": 12, "validation": 6, "test": 6}


def test_every_block_about_autoencoders_is_a_spec(tmp_path: Path) -> None:
    found = re.findall(r"```yaml\n(.*?)```", (DOCS / "saes.md").read_text(), re.DOTALL)
    for block in found:
        _, kind, name = block.splitlines()[0].removeprefix("# ").split("/")
        (tmp_path / name).write_text(block)
        assert read(tmp_path / name, kind).name == name.removesuffix(".yaml")
    assert len(found) == 4
