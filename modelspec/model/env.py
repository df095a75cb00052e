"""What the names of one body stand for during one call of it."""

from __future__ import annotations

from typing import Any

from modelspec.model.graph import Tensor
from modelspec.model.spec import Call, Input, Ref


class Env:
    """The tensors of one call of a body, by what made them."""

    __slots__ = ("inner", "values")

    def __init__(self) -> None:
        self.values: dict[Call | Input | tuple[Call, int], list[Tensor]] = {}
        self.inner: dict[Call, Env] = {}

    def find(self, ref: Ref) -> Tensor | None:
        """The tensor of a reference; None where an error was reported."""
        if ref.input is not None:
            found = self.values.get(ref.input)
            return found[0] if found else None
        if not ref.chain:
            return None
        env = self
        for call in ref.chain[:-1]:
            if call not in env.inner:
                return None
            env = env.inner[call]
        last = ref.chain[-1]
        cut = env.values.get((last, ref.index))
        if cut is not None:
            return cut[0]
        made = env.values.get(last, [])
        return made[ref.index] if ref.index < len(made) else None


#: Stands for a tensor whose making failed: what depends on it is passed over in silence.
LOST: Any = object()


def each(given: Any, take: Any) -> Any:
    """`take` of a tensor, of each of a list, or None."""
    if isinstance(given, list):
        return [take(tensor) for tensor in given]
    return None if given is None else take(given)


def flat(arguments: list[Any]) -> list[Tensor]:
    """The tensors of a call's arguments, in order."""
    found: list[Tensor] = []
    for given in arguments:
        if isinstance(given, list):
            found += given
        elif given is not None:
            found.append(given)
    return found
