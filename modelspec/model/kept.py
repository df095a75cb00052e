"""What training keeps of one sample for a layer's gradients, beside its inputs and its outputs.

In numbers as wide as the layer's own, as measured on torch 2.9 (a test holds it to that). The
fused LSTM is that of a CPU, whose workspace is the largest; a GPU's keeps less.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from modelspec.language.layer import Layer
from modelspec.language.shapes import Shape, size

Shapes = list[Any]  # of each input, one a port
#: Activations whose gradient follows from what they gave; the others keep what they were given.
FROM_RESULT = ("Linear", "Relu", "Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Exponential")


def kept(layer: Layer, output: Shape, inputs: Shapes) -> int | None:
    """Numbers kept for one sample; None where a size is unknown."""
    name = type(layer).__name__
    if name in LAYERS:
        own = LAYERS[name](layer, output, inputs)
    elif getattr(layer, "foreign", False):
        own = size(output)
    else:
        own = 0
    bent = bends(layer, output)
    return None if own is None or bent is None else own + bent


def bends(layer: Layer, output: Shape) -> int | None:
    """What the activation at a layer's end keeps."""
    word = layer.__dict__.get("activation")
    if word is None or type(layer).__name__ in ("Activation", *LOOPS):
        return 0  # what an activation alone is given is an output, and kept anyway
    return 0 if type(word).__name__ in FROM_RESULT else size(output)


def convolution(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    """A copy of the input with its padding, where both ends have not the same."""
    first = layer.data_format == "channels_first"
    x: Any = inputs[0]
    space = x[1:] if first else x[:-1]
    if not all(isinstance(length, int) for length in space):
        return None
    around = []
    for n, k, s, d in zip(
        space, layer.kernel_size, layer.strides, layer.dilation_rate, strict=True
    ):
        reach = d * (k - 1) + 1
        around.append(max((-(-n // s) - 1) * s + reach - n, 0))
    odd = layer.padding == "causal" or any(total % 2 for total in around)
    if layer.padding == "valid" or not odd:
        return 0
    padded: int = prod(n + a for n, a in zip(space, around, strict=True))
    return padded * int(x[0] if first else x[-1])


def separable(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    """What is between the two convolutions, and the padded input."""
    first = layer.data_format == "channels_first"
    count, padded = size(output), convolution(layer, output, inputs)
    if count is None or padded is None:
        return None
    channels: int = inputs[0][0] if first else inputs[0][-1]
    between: int = channels * layer.depth_multiplier
    return count // int(layer.filters) * between + padded


def indices(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    """Which value was the largest of each window, as 64-bit integers."""
    count = size(output)
    return None if count is None else 2 * count


def drawn(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    """Which units were kept, a byte each."""
    count = size(output)
    return None if count is None else -(-count // 4)


def noise(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    return size(output)


def recurrent(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    """Gates and states of all steps, and the sequence with time first."""
    steps, features = inputs[0]
    if not isinstance(steps, int) or not isinstance(features, int):
        return None
    name, units = type(layer).__name__, int(layer.units)
    if name == "LSTM":
        return steps * (2 * features + 6 * max(features, units) + 12 * units)
    return steps * (features + (11 if name == "GRU" else 3) * units)


def both_ways(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    """Both directions, and what they give before it is merged."""
    parts = [recurrent(one, output, inputs) for one in (layer.forward, layer.backward)]
    merged = size(output)
    if None in parts or merged is None:
        return None
    return sum(part or 0 for part in parts) + 2 * merged


def over_cells(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    """Steps one by one: a dozen numbers for each that a step gives."""
    steps, wide = inputs[0][0], size(output[1:] if layer.return_sequences else output)
    if not isinstance(steps, int) or wide is None:
        return None
    return 14 * steps * wide


def attention(layer: Any, output: Shape, inputs: Shapes) -> int | None:
    """Queries, keys, values and what is mixed of them; where torch's kernel does not do it, each
    once more, laid out for the product, and the scores.
    """
    query, value = inputs[0], inputs[1]
    queries, values = size(query[:-1]), size(value[:-1])
    pairs = size(layer.scores(query, value))
    if queries is None or values is None or pairs is None:
        return None
    heads, wide = int(layer.num_heads), int(layer.key_dim)
    given = int(layer.value_dim or wide)
    laid = heads * (queries * (wide + given) + values * (wide + given))
    scores = 3 if layer.dropout else 1 if layer.return_attention_scores else 0
    return laid * (2 if scores else 1) + scores * pairs


LOOPS = ("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
LAYERS: dict[str, Callable[[Any, Shape, Shapes], int | None]] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
                    convolution),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), separable),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "MaxPooling3D"), indices),
    **dict.fromkeys(("Dropout", "AlphaDropout"), drawn),
    "GaussianDropout": noise,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), recurrent),
    "Bidirectional": both_ways,
    **dict.fromkeys(("RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), over_cells),
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention"), attention),
}  # fmt: skip
