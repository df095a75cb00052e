"""One call of a layer as Keras writes it: positional arguments, and keywords."""

from __future__ import annotations

from typing import Any

from modelspec.exchange.keras.calls import FLAGS
from modelspec.exchange.keras_file.parts import Plain, Value
from modelspec.exchange.keras_file.words import Unwritten
from modelspec.language.layer import Layer

Given = list[Any]  # by port: a Value, a list of Values, or None

SEQUENCES = {"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
             "Bidirectional"}  # fmt: skip
ATTENTION = {"MultiHeadAttention", "GroupQueryAttention"}
#: Layers that Keras calls on a list of what are ports here.
ON_A_LIST = {"Attention", "AdditiveAttention"}


def arguments(layer: Layer, given: Given) -> tuple[list[Any], Plain]:
    """What a layer is called with."""
    kind = type(layer).__name__
    keywords = {
        key: vars(layer)[key] for key in FLAGS if key in type(layer).arguments and vars(layer)[key]
    }
    if kind in SEQUENCES:
        return sequence(layer, given, keywords)
    if kind in ATTENTION:
        query, value, key, mask = given
        more = {"key": key, "attention_mask": mask}
        return [query, value], {**{k: v for k, v in more.items() if v is not None}, **keywords}
    if kind in ON_A_LIST:
        return [[one for one in given if one is not None]], keywords
    if kind.endswith(("Cell", "Cells")):
        return [given[0], states(layer, given[1])], keywords
    if len(given) > 1 and given[1] is not None:
        keywords[layer.ports()[1].name] = given[1]
    return [given[0]], keywords


def sequence(layer: Any, given: Given, keywords: Plain) -> tuple[list[Any], Plain]:
    """A recurrent layer, whose first states Keras takes as it structures them."""
    if given[1] is not None:
        inner = getattr(layer, "stack", None)
        keywords["initial_state"] = given[1] if inner is None else states(inner, given[1])
    return [given[0]], keywords


def states(layer: Any, given: list[Value]) -> list[Any]:
    """The states of a cell; those of several cells, one list each."""
    apart = getattr(layer, "apart", None)
    return given if apart is None else [list(one) for one in apart(given)]


def refuse(layer: Any, given: Given) -> None:
    """Raise Unwritten where Keras's layer of that name is another one."""
    kind = type(layer).__name__
    if kind == "RandomCrop":
        raise Unwritten("Keras leaves images whole in inference, and here they are cropped")
    if kind == "Equalization":
        raise Unwritten("Keras cannot build a functional model with it")
    if kind == "AutoContrast" and layer.data_format == "channels_first":
        raise Unwritten("Keras stretches over the wrong axes where channels come first")
    if kind == "GroupQueryAttention" and layer.return_attention_scores:
        raise Unwritten("Keras cannot build a functional model with its scores")
    if kind == "Softmax" and given[0].masked and len(given[0].shape) > 2:
        raise Unwritten(
            "Keras's fails on the mask of a sequence, where an Activation with softmax takes none"
        )
    channels = 1 if getattr(layer, "data_format", "") == "channels_first" else -1
    if kind == "RandomColorDegeneration" and given[0].shape[channels] == 1:
        raise Unwritten("Keras's takes images of three channels")
