"""Recurrent layers whose steps are images: products become convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from modelspec.catalog.initializers import UnitForgetBias
from modelspec.catalog.layers.convolution import Conv1D, Conv2D, Conv3D, Convolution
from modelspec.catalog.layers.recurrent import (
    LSTM,
    Recurrent,
    Shapes,
    fit_states,
    left_behind,
)
from modelspec.catalog.spatial import axes, joined, split
from modelspec.language.kinds import Choice
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Shape, size

RANKS: dict[int, type[Convolution]] = {1: Conv1D, 2: Conv2D, 3: Conv3D}


class ConvLSTM(Layer):
    """An LSTM whose inputs and states are images, with convolutions for products.

    A sequence (time, space, channels) gives (space, filters), or (time, space, filters) with
    `return_sequences`; `return_state` adds `hidden`, the last output, and `cell`, in its shape.
    The convolution of the inputs has the strides and the padding; that of the state keeps sizes.
    """

    rank: ClassVar[int] = 0

    filters = Convolution.filters
    kernel_size = Convolution.kernel_size
    strides = Convolution.strides
    padding = Choice(
        "`valid` keeps the window inside; `same` pads with zeros to ceil(size / stride).",
        "valid", "same",
        default="valid",
    )  # fmt: skip
    data_format = Convolution.data_format
    dilation_rate = Convolution.dilation_rate
    activation = Recurrent.activation
    recurrent_activation = LSTM.recurrent_activation
    use_bias = Recurrent.use_bias
    kernel_initializer = Recurrent.kernel_initializer
    recurrent_initializer = Recurrent.recurrent_initializer
    bias_initializer = Recurrent.bias_initializer
    unit_forget_bias = LSTM.unit_forget_bias
    kernel_regularizer = Recurrent.kernel_regularizer
    recurrent_regularizer = Recurrent.recurrent_regularizer
    bias_regularizer = Recurrent.bias_regularizer
    activity_regularizer = Recurrent.activity_regularizer
    kernel_constraint = Recurrent.kernel_constraint
    recurrent_constraint = Recurrent.recurrent_constraint
    bias_constraint = Recurrent.bias_constraint
    dropout = Recurrent.dropout
    recurrent_dropout = Recurrent.recurrent_dropout
    seed = Recurrent.seed
    return_sequences = Recurrent.return_sequences
    return_state = Recurrent.return_state
    go_backwards = Recurrent.go_backwards
    stateful = Recurrent.stateful

    masking = "own"
    states: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    source = "Shi et al., 2015, https://arxiv.org/abs/1506.04214"

    @property
    def takes(self) -> dict[str, str]:
        return {
            "sequence": f"time {axes(self.rank, self.data_format)}",
            "initial_state?": f"*{axes(self.rank, self.data_format)}",
        }

    @property
    def units(self) -> int:
        """How many channels the output has."""
        return self.filters

    def check(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise Reject("dilation_rate", "`strides` and `dilation_rate` cannot both be above 1")

    def convolution(self, **own: Any) -> Convolution:
        """A convolution to the four gates, with these arguments."""
        shared = {
            "filters": 4 * self.filters,
            "kernel_size": self.kernel_size,
            "data_format": self.data_format,
            "activation": None,
            "groups": 1,
        }
        return RANKS[self.rank].of(shared | own)

    @property
    def of_inputs(self) -> Convolution:
        """What the inputs go through."""
        return self.convolution(
            strides=self.strides, padding=self.padding, dilation_rate=self.dilation_rate,
            use_bias=self.use_bias,
        )  # fmt: skip

    @property
    def of_state(self) -> Convolution:
        """What the hidden state goes through."""
        ones = (1,) * self.rank
        return self.convolution(strides=ones, padding="same", dilation_rate=ones, use_bias=False)

    def returns(self) -> tuple[str, ...]:
        return ("output", *self.states) if self.return_state else ("output",)

    def state(self, sequence: Shape) -> Shape:
        """The shape of the output of one step, and of each state."""
        space, _ = split(sequence[1:], self.data_format)
        if not all(isinstance(dim, int) for dim in space):
            raise Reject("", "the sizes over space are known, since the state has them")
        return joined(self.of_inputs.slid(sequence[1:]), self.filters, self.data_format)

    def shape(self, sequence: Shape, initial_state: Shapes | None = None) -> Any:
        state = self.state(sequence)
        fit_states(self.states, [state, state], initial_state)
        output = (sequence[0], *state) if self.return_sequences else state
        return [output, state, state] if self.return_state else output

    def weights(self, sequence: Shape, initial_state: Shapes | None = None) -> Iterator[Weight]:
        width = 4 * self.filters
        yield Weight(
            "kernel",
            (*self.kernel_size, split(sequence[1:], self.data_format)[1], width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        yield Weight(
            "recurrent_kernel",
            (*self.kernel_size, self.filters, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        if not self.use_bias:
            return
        start = self.bias_initializer
        yield Weight(
            "bias",
            (width,),
            UnitForgetBias.of({"inner": start}) if self.unit_forget_bias else start,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def carried(self, sequence: Shape, initial_state: Shapes | None = None) -> Iterator[Weight]:
        return left_behind(self, [self.state(sequence)] * 2)

    def flops(
        self, output: Any, sequence: Shape, initial_state: Shapes | None = None
    ) -> int | None:
        state = self.state(sequence)
        count, steps = size(state), sequence[0]
        gates = joined(split(state, self.data_format)[0], 4 * self.filters, self.data_format)
        inputs = self.of_inputs.flops(gates, sequence[1:])
        again = self.of_state.flops(gates, state)
        if None in (inputs, again, count) or not isinstance(steps, int):
            return None
        return steps * ((inputs or 0) + (again or 0) + 8 * (count or 0))


class ConvLSTM1D(ConvLSTM):
    """An LSTM whose inputs and states are sequences, with convolutions over them for products.

    A sequence (time, space, channels) gives (space, filters), or (time, space, filters) with
    `return_sequences`; `return_state` adds `hidden`, the last output, and `cell`, in its shape.
    The convolution of the inputs has the strides and the padding; that of the state keeps sizes.
    """

    rank = 1


class ConvLSTM2D(ConvLSTM):
    """An LSTM whose inputs and states are images, with convolutions over them for products.

    A sequence (time, height, width, channels) gives (height, width, filters), with time in front
    for `return_sequences`; `return_state` adds `hidden`, the last output, and `cell`, in its shape.
    The convolution of the inputs has the strides and the padding; that of the state keeps sizes.
    """

    rank = 2


class ConvLSTM3D(ConvLSTM):
    """An LSTM whose inputs and states are volumes, with convolutions over them for products.

    A sequence (time, depth, height, width, channels) gives (depth, height, width, filters), with
    time in front for `return_sequences`; `return_state` adds `hidden`, the last output, and `cell`.
    The convolution of the inputs has the strides and the padding; that of the state keeps sizes.
    """

    rank = 3
