"""Cells, which read one step, and the layer that repeats them over a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from modelspec.catalog.layers.recurrent import (
    GRU,
    LSTM,
    Recurrent,
    Shapes,
    SimpleRNN,
    fit_states,
    left_behind,
)
from modelspec.language.kinds import Either, Entry, ListOf
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Shape

#: What a cell is called on, by itself: one step, and the state that the step before left.
STEP = {"inputs": "features", "states": "*units"}


class Cell(Layer):
    """One step of a recurrent layer, with that layer's arguments."""

    takes = STEP
    units = Recurrent.units
    activation = Recurrent.activation
    use_bias = Recurrent.use_bias
    kernel_initializer = Recurrent.kernel_initializer
    recurrent_initializer = Recurrent.recurrent_initializer
    bias_initializer = Recurrent.bias_initializer
    kernel_regularizer = Recurrent.kernel_regularizer
    recurrent_regularizer = Recurrent.recurrent_regularizer
    bias_regularizer = Recurrent.bias_regularizer
    kernel_constraint = Recurrent.kernel_constraint
    recurrent_constraint = Recurrent.recurrent_constraint
    bias_constraint = Recurrent.bias_constraint
    dropout = Recurrent.dropout
    recurrent_dropout = Recurrent.recurrent_dropout
    seed = Recurrent.seed

    #: The layer that repeats this cell.
    whole: ClassVar[type[Recurrent]]

    def over_time(self, **flags: bool) -> Recurrent:
        """The layer that repeats this cell: `return_sequences` and so on are false if left out."""
        return self.whole.of({**NO_FLAGS, **self.__dict__, **flags})

    @property
    def states(self) -> tuple[str, ...]:
        return self.whole.states

    @property
    def sizes(self) -> Shapes:
        """The shape of each state; that of the first is the output's."""
        return [(self.units,)] * len(self.states)

    def returns(self) -> tuple[str, ...]:
        return ("output", *self.states)

    def shape(self, inputs: Shape, states: Shapes) -> Shapes:
        fit_states(self.states, self.sizes, states)
        return [(self.units,), *self.sizes]

    def weights(self, inputs: Shape, states: Shapes | None = None) -> Iterator[Weight]:
        return self.over_time().weights((1, *inputs))

    def flops(self, output: Any, inputs: Shape, states: Shapes | None = None) -> int | None:
        return self.over_time().flops(output, (1, *inputs))


NO_FLAGS = {
    "return_sequences": False, "return_state": False, "go_backwards": False, "stateful": False,
    "unroll": False, "zero_output_for_mask": False, "activity_regularizer": None,
}  # fmt: skip


class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`: inputs (features) and the state (units) give the next state.

    It stands in `RNN`, or is called by itself on one step and `[state]`.
    """

    whole = SimpleRNN
    source = SimpleRNN.source


class LSTMCell(Cell):
    """One step of `LSTM`: inputs (features), `hidden` and `cell` (units) give the next two.

    It stands in `RNN`, or is called by itself on one step and `[hidden, cell]`. The output is
    `hidden`.
    """

    recurrent_activation = LSTM.recurrent_activation
    unit_forget_bias = LSTM.unit_forget_bias

    whole = LSTM
    source = LSTM.source


class GRUCell(Cell):
    """One step of `GRU`: inputs (features) and the state (units) give the next state.

    It stands in `RNN`, or is called by itself on one step and `[state]`.
    """

    recurrent_activation = GRU.recurrent_activation
    reset_after = GRU.reset_after

    whole = GRU
    source = GRU.source


class StackedRNNCells(Layer):
    """Several cells as one: each reads what the one before gives.

    It stands in `RNN`, which takes a list of cells too, or is called by itself on one step and the
    states of all, those of the first cell first: `cell0_hidden`, `cell0_cell`, `cell1_hidden`, ...
    """

    takes = STEP
    cells = ListOf("The cells, the first to read first.", Entry(""))

    def check(self) -> None:
        if not self.cells:
            raise Reject("cells", "there is no cell", "cells: [{type: LSTMCell, units: 8}]")
        for one in self.cells:
            check_cell("cells", one)

    @property
    def inner(self) -> list[Cell]:
        return [one.layer for one in self.cells]

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(f"cell{at}_{s}" for at, cell in enumerate(self.inner) for s in cell.states)

    @property
    def sizes(self) -> Shapes:
        return [size for cell in self.inner for size in cell.sizes]

    @property
    def units(self) -> int:
        """Size of the output: the last cell's."""
        return self.inner[-1].units

    @property
    def seed(self) -> tuple[int | None, ...]:
        """Mixed into the draws: those of all cells."""
        return tuple(vars(cell)["seed"] for cell in self.inner)

    def apart(self, states: list[Any]) -> list[list[Any]]:
        """The states of each cell, from those of all."""
        rest = iter(states)
        return [[next(rest) for _ in cell.states] for cell in self.inner]

    def returns(self) -> tuple[str, ...]:
        return ("output", *self.states)

    def shape(self, inputs: Shape, states: Shapes) -> Shapes:
        fit_states(self.states, self.sizes, states)
        return [(self.units,), *self.sizes]

    def weights(self, inputs: Shape, states: Shapes | None = None) -> Iterator[Weight]:
        for at, (cell, given) in enumerate(zip(self.inner, self.cells, strict=True)):
            yield from held_by(given, f"cell{at}", cell.weights(inputs))
            inputs = (cell.units,)

    def flops(self, output: Any, inputs: Shape, states: Shapes | None = None) -> int | None:
        total = 0
        for cell in self.inner:
            one = cell.flops(output, inputs)
            if one is None:
                return None
            total, inputs = total + one, (cell.units,)
        return total


class RNN(Layer):
    """Repeats a cell, or several stacked ones, over the steps of a sequence.

    A sequence (time, features) gives (units of the last cell), or (time, units) with
    `return_sequences`; `return_state` adds the last states, `hidden` and `cell` of an LSTMCell,
    `cell0_hidden` and so on of several cells.
    """

    takes = {"sequence": "time features", "initial_state?": "*units"}
    cell = Either(
        "A cell (LSTMCell, GRUCell, SimpleRNNCell, StackedRNNCells), or a list of them.",
        ListOf("", Entry("")),
        Entry(""),
    )
    return_sequences = Recurrent.return_sequences
    return_state = Recurrent.return_state
    go_backwards = Recurrent.go_backwards
    stateful = Recurrent.stateful
    unroll = Recurrent.unroll
    zero_output_for_mask = Recurrent.zero_output_for_mask

    masking = "own"
    activity_regularizer: ClassVar[None] = None

    def check(self) -> None:
        if isinstance(self.cell, list):
            StackedRNNCells.of({"cells": self.cell}).check()
        elif not isinstance(self.cell.layer, StackedRNNCells):
            check_cell("cell", self.cell)

    @property
    def stack(self) -> StackedRNNCells | None:
        """Its cells, where they are several; a list of one is one too."""
        if isinstance(self.cell, list):
            return StackedRNNCells.of({"cells": self.cell})
        layer = self.cell.layer
        return layer if isinstance(layer, StackedRNNCells) else None

    @property
    def inner(self) -> StackedRNNCells | Cell:
        """What is repeated."""
        inner: StackedRNNCells | Cell = self.stack or self.cell.layer
        return inner

    @property
    def states(self) -> tuple[str, ...]:
        return self.inner.states

    @property
    def units(self) -> int:
        return self.inner.units

    @property
    def seed(self) -> Any:
        """Mixed into the draws: its cell's, or those of all."""
        return self.inner.seed

    def returns(self) -> tuple[str, ...]:
        return ("output", *self.states) if self.return_state else ("output",)

    def shape(self, sequence: Shape, initial_state: Shapes | None = None) -> Any:
        fit_states(self.states, self.inner.sizes, initial_state)
        made = (self.units,)
        output = (sequence[0], *made) if self.return_sequences else made
        return [output, *self.inner.sizes] if self.return_state else output

    def weights(self, sequence: Shape, initial_state: Shapes | None = None) -> Iterator[Weight]:
        if self.stack is not None:
            return self.stack.weights(sequence[1:])
        return held_by(self.cell, "cell", self.inner.weights(sequence[1:]))

    def carried(self, sequence: Shape, initial_state: Shapes | None = None) -> Iterator[Weight]:
        return left_behind(self, self.inner.sizes)

    def flops(
        self, output: Any, sequence: Shape, initial_state: Shapes | None = None
    ) -> int | None:
        steps, one = sequence[0], self.inner.flops(output, sequence[1:])
        return steps * one if isinstance(steps, int) and one is not None else None


def check_cell(argument: str, given: Any) -> None:
    """Refuse what is no cell, and settings that a cell cannot have of its own."""
    if not isinstance(given.layer, Cell):
        raise Reject(
            argument,
            "only a cell reads one step",
            "give it an LSTMCell, GRUCell or SimpleRNNCell",
        )
    check_inside(argument, given)


def check_inside(argument: str, given: Any) -> None:
    """Refuse settings that only the layer around may have."""
    found = {"dtype": getattr(given, "dtype", None), "weights": getattr(given, "weights", None)}
    for setting, value in found.items():
        if value is not None:
            raise Reject(
                argument,
                f"the layer inside has no `{setting}` of its own",
                f"give `{setting}` to the layer around it",
            )


def held_by(given: Any, name: str, weights: Iterator[Weight]) -> Iterator[Weight]:
    """The weights of a layer inside, under its name; frozen where it says `trainable: false`."""
    for weight in weights:
        weight.name = f"{name}.{weight.name}"
        weight.trainable = weight.trainable and getattr(given, "trainable", True)
        yield weight
