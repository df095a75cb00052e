"""A graph's calls one after the other, graphs inside it as units of their own where they can be.

A graph is written into its caller instead (inlined) where a unit would not say the same: one of
its layers is called from elsewhere too, a tensor inside it is used outside, or its calls differ.
A walk finds that out as it goes, raises `Inline`, and is begun again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from modelspec.model.parts import Cut
from modelspec.model.spec import Body, Call, Definition, Ref

T = TypeVar("T")


class Inline(Exception):
    """A graph that has to be written into its caller."""

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition.path)
        self.definition = definition


def settled(write: Callable[[set[Definition]], T]) -> T:
    """What `write` makes, begun again until the graphs that cannot be units are inlined."""
    inlined: set[Definition] = set()
    while True:
        try:
            return write(inlined)
        except Inline as inline:
            inlined.add(inline.definition)


class Homes:
    """Which graph calls a definition: one for each, None for the model itself."""

    def __init__(self) -> None:
        self.known: dict[Definition, Definition | None] = {}

    def home(self, definition: Definition, caller: Definition | None) -> None:
        """Note a call; raises `Inline` where another graph calls the same definition."""
        known = self.known.setdefault(definition, caller)
        if known is not caller:
            raise Inline(known if known is not None else caller)  # type: ignore[arg-type]


class Scope:
    """One call of a body: what its names stand for."""

    def __init__(self) -> None:
        self.values: dict[Any, list[Any]] = {}
        self.inner: dict[Call, Scope] = {}


class Walk(ABC):
    """Visits the calls of one unit, and of the graphs that are inlined into it."""

    inlined: set[Definition]

    @abstractmethod
    def layer(self, call: Call, definition: Definition, arguments: list[Any]) -> list[Any]:
        """The values that a layer's call gives."""

    @abstractmethod
    def unit(self, call: Call, definition: Definition, arguments: list[Any]) -> list[Any]:
        """The values that the call of a graph gives which is a unit of its own."""

    def calls(self, body: Body, scope: Scope) -> None:
        for call in body.calls:
            arguments = [
                [self.find(ref, scope) for ref in one]
                if isinstance(one, list)
                else None
                if one is None
                else self.find(one, scope)
                for one in call.arguments
            ]
            self.call(call, call.definition, arguments, scope)

    def call(self, call: Call, definition: Definition, arguments: list[Any], scope: Scope) -> None:
        """One call: what it gives goes to `scope`."""
        if definition.body is None:
            scope.values[call] = self.layer(call, definition, arguments)
        elif definition in self.inlined:
            inner = scope.inner[call] = Scope()
            self.bind(definition.body, arguments, inner)
            self.calls(definition.body, inner)
            made = [self.find(ref, inner) for ref in definition.body.outputs.values()]
            scope.values[call] = made
        else:
            scope.values[call] = self.unit(call, definition, arguments)

    @staticmethod
    def bind(body: Body, arguments: list[Any], inner: Scope) -> None:
        for one, given in zip(body.inputs, arguments, strict=True):
            # A part's input stands for a tensor of the whole graph.
            inner.values[one.stands_for.origin if isinstance(one, Cut) else one] = [given]

    def find(self, ref: Ref, scope: Scope) -> Any:
        if ref.input is not None:
            return scope.values[ref.input][0]
        for at, call in enumerate(ref.chain[:-1]):
            if call not in scope.inner:
                return self.through(call, ref.chain[at + 1 :], ref.index, scope)
            scope = scope.inner[call]
        last = ref.chain[-1]
        if (last, ref.index) in scope.values:
            return scope.values[last, ref.index][0]
        return scope.values[last][ref.index]

    @staticmethod
    def through(call: Call, chain: tuple[Call, ...], index: int, scope: Scope) -> Any:
        """A tensor inside a unit: one that it gives, or it is no unit."""
        assert call.definition.body is not None
        for at, ref in enumerate(call.definition.body.outputs.values()):
            if ref.chain == chain and ref.index == index:
                return scope.values[call][at]
        raise Inline(call.definition)
