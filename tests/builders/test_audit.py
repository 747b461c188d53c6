"""What the audit counts, and where the card says it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from builders.build import build
from specs.schema import Concept
from specs.settings import Settings

Make = Callable[..., Concept]
ROOT = Path(__file__).resolve().parents[2]
PERSONA = {"positive": "You love tea.", "negative": "You loathe tea."}


def test_the_card_counts_what_was_left_out(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    rows = [
        {
            "question": f"Q {i}?\n(A) a\n(B) b" + "\n(C) c" * (i % 3 == 0),
            "positive": "(A)",
            "negative": "(B)",
        }
        for i in range(30)
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    built = build(concept({"file": "rows.json"}), [], settings)
    assert built.audit.left_out == {"more than two options": list(range(1, 31, 3))}
    assert built.notes == ("10 of 30 source rows left out: more than two options",)
    card = (built.folder / "README.md").read_text()
    assert "| left out: more than two options | 10 |" in card
    assert "- more than two options: 1, 4, 7, 10, 13, 16, 19, 22, 25, 28" in card


def test_the_audit_sees_copies_leaks_labels_and_stray_tokens(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    rows = [
        {
            "question": f"Is {i // 2} odd?",
            "positive": f"odd {i // 2}",
            "negative": "it is even",
            "label_confidence": 0.9,
        }
        for i in range(40)
    ]
    rows[0]["label_confidence"] = 0.5
    rows[4]["question"] = "[INST] Is (A) odd?<|im_end|>"
    rows[5]["positive"] = "odd</s>"
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    tan = {
        "splits": {"by": "tan2024"},
        "option_order": {"train": "source", "validation": "source", "test": "source"},
    }
    audit = build(concept({"file": "rows.json"}, **tan), [], settings).audit
    assert (audit.n_source_rows, audit.n_items, audit.n_questions) == (40, 40, 21)
    assert (audit.n_duplicate_rows, audit.n_repeated_questions) == (19, 19)
    assert audit.n_leaked_questions > 0
    assert audit.paper_leaks["0-40/50-100"] >= audit.n_leaked_questions
    assert (audit.n_low_confidence, audit.lowest_confidence) == (1, 0.5)
    assert audit.n_control_tokens == 2
    assert audit.control_tokens == {"</s>": 1, "<|im_end|>": 1, "[INST]": 1}
    assert audit.n_symbols_in_text == 1
    assert audit.positive_longer_share == 0.0
    grouped = build(concept({"file": "rows.json"}), [], settings).audit
    assert grouped.n_leaked_questions == 0
