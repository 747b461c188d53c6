from __future__ import annotations

import pytest

from specs.scalars import meaning


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-0", 0),
        ("012", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        ("-.5e-1", -0.05),
        ("1e3", 1000.0),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("2024-07-26", "2024-07-26"),
        ("12\n", "12\n"),
        ("١٢", "١٢"),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_meaning_is_that_of_yaml_1_2(text: str, value: object) -> None:
    assert meaning(text) == value
    assert type(meaning(text)) is type(value)


@pytest.mark.parametrize("text", ["1e999", "9223372036854775808", "1" * 5000, "0x" + "f" * 20])
def test_what_no_number_here_can_hold(text: str) -> None:
    with pytest.raises(OverflowError):
        meaning(text)
