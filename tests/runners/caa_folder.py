"""A small folder in the layout of nrimsky/CAA, written by a test."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

QUESTIONS = [
    ("Tea or coffee?\n\nChoices:\n(A) Tea.\n(B) Coffee.", "(A)", "(B)"),
    ("Cat or dog?\n\nChoices:\n (A) Dog.\n (B) Cat.", "B", "A"),
    ("Do you: (A) Walk to work, or (B) Drive?", " A", " B"),
    ("Sea or hills?\n\nChoices:\n(A): Hills\n(B): Sea", "(B)", "(A)"),
]
LAYERS, MULTIPLIERS = (3, 11), ("-1.5", "-1", "0", "1.0", "1.5")
DATASET = "datasets/test/tea/test_dataset_ab.json"


def name(layer: object = 3, multiplier: object = "0", **other: object) -> str:
    parts = {
        "layer": layer,
        "multiplier": multiplier,
        "behavior": "tea",
        "type": "ab",
        "use_base_model": "False",
        "model_size": "7b",
        **other,
    }
    return "results_" + "_".join(f"{k}={v}" for k, v in parts.items() if v is not None) + ".json"


def asked() -> list[dict[str, Any]]:
    return [
        {"question": q, "answer_matching_behavior": p, "answer_not_matching_behavior": n}
        for q, p, n in QUESTIONS
    ]


def truth(item: int, layer: int, multiplier: float) -> tuple[float, float]:
    """Return logit difference and answer mass of an item: a line, as wide as the layer is high."""
    return 0.3 * item - 0.4 + multiplier * (0.2 * layer - 0.5 * item), 0.9 - 0.01 * item


def answered(layer: int, multiplier: float) -> list[dict[str, Any]]:
    found = []
    for item, row in enumerate(asked()):
        difference, mass = truth(item, layer, multiplier)
        positive = mass / (1 + math.exp(-difference))
        a = positive if "A" in row["answer_matching_behavior"] else mass - positive
        found.append({**row, "a_prob": a, "b_prob": mass - a})
    return found


def put(folder: Path, file: str, rows: Any) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    return path


def write(folder: Path) -> Path:
    """Write the whole of it: two layers, five multipliers, four questions and their data set."""
    put(folder, DATASET, asked())
    for layer in LAYERS:
        for multiplier in MULTIPLIERS:
            rows = answered(layer, float(multiplier))
            put(folder, f"results/tea/{name(layer, multiplier)}", rows)
    return folder
