"""What a model hands to each of its blocks, heard without computing anything."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.engine.forwards import replaced, tails, wrapped

if TYPE_CHECKING:
    from torch import Tensor

    from runners.models.architecture import Parts


class Call(NamedTuple):
    """What a block is handed, by name, and the name of its hidden states."""

    first: str
    named: dict[str, Any]

    @classmethod
    def of(cls, forward: Callable[..., Any], args: Sequence[Any], kwargs: Any) -> Call:
        """Bind the arguments of a call to the names that `forward` has for them."""
        names = list(inspect.signature(forward).parameters)
        return cls(names[0], dict(zip(names, args, strict=False)) | kwargs)


def recorded(found: Parts, arguments: Mapping[str, Any]) -> tuple[Tensor, list[Call]]:
    """Return what the first block is handed as hidden states, and the rest for every block.

    Masks and positions are the model's own.
    """
    calls: list[Call] = []
    entered: list[Tensor] = []

    def record(own: Callable[..., Any], tail: Any) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            call = Call.of(own, args, kwargs)
            calls.append(call)
            entered.append(call.named.pop(call.first))
            return wrapped(entered[-1], tail)

        return forward

    with ExitStack() as stack:
        for block, tail in zip(found.blocks, tails(found), strict=True):
            stack.enter_context(replaced(block, record(block.forward, tail)))
        found.decoder(**arguments)
    return entered[0], calls
