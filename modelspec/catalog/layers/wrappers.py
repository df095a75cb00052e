"""Layers that hold another layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from modelspec.catalog.layers.cells import RNN, check_inside, held_by
from modelspec.catalog.layers.conv_recurrent import ConvLSTM
from modelspec.catalog.layers.recurrent import Recurrent
from modelspec.language.kinds import Choice, Entry
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Shape, size

Shapes = list[Shape]
Reader = Recurrent | RNN | ConvLSTM
READERS = (Recurrent, RNN, ConvLSTM)


class Bidirectional(Layer):
    """Reads a sequence in both directions, with weights for each, and merges what they give.

    A sequence (time, features) gives (2 * units) when concatenated and (units) otherwise, with
    time in front where the layers have `return_sequences`. With `merge_mode: null` the outputs are
    `forward` and `backward`. `return_state` adds the states of both, `forward_hidden` and so on;
    `initial_state` takes them in that order. Both read in the time order of the input, and what
    is masked gives zeros in sequences.
    """

    layer = Entry("The layer that reads forward: LSTM, GRU, SimpleRNN, RNN or a ConvLSTM.")
    merge_mode = Choice(
        "How the two outputs become one; null gives both.",
        "concat", "sum", "mul", "ave",
        default="concat", null=True,
    )  # fmt: skip
    backward_layer = Entry(
        "The layer that reads backward; null is one like `layer`, with weights of its own.",
        default=None,
    )

    masking = "own"
    source = "Schuster and Paliwal, 1997, https://doi.org/10.1109/78.650093"

    @property
    def takes(self) -> dict[str, str]:
        return self.forward.takes

    @property
    def seed(self) -> tuple[Any, ...]:
        """Mixed into the draws of both."""
        return tuple(layer.seed for layer in (self.forward, self.backward))

    @property
    def activity_regularizer(self) -> Any:
        """That of a layer inside: each answers for what it gives."""
        return self.forward.activity_regularizer or self.backward.activity_regularizer

    @property
    def forward(self) -> Reader:
        layer: Reader = self.layer.layer
        return layer

    @property
    def backward(self) -> Reader:
        if self.backward_layer is None:
            return type(self.forward).of({**self.forward.__dict__, "go_backwards": True})
        layer: Reader = self.backward_layer.layer
        return layer

    def check(self) -> None:
        self.check_recurrent("layer", self.layer)
        if self.backward_layer is None:
            if self.forward.go_backwards:
                raise Reject(
                    "layer",
                    "the forward layer cannot have `go_backwards: true`",
                    "leave `go_backwards` out: the backward layer is made for you",
                )
            return
        self.check_recurrent("backward_layer", self.backward_layer)
        self.check_pair()

    def check_recurrent(self, argument: str, given: Any) -> None:
        if not isinstance(given.layer, READERS):
            raise Reject(
                argument,
                "only a recurrent layer can read in two directions",
                "give it an LSTM, GRU, SimpleRNN, RNN or ConvLSTM",
            )
        check_inside(argument, given)

    def check_pair(self) -> None:
        """Refuse a backward layer that does not go with the forward one."""
        forward, backward = self.forward, self.backward
        if forward.takes != backward.takes:
            raise Reject(
                "backward_layer",
                f"both layers read the same sequence: {forward.takes['sequence']}",
                "give both the same kind",
            )
        if forward.go_backwards == backward.go_backwards:
            raise Reject(
                "backward_layer",
                "one of the two layers has `go_backwards: true`, the other has not",
                "set `go_backwards: true` on `backward_layer`",
            )
        for name, wanted, found in (
            ("return_sequences", forward.return_sequences, backward.return_sequences),
            ("return_state", forward.return_state, backward.return_state),
            ("stateful", forward.stateful, backward.stateful),
        ):
            if found != wanted:
                raise Reject(
                    "backward_layer",
                    f"`{name}` is the same for both layers",
                    f"write `{name}: {str(wanted).lower()}` here too",
                )
        if self.merge_mode in ("sum", "mul", "ave") and forward.units != backward.units:
            raise Reject(
                "backward_layer",
                f"{backward.units} units and {forward.units} do not merge by `{self.merge_mode}`",
                f"give both {forward.units} units, or use `merge_mode: concat`",
            )

    def returns(self) -> tuple[str, ...]:
        outputs = ("output",) if self.merge_mode else ("forward", "backward")
        if not self.forward.return_state:
            return outputs
        return (
            *outputs,
            *(f"forward_{state}" for state in self.forward.states),
            *(f"backward_{state}" for state in self.backward.states),
        )

    def halves(self, states: list[Any] | None) -> tuple[list[Any] | None, list[Any] | None]:
        """Initial states, those of the forward layer apart from those of the backward one."""
        if states is None:
            return None, None
        first = self.forward.states
        names = [f"forward {s}" for s in first] + [f"backward {s}" for s in self.backward.states]
        if len(states) != len(names):
            raise Reject(
                "",
                f"its initial state is {', '.join(names)}, and {len(states)} were given",
                f"list {len(names)} tensors under `initial_state`",
            )
        return states[: len(first)], states[len(first) :]

    def shape(self, sequence: Shape, initial_state: Shapes | None = None) -> Any:
        forward, backward = (
            made if isinstance(made, list) else [made]
            for made in (
                layer.shape(sequence, states)
                for layer, states in zip(
                    (self.forward, self.backward), self.halves(initial_state), strict=True
                )
            )
        )
        outputs = [forward[0], backward[0]]
        if self.merge_mode == "concat":
            outputs = [(*forward[0][:-1], forward[0][-1] + backward[0][-1])]
        elif self.merge_mode:
            outputs = [forward[0]]
        outputs += forward[1:] + backward[1:]
        return outputs if len(outputs) > 1 else outputs[0]

    def weights(self, sequence: Shape, initial_state: Shapes | None = None) -> Iterator[Weight]:
        yield from held_by(self.layer, "forward", self.forward.weights(sequence))
        behind = self.backward_layer or self.layer
        yield from held_by(behind, "backward", self.backward.weights(sequence))

    def carried(self, sequence: Shape, initial_state: Shapes | None = None) -> Iterator[Weight]:
        yield from held_by(self.layer, "forward", self.forward.carried(sequence))
        yield from held_by(self.layer, "backward", self.backward.carried(sequence))

    def flops(
        self, output: Shape, sequence: Shape, initial_state: Shapes | None = None
    ) -> int | None:
        merging = {"sum": 1, "mul": 1, "ave": 2}.get(self.merge_mode, 0)
        parts = [layer.flops(output, sequence) for layer in (self.forward, self.backward)]
        merged = size(output)
        if None in parts or merged is None:
            return None
        return sum(part or 0 for part in parts) + merging * merged


class TimeDistributed(Layer):
    """Calls one layer or graph on every time step, with the same weights.

    An input (time, ...) gives (time, ...), with what the layer makes of one step after the time.

    Time is folded into the batch, and the layer called once for all steps, wherever that changes
    nothing. It is not where steps would then see each other: in training, around layers such as
    BatchNormalization, whose statistics are those of one step's batch and move once for each step,
    in order; there the layer is called step by step, as Keras does. A mask (batch, time) reaches
    the layer as one value for each sample; one with more axes reaches it without its time axis.
    """

    takes = "time ... features"
    layer = Entry("The layer or graph to call on each step.")

    masking = "own"
    #: Its shape comes from what the layer inside gives, which the checker knows.
    wraps: ClassVar[bool] = True

    def inner(self, x: Shape) -> Shape:
        """What the layer inside is called on."""
        return x[1:]

    def outer(self, x: Shape, outputs: Shapes) -> Any:
        """What comes out, from what the layer inside gives for one step."""
        shapes = [(x[0], *output) for output in outputs]
        return shapes if len(shapes) > 1 else shapes[0]

    def returns(self) -> tuple[str, ...]:
        inside = self.layer
        if inside.layer is not None:
            names: tuple[str, ...] = inside.layer.returns()
            return names
        return tuple(inside.body.outputs)
