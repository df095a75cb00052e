"""Combinations of arguments, inputs and masks that a sampler found to differ from Keras, mended."""

from __future__ import annotations

import functools

import keras
import pytest
import torch
import torch.nn.functional as F
from keras.src import backend

import modelspec
from modelspec.source.diagnostics import Rejected
from tests.keras.driver import (
    Example,
    Pair,
    call_keras,
    call_ours,
    declared,
    drawn,
    dtype_of,
    keras_layer,
    of_ports,
    shape_of,
    spread,
)

SCORES = {"type": "MultiHeadAttention", "num_heads": 2, "key_dim": 2}
ORTHOGONAL = {"kernel_size": 1, "activity_regularizer": "orthogonal_regularizer"}
BETWEEN = {"query": [3, 4, 6], "value": [3, 5, 6]}
CONV = {"type": "ConvLSTM2D", "filters": 3, "kernel_size": 3}
VIDEO = [4, 5, 5, 2]

#: What both refuse: the layer, its inputs, what the message says.
REFUSED = [
    (SCORES | {"sliding_window": 2}, BETWEEN, "`sliding_window` wants one axis of positions"),
    (SCORES | {"use_causal_mask": True}, BETWEEN, "`use_causal_mask` wants one axis of positions"),
    (SCORES | {"attention_axes": []}, BETWEEN, "[] are not axes between the batch"),
    ({"type": "Conv2D", "filters": 2, **ORTHOGONAL}, {"x": [4, 4, 1]}, "takes matrices"),
    ({"type": "DepthwiseConv1D", **ORTHOGONAL}, {"x": [4, 1]}, "takes matrices"),
    ({"type": "Subtract"}, {"a": {"shape": [3], "dtype": "bool"},
                            "b": {"shape": [3], "dtype": "bool"}}, "both inputs are bool"),
]  # fmt: skip

GATED = {"units": 3, "recurrent_activation": "softmax"}
WHOLE = {"shape": [4, 6], "dtype": "int32"}
#: What both take: the layer and its inputs.
SAME = [
    ({"type": "GRU", **GATED}, {"sequence": [4, 2]}),
    ({"type": "GRU", **GATED, "reset_after": False}, {"sequence": [4, 2]}),
    ({"type": "GRUCell", **GATED}, {"inputs": [2], "states": [[3]]}),
    ({"type": "GRUCell", "units": 6}, {"inputs": [2], "states": [WHOLE | {"shape": [6]}]}),
    ({"type": "Attention"}, {"query": [3, 6], "value": WHOLE}),
    ({"type": "Attention"}, {"query": WHOLE, "value": [5, 3], "key": [5, 6]}),
    ({"type": "AdditiveAttention"}, {"query": [3, 6], "value": WHOLE}),
    ({"type": "Subtract"}, {"a": {"shape": [3], "dtype": "bool"}, "b": [3]}),
    ({"type": "Resizing", "height": 3, "width": 3}, {"x": {"shape": [5, 4, 1], "dtype": "bool"}}),
    (SCORES | {"attention_axes": 2, "sliding_window": 2}, {"query": [3, 3, 6], "value": [3, 3, 6]}),
]  # fmt: skip


def checked(plain, inputs):
    """The graph of one layer on inputs by port."""
    many = len(declared(plain).ports()) == 1
    source = list(inputs) if many else {name: name for name in inputs}
    return modelspec.check(
        f"inputs: {inputs}\nlayers: {{y: {plain | {'from': source}}}}\noutputs: [y]\n"
    )


def functional(given, made, tensors):
    """A model of Keras's between these, called on tensors."""
    return keras.Model(keras.tree.flatten(given), made)(keras.tree.flatten(tensors))


@pytest.mark.parametrize(("plain", "inputs", "said"), REFUSED, ids=str)
def test_what_keras_refuses_is_refused_before_anything_runs(plain, inputs, said):
    with pytest.raises(Rejected) as caught:
        checked(plain, inputs)
    assert said in str(caught.value)
    ports = of_ports(inputs, declared(plain))
    given = spread(lambda one: keras.Input(shape_of(one), dtype=dtype_of(one)), ports)
    tensors = spread(functools.partial(drawn, generator=torch.Generator()), ports)
    with pytest.raises((ValueError, RuntimeError)):
        functional(given, call_keras(keras_layer(plain), given), tensors)


@pytest.mark.parametrize(("plain", "inputs"), SAME, ids=str)
def test_what_both_take_is_the_same(plain, inputs):
    checked(plain, {k: v[0] if k == "states" else v for k, v in inputs.items()})
    pair = Pair(Example(plain["type"], 1, inputs, plain))
    made = call_ours(pair.ours, pair.weights, pair.inputs).outputs
    wished = keras.tree.flatten(call_keras(pair.theirs, pair.inputs))
    for y, other in zip(made, wished, strict=True):
        assert y.dtype == other.dtype
        torch.testing.assert_close(y, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backwards", [False, True])
def test_cells_of_images_that_are_masked_keep_their_state(backwards):
    plain = CONV | {"padding": "same", "return_state": True, "return_sequences": True,
                    "go_backwards": backwards}  # fmt: skip
    pair = Pair(Example("ConvLSTM2D", 1, {"sequence": VIDEO}, plain))
    x = pair.inputs["sequence"]
    mask = torch.rand(x.shape[:-1], generator=torch.Generator().manual_seed(1)) < 0.5
    made = call_ours(pair.ours, pair.weights, {"sequence": x}, {"sequence": mask}).outputs
    backend.set_keras_mask(x, mask)
    for y, other in zip(made, call_keras(pair.theirs, {"sequence": x}), strict=True):
        torch.testing.assert_close(y, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("plain", "shape", "said"),
    [
        (CONV, VIDEO, "a mask of (4, 5, 5), and wants one of (4, 3, 3)"),
        ({"type": "GlobalAveragePooling1D", "data_format": "channels_first"}, [4, 6],
         "a mask of (4), and wants one of (6)"),
    ],
)  # fmt: skip
def test_a_mask_that_does_not_lie_over_a_layer_is_refused_by_its_name(plain, shape, said):
    masked = f"inputs: {{x: {shape}}}\nlayers: {{m: {{type: Masking}}, y: {plain}}}\noutputs: [y]\n"
    with pytest.raises(Rejected, match=f"`{plain['type']}`") as caught:
        modelspec.build(masked)({"x": torch.randn(2, *shape)})
    assert said in str(caught.value)
    whole = keras.Input(shape)
    model = keras.Model(whole, keras_layer(plain)(keras.layers.Masking()(whole)))
    with pytest.raises(RuntimeError):
        model(torch.randn(2, *shape))


def test_a_mean_leaves_out_padding_where_the_window_is_larger_than_the_volume():
    x = torch.randn(2, 5, 7, 2, 3)
    y = call_ours(declared({"type": "AveragePooling3D", "pool_size": 3, "padding": "same"}), {},
                  {"x": x}).outputs[0]  # fmt: skip
    edges = (0, 0, 0, 1, 1, 1, 0, 1)  # of width, height and depth, the last axis first
    total, count = (
        F.avg_pool3d(F.pad(one, edges).movedim(-1, 1), 3, divisor_override=1)
        for one in (x, torch.ones_like(x))
    )
    torch.testing.assert_close(y, (total / count).movedim(1, -1))


@pytest.mark.parametrize(
    ("plain", "given", "dtype"),
    [
        ({"type": "TimeDistributed", "dtype": "bfloat16", "layer": {"type": "Dense", "units": 2}},
         "float32", "float32"),
        ({"type": "TimeDistributed", "layer": {"type": "Flatten"}}, "int32", "int32"),
        ({"type": "LayerNormalization", "dtype": "bfloat16"}, "uint8", "bfloat16"),
        ({"type": "GroupNormalization", "groups": 1, "dtype": "bfloat16"}, "uint8", "bfloat16"),
        ({"type": "BatchNormalization", "dtype": "bfloat16"}, "uint8", "bfloat16"),
        ({"type": "UnitNormalization", "dtype": "bfloat16"}, "uint8", "bfloat16"),
    ],
)  # fmt: skip
def test_a_layer_gives_the_dtype_that_it_declares(plain, given, dtype):
    spec = f"inputs: {{x: {{shape: [3, 4], dtype: {given}}}}}\nlayers: {{y: {plain}}}\noutputs: [y]"
    module = modelspec.build(spec)
    y = module({"x": torch.ones(2, 3, 4, dtype=getattr(torch, given))})["y"]
    program = module.graph.program
    assert program.tensors[program.outputs["y"]].dtype == dtype
    assert y.dtype == getattr(torch, dtype)


@pytest.mark.parametrize("kinds", [("bool", "int8"), ("int8", "uint8"), ("uint8", "int16")])
def test_the_extreme_of_two_kinds_of_integers_holds_both(kinds):
    (dtype,) = declared({"type": "Minimum"}).dtypes("float32", list(kinds))
    xs = [torch.zeros(1, 2, dtype=getattr(torch, kind)) for kind in kinds]
    y = call_ours(declared({"type": "Minimum"}), {}, {"x": xs}).outputs[0]
    assert y.dtype == getattr(torch, dtype)
    assert keras.layers.Minimum()(xs).dtype == y.dtype


@pytest.mark.parametrize("fft_length", [3, 127, 128])
def test_a_spectrogram_has_as_many_columns_as_it_declares(fft_length):
    layer = declared({"type": "MelSpectrogram", "fft_length": fft_length, "sequence_stride": 2})
    y = call_ours(layer, {}, {"x": torch.randn(2, 600)}).outputs[0]
    assert y.shape[1:] == layer.shape((600,))
