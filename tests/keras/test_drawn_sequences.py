"""Configurations drawn at random for recurrent layers, attention and merging, beside Keras."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src import backend

from tests.keras.driver import (
    MASK_IS_AN_ARGUMENT,
    Example,
    Pair,
    call_keras,
    call_ours,
    tensors_in,
)

Drawn = tuple[dict[str, Any], dict[str, Any]]
FEW, MANY = settings(max_examples=20), settings(max_examples=200)

ATTENTION = ["MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention"]

small = st.integers(1, 4)
flags = st.booleans()
activations = st.sampled_from(["tanh", "relu", "linear", "softsign"])
gates = st.sampled_from(["sigmoid", "hard_sigmoid"])


@st.composite
def recurrent(draw: st.DrawFn) -> Drawn:
    """LSTM, GRU, SimpleRNN, RNN over cells, ConvLSTM1D, and each of them in two directions."""
    kind = draw(st.sampled_from(["LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D"]))
    plain: dict[str, Any] = {"return_sequences": draw(flags), "return_state": draw(flags),
                             "stateful": draw(flags)}  # fmt: skip
    if kind == "RNN":
        cells = [draw(cell()) for _ in range(draw(st.integers(1, 3)))]
        plain |= {"cell": cells if len(cells) > 1 else cells[0]}  # Keras fails on a list of one
    elif kind == "ConvLSTM1D":
        plain |= {"filters": draw(small), "kernel_size": draw(st.integers(1, 3)),
                  "padding": draw(st.sampled_from(["valid", "same"])),
                  "strides": draw(st.integers(1, 2)), "use_bias": draw(flags)}  # fmt: skip
    else:
        plain |= {key: value for key, value in draw(cell(kind)).items() if key != "type"}
    if kind != "ConvLSTM1D":
        plain["zero_output_for_mask"] = draw(flags)
    if draw(flags):
        modes = ["concat", "sum", "mul", "ave", None]
        plain["stateful"] &= not plain["return_state"]  # with both, Keras fails to make masks
        layer = {"type": kind, **plain}
        plain = {"layer": layer, "merge_mode": draw(st.sampled_from(modes))}
        kind = "Bidirectional"
    else:
        plain["go_backwards"] = draw(flags)
    time, features = draw(small), draw(small)
    space = [draw(st.integers(3, 5))] if "filters" in str(plain) else []
    return {"sequence": [time, *space, features]}, {"type": kind, **plain}


@st.composite
def cell(draw: st.DrawFn, whole: str = "") -> dict[str, Any]:
    """A cell, or the arguments of the layer that repeats it."""
    kind = whole or draw(st.sampled_from(["LSTM", "GRU", "SimpleRNN"]))
    plain = {"type": f"{kind}Cell", "units": draw(small), "use_bias": draw(flags),
             "activation": draw(activations)}  # fmt: skip
    if kind != "SimpleRNN":
        plain["recurrent_activation"] = draw(gates)
    if kind == "GRU":
        plain["reset_after"] = draw(flags)
    return plain


@st.composite
def attention(draw: st.DrawFn) -> Drawn:
    """All four layers, with keys or without."""
    kind = draw(st.sampled_from(ATTENTION))
    plain: dict[str, Any] = {"type": kind, "use_causal_mask": draw(flags),
                             "return_attention_scores": draw(flags)}  # fmt: skip
    time, other, features = draw(small), draw(small), draw(small)
    inputs = {"query": [time, features], "value": [other, features]}
    if kind == "MultiHeadAttention":
        plain |= {"num_heads": draw(small), "key_dim": draw(small)}
        plain["value_dim"] = draw(st.none() | small)
        plain["output_shape"] = draw(st.none() | small)
        inputs["value"] = [other, draw(small)]
    elif kind == "GroupQueryAttention":
        shared = draw(st.integers(1, 2))
        plain |= {"num_key_value_heads": shared, "num_query_heads": shared * draw(small),
                  "head_dim": draw(small)}  # fmt: skip
    else:
        plain["use_scale"] = draw(flags)
    if kind == "Attention":
        plain["score_mode"] = draw(st.sampled_from(["dot", "concat"]))
    if kind in ("MultiHeadAttention", "GroupQueryAttention"):
        plain |= {"use_bias": draw(flags), "use_gate": draw(flags),
                  "sliding_window": draw(st.none() | small)}  # fmt: skip
    if draw(flags):
        inputs["key"] = [other, features]
    return inputs, plain


@st.composite
def merging(draw: st.DrawFn) -> Drawn:
    """Shapes that broadcast, or that join along an axis."""
    kind = draw(st.sampled_from(
        ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"]
    ))  # fmt: skip
    shape = draw(st.lists(small, min_size=1, max_size=3))
    count = 2 if kind in ("Subtract", "Dot") else draw(st.integers(2, 4))
    plain: dict[str, Any] = {"type": kind}
    shapes = [list(shape) for _ in range(count)]
    if kind == "Concatenate":
        axis = draw(st.integers(1, len(shape)))
        for one in shapes:
            one[axis - 1] = draw(small)
        plain["axis"] = draw(st.sampled_from([axis, axis - len(shape) - 1]))
    elif kind == "Dot":
        axes = [draw(st.integers(1, len(shape))) for _ in range(2)]
        shapes[1] = draw(st.lists(small, min_size=len(shape), max_size=len(shape)))
        shapes[1][axes[1] - 1] = shape[axes[0] - 1]
        plain |= {"axes": axes, "normalize": draw(flags)}
    else:
        for one in shapes[1:]:
            one[:] = [1 if draw(flags) else dim for dim in one][draw(flags) and len(one) > 1 :]
    return {f"x{at}": one for at, one in enumerate(shapes)}, plain


def agree(drawn: Drawn, *, masked: bool) -> None:
    """Values to 1e-5 and gradients to 1e-4 of Keras's, with masks on the inputs or without.

    A gradient that is zero but for rounding, as that of a bias of keys, is as small as the others'
    rounding.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns where a mask ends, or of a softmax over one
        compare(*drawn, masked=masked)


def compare(inputs: dict[str, Any], plain: dict[str, Any], *, masked: bool) -> None:
    pair = Pair(Example(plain["type"], 1, inputs, plain))
    leaves, floats = pair.leaves()
    theirs, their_floats = pair.leaves()
    weights = {name: value.clone().requires_grad_() for name, value in pair.weights.items()}
    masks = pair.masks() if masked else {}
    told: dict[str, Any] = {}
    if masked and plain["type"] in MASK_IS_AN_ARGUMENT:
        told = {"mask": masks["sequence"]}
    elif masked:
        for x, mask in zip(tensors_in(theirs), tensors_in(masks), strict=True):
            if mask is not None:
                backend.set_keras_mask(x, mask)
    made = call_ours(pair.ours, weights, leaves, masks).outputs
    wished = keras.tree.flatten(call_keras(pair.theirs, theirs, **told))
    for y, other in zip(made, wished, strict=True):
        torch.testing.assert_close(y, other, rtol=1e-5, atol=1e-5)
    their_weights = [variable.value for variable in pair.theirs.trainable_weights]
    mine = gradients(made, [*floats, *(weights[w.name] for w in pair.ordered())])
    keras_s = gradients(wished, [*their_floats, *their_weights])
    largest = max(g.abs().max().item() for g in keras_s)
    for g, other in zip(mine, keras_s, strict=True):
        scale = max(other.abs().max().item(), 0.01 * largest, 0.01)
        assert (g - other).abs().max().item() <= 1e-4 * scale


def gradients(outputs: list[torch.Tensor], leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    total: Any = sum((y * (at + y)).sum() for at, y in enumerate(outputs, 1))
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]


@pytest.mark.parametrize("masked", [False, True])
@given(drawn=recurrent())
@FEW
def test_recurrent_layers_are_keras_s(masked, drawn):
    agree(drawn, masked=masked)


@pytest.mark.parametrize("masked", [False, True])
@given(drawn=attention())
@FEW
def test_attention_is_keras_s(masked, drawn):
    agree(drawn, masked=masked)


@given(drawn=merging())
@FEW
def test_merging_is_keras_s(drawn):
    agree(drawn, masked=False)


@pytest.mark.nightly
@pytest.mark.parametrize("masked", [False, True])
@given(drawn=recurrent() | attention())
@MANY
def test_many_sequences_are_keras_s(masked, drawn):
    agree(drawn, masked=masked)


@pytest.mark.nightly
@given(drawn=merging())
@MANY
def test_many_merged_are_keras_s(drawn):
    agree(drawn, masked=False)
