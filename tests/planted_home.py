"""The planted model and its SAE as a user's folder of specs, for runs by the real entry point."""

from __future__ import annotations

from pathlib import Path

from tests import planted_dictionary as planted

TEXTS = "texts:\n" + "".join(
    f"  - {first} {second} the {third} near {second} and {first} of {third}\n"
    for first, second, third in zip(*[iter(planted.CONTENT)] * 3, strict=True)
)
QUESTION = '{{question: "{}", positive: "{}", negative: "{}"}}'
OPENINGS = ("the", "a", "of the", "with a", "near the", "and", "and the", "of a", "with", "near a")


def write(folder: Path) -> Path:
    """Write model, SAE and specs below `folder`, and return the folder of specs."""
    planted.save(folder / "model")
    planted.save_sae(folder / "sae")
    specs = folder / "specs"
    for kind, name, text in (
        ("models", "planted", f"folder: {folder / 'model'}\ntemplate: plain\ndtype: float32\n"),
        ("text_sets", "planted", TEXTS),
        ("saes", "planted", sae_spec(folder / "sae")),
        ("concepts", "rainy", _rainy()),
        ("methods", "rain_row", "kind: sae_decoder\nsae: planted\nfeatures: [{feature: 0}]\n"),
        ("methods", "changed", "kind: sae_difference\nsae: planted\nfeatures: 2\n"),
        ("methods", "heard", SCORED),
    ):
        write_spec(specs, kind, name, text)
    return specs


SCORED = "kind: sae_output_score\nsae: planted\nprompt: the coin\ntokens: 3\namplification: 4.0\n"


def sae_spec(folder: Path) -> str:
    """Return an SAE spec of a folder."""
    return f"source: {{folder: {folder}}}\nmodel: planted\ncheck: {{text_set: planted}}\n"


def write_spec(specs: Path, kind: str, name: str, text: str) -> Path:
    """Write one spec."""
    path = specs / kind / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _rainy() -> str:
    """Return a concept whose positive answers are words of rain, and the negative ones of bread."""
    rows = []
    for number, opening in enumerate(OPENINGS):
        for more in ("coin", "tide", "snow", "desk"):
            rain = planted.TOPICS["rain"][number % 3]
            bread = planted.TOPICS["bread"][(number + 1) % 3]
            rows.append("    - " + QUESTION.format(f"{more} {opening}", rain, bread))
    return (
        "answer_format: text\nsource:\n  inline:\n" + "\n".join(rows) + "\nsplits: {by: grouped}\n"
    )
