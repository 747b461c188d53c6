"""What tells the vectors of one model apart, of all that a combination names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runners.campaign.combinations import Combination


class FitKey(NamedTuple):
    """One vector; operators, scopes and evaluation variants do not tell vectors apart."""

    fit_concept: str
    method: str
    fit_variants: tuple[str, ...]
    norm: str | None
    seed: int

    @classmethod
    def of(cls, combination: Combination) -> FitKey:
        """Return the key of a combination's vector."""
        c = combination
        return cls(c.fit_concept, c.method, c.fit_variants, c.norm, c.seed)
