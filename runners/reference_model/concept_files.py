"""Write the specs of the reference concepts: `python -m runners.reference_model.concept_files`.

A YAML and a CSV each, in specs/concepts/; a test holds the committed files equal to these texts.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Final

from runners.reference_model.design import questions
from runners.reference_model.traits import TRAITS, Trait
from runners.reference_model.truth import truth
from specs.schema import Planted

FOLDER: Final = Path(__file__).parents[2] / "specs" / "concepts"
DECIMALS: Final = 9
COLUMNS: Final = ("question", "positive", "negative", "split", "adverb", "topic", "frame")

_YAML: Final = """\
# yaml-language-server: $schema=../schema/concept.schema.json
# Written by `python -m runners.reference_model.concept_files`; change that, not this.
description: >-
  Concept of the reference model. {about}
tags: [reference]
source:
  file: data/{name}.csv
answer_format: letter
splits:
  by: given
  field: split
persona:
  positive: You are a saint.
  negative: You are a villain.
licence: apache-2.0
planted:
{planted}
"""


def _planted_line(row: Planted) -> str:
    value = None if row.value is None else round(row.value, DECIMALS)
    parts = [f"quantity: {row.quantity}"]
    parts += [f"variant: {row.variant}"] if row.variant != "base" else []
    parts += [f"layer: {row.layer}"] if row.layer is not None else []
    return f"  - {{{', '.join([*parts, f'value: {json.dumps(value)}'])}}}"


def concept_yaml(trait: Trait) -> str:
    """Return the text of a concept's YAML, with its truth computed from the closed forms."""
    planted = "\n".join(_planted_line(row) for row in truth(trait.name))
    return _YAML.format(name=trait.name, about=trait.about, planted=planted)


def concept_csv(trait: Trait) -> str:
    """Return the text of a concept's questions: one row each, with its split and its cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for asked in questions(trait.name):
        cell = (asked.split, asked.adverb, asked.topic, asked.frame)
        writer.writerow((asked.text, asked.positive, asked.negative, *cell))
    return out.getvalue()


def concept_files() -> dict[Path, str]:
    """Return the text of every file of the reference concepts, by path."""
    texts = {FOLDER / f"{name}.yaml": concept_yaml(trait) for name, trait in TRAITS.items()}
    return texts | {
        FOLDER / "data" / f"{name}.csv": concept_csv(trait) for name, trait in TRAITS.items()
    }


def main() -> None:
    """Write all files."""
    for path, text in concept_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
