"""Layers that read a sequence step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from modelspec.catalog.initializers import UnitForgetBias, Zeros
from modelspec.language.kinds import (
    Bool,
    Float,
    Int,
    activation,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Clash, Shape, join_shapes, show
from modelspec.language.word import Word

Shapes = list[Shape]


class Recurrent(Layer):
    """What the recurrent layers share: a sequence in, its last output or all of them out.

    Masked steps leave state and output as they were. Operations count matrix products, biases and
    the mixing of gates; the activations themselves are not counted, as in `Dense`.
    """

    takes = {"sequence": "time features", "initial_state?": "*units"}
    units = Int("Size of the output and of each state.", min=1)
    activation = activation("Applied to candidates and outputs; null is linear.", "tanh")
    use_bias = Bool("Whether to add learned offsets.", default=True)
    kernel_initializer = initializer("How the kernel of the inputs starts.", "glorot_uniform")
    recurrent_initializer = initializer("How the kernel of the state starts.", "orthogonal")
    bias_initializer = initializer("How the bias starts.", "zeros")
    kernel_regularizer = regularizer("Penalty on the kernel of the inputs.")
    recurrent_regularizer = regularizer("Penalty on the kernel of the state.")
    bias_regularizer = regularizer("Penalty on the bias.")
    activity_regularizer = regularizer("Penalty on the output.")
    kernel_constraint = constraint("Projection of the kernel of the inputs after each update.")
    recurrent_constraint = constraint("Projection of the kernel of the state after each update.")
    bias_constraint = constraint("Projection of the bias after each update.")
    dropout = Float(
        "Share of the inputs to drop in training, the same ones at every step of a sequence.",
        default=0.0,
        min=0,
        below=1,
    )
    recurrent_dropout = Float(
        "Share of the state to drop in training, the same at every step of a sequence.",
        default=0.0,
        min=0,
        below=1,
    )
    seed = Int("Mixed into this layer's draws; null: `train.seed` alone.", default=None)
    return_sequences = Bool("Whether to give the output of every step.", default=False)
    return_state = Bool("Whether to give the last state too.", default=False)
    go_backwards = Bool(
        "Whether to read from the last step to the first; outputs come in that order.",
        default=False,
    )
    stateful = Bool(
        "Whether each sample goes on from the state that the sample in its place in the batch "
        "before left. Batches then have one size (`batch_size` of `train`, or of an input) and the "
        "order of the data (`shuffle: false`). Training begins at zero and goes on from epoch to "
        "epoch, unless `callbacks` hold `ResetStates`; each validation, evaluation and prediction "
        "begins at zero, and leaves the states of training alone.",
        default=False,
    )
    unroll = Bool("Keras's hint on how to compile the loop; no effect here.", default=False)
    zero_output_for_mask = Bool(
        "Whether a masked step gives zeros, and not the output before it.", default=False
    )

    masking = "own"
    states: ClassVar[tuple[str, ...]] = ("state",)
    gates: ClassVar[int] = 1

    def returns(self) -> tuple[str, ...]:
        return ("output", *self.states) if self.return_state else ("output",)

    def shape(self, sequence: Shape, initial_state: Shapes | None = None) -> Any:
        fit_states(self.states, [(self.units,)] * len(self.states), initial_state)
        state = (self.units,)
        output = (sequence[0], *state) if self.return_sequences else state
        return [output, *[state] * len(self.states)] if self.return_state else output

    def weights(self, sequence: Shape, initial_state: Shapes | None = None) -> Iterator[Weight]:
        width = self.gates * self.units
        yield Weight(
            "kernel",
            (sequence[-1], width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        yield Weight(
            "recurrent_kernel",
            (self.units, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        if self.use_bias:
            yield Weight(
                "bias",
                self.bias_shape(),
                self.bias_start(),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def carried(self, sequence: Shape, initial_state: Shapes | None = None) -> Iterator[Weight]:
        return left_behind(self, [(self.units,)] * len(self.states))

    def bias_shape(self) -> Shape:
        return (self.gates * self.units,)

    def bias_start(self) -> Word:
        word: Word = self.bias_initializer
        return word

    def flops(
        self, output: Any, sequence: Shape, initial_state: Shapes | None = None
    ) -> int | None:
        steps, features = sequence
        if not isinstance(steps, int) or not isinstance(features, int):
            return None
        products = 2 * (features + self.units) * self.gates * self.units
        return steps * (products + self.adds() + self.mixing() * self.units)

    def adds(self) -> int:
        """Additions of biases in one step."""
        total = 1
        for dim in self.bias_shape():
            assert isinstance(dim, int)
            total *= dim
        return total if self.use_bias else 0

    def mixing(self) -> int:
        """Operations on one unit's gates in one step."""
        return 0


def left_behind(layer: Any, sizes: Shapes) -> Iterator[Weight]:
    """The states that a layer leaves to the next batch, where it is stateful."""
    if layer.stateful:
        for name, size in zip(layer.states, sizes, strict=True):
            yield Weight(f"state.{name}", size, Zeros.of({}), trainable=False)


def fit_states(names: tuple[str, ...], wanted: Shapes, given: Shapes | None) -> None:
    """Refuse states that are too many, too few or of another size."""
    if given is None:
        return
    if len(given) != len(names):
        raise Reject(
            "",
            f"its initial state is {' and '.join(names)}, and {len(given)} were given",
            f"write `initial_state: [{', '.join(names)}]`",
        )
    for name, size, shape in zip(names, wanted, given, strict=True):
        try:
            join_shapes(shape, size)
        except (Clash, ValueError):
            raise Reject(
                "",
                f"the initial {name} is {show(shape)}, and the layer's is {show(size)}",
                f"give it a tensor of shape {show(size)}",
            ) from None


class SimpleRNN(Recurrent):
    """Fully connected to its own last output: `h = activation(x @ kernel + h @ recurrent_kernel +
    bias)`.

    A sequence (time, features) gives (units), or (time, units) with `return_sequences`;
    `return_state` adds `state` (units), which is the last output.
    """

    source = "Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1"


class LSTM(Recurrent):
    """Long short-term memory: a cell that gates what it takes in, keeps and shows.

    A sequence (time, features) gives (units), or (time, units) with `return_sequences`;
    `return_state` adds `hidden` (units), the last output, and `cell` (units).
    The gates stand in the weights in the order input, forget, cell, output.
    """

    recurrent_activation = activation("Applied to the gates; null is linear.", "sigmoid")
    unit_forget_bias = Bool(
        "Whether the bias of the forget gate starts at one, so that a fresh cell remembers.",
        default=True,
    )

    states = ("hidden", "cell")
    gates = 4
    source = "Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735"

    def bias_start(self) -> Word:
        word: Word = self.bias_initializer
        return UnitForgetBias.of({"inner": word}) if self.unit_forget_bias else word

    def mixing(self) -> int:
        return 4  # c = f * c + i * g;  h = o * act(c)


class GRU(Recurrent):
    """Gated recurrent unit: a state that is partly reset, then partly replaced, at each step.

    A sequence (time, features) gives (units), or (time, units) with `return_sequences`;
    `return_state` adds `state` (units), which is the last output.
    The gates stand in the weights in the order update, reset, candidate.
    """

    recurrent_activation = activation("Applied to the gates; null is linear.", "sigmoid")
    reset_after = Bool(
        "Whether the reset gate acts on the product of state and kernel (with two biases), "
        "or on the state before it.",
        default=True,
    )

    gates = 3
    source = "Cho et al., 2014, https://arxiv.org/abs/1406.1078"

    def bias_shape(self) -> Shape:
        width = self.gates * self.units
        return (2, width) if self.reset_after else (width,)

    def mixing(self) -> int:
        return 5  # r * (...);  h = z * h + (1 - z) * candidate
