"""Layers over space: what examples cannot say of refusals, unknown sizes, costs and memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy
import pytest
import torch
from torch import Tensor

from modelspec.catalog.words import bind
from modelspec.engine.lowering import lowering
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected


def layer(type: str, **arguments: Any) -> Any:
    return bind("layers", {"type": type, **arguments})


def call(layer: Any, x: Tensor, **more: Any) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    drawn = {
        w.name: torch.randn(w.shape, generator=generator) for w in layer.weights(tuple(x.shape[1:]))
    }
    y: Tensor = lowering(type(layer)).function(layer, SimpleNamespace(**drawn), x, **more)
    return y


REFUSED = [
    (layer("Conv2D", filters=2, kernel_size=5), (3, 8, 1), "kernel_size",
     "a window of 5 does not fit into 3"),
    (layer("Conv1D", filters=2, kernel_size=3, dilation_rate=4), (8, 1), "kernel_size",
     "a window of 9 (3 cells, each 4 apart) does not fit into 8"),
    (layer("MaxPooling2D", pool_size=[2, 4]), (8, 3, 1), "pool_size",
     "a window of 4 does not fit into 3"),
    (layer("Conv2D", filters=4, kernel_size=3, groups=4), (8, 8, 3), "groups",
     "4 groups do not divide 3 input channels"),
    (layer("Cropping2D", cropping=[[3, 2], [0, 0]]), (5, 5, 1), "cropping",
     "cutting 3 and 2 leaves nothing of 5"),
    (layer("Reshape", target_shape=[4, 4]), (3, 5), "target_shape",
     "the 15 values of (3, 5) do not fill (4, 4)"),
    (layer("Reshape", target_shape=[-1, 4]), (3, 5), "target_shape",
     "the 15 values of (3, 5) do not fill (-1, 4)"),
    (layer("Softmax", axis=0), (3,), "axis", "axis 0 is the batch"),
    (layer("Softmax", axis=3), (3, 4), "axis", "(3, 4) has no axis 3"),
    (layer("Rescaling", scale=[1, 2]), (4, 3), "scale", "2 numbers do not fit a last axis of 3"),
]  # fmt: skip


@pytest.mark.parametrize(("refuses", "shape", "argument", "message"), REFUSED)
def test_what_does_not_fit_is_refused_with_the_argument_and_the_numbers(
    refuses, shape, argument, message
):
    with pytest.raises(Reject) as caught:
        refuses.shape(shape)
    assert (caught.value.argument, caught.value.message) == (argument, message)


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"type": "Conv2D", "filters": 4, "kernel_size": 3, "strides": 2, "dilation_rate": 2},
         "`strides` and `dilation_rate` cannot both be above 1"),
        ({"type": "Conv2D", "filters": 4, "kernel_size": 3, "groups": 3},
         "3 groups do not divide 4 filters"),
        ({"type": "Conv2DTranspose", "filters": 4, "kernel_size": 3, "output_padding": 1},
         "an output padding of 1 is not below the stride, 1"),
        ({"type": "Permute", "dims": [1, 1]}, "[1, 1] is not an order of the axes from 1 on"),
        ({"type": "Reshape", "target_shape": [-1, None]}, "2 sizes are left open, one may be"),
    ],
)  # fmt: skip
def test_arguments_that_contradict_each_other_are_refused(plain, message):
    with pytest.raises(Rejected) as caught:
        bind("layers", plain)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "given", "expected"),
    [
        (layer("Conv1D", filters=8, kernel_size=3, padding="same"), ("time", 4), ("time", 8)),
        (layer("Conv1D", filters=8, kernel_size=3, padding="causal"), ("time", 4), ("time", 8)),
        (layer("Conv1D", filters=8, kernel_size=3), ("time", 4), (None, 8)),
        (layer("Conv2D", filters=8, kernel_size=1), ("height", None, 4), ("height", None, 8)),
        (layer("MaxPooling2D"), ("height", 8, 4), (None, 4, 4)),
        (layer("Conv2DTranspose", filters=2, kernel_size=3, padding="same"), ("h", 4, 1),
         ("h", 4, 2)),
        (layer("Flatten"), ("time", 4), (None,)),
        (layer("Flatten"), ("time",), ("time",)),
        (layer("Reshape", target_shape=[-1, 2, 2]), ("time", 4), ("time", 2, 2)),
        (layer("Reshape", target_shape=["time", 2, 2]), ("time", 4), ("time", 2, 2)),
        (layer("Reshape", target_shape=[-1, 2]), ("time", 4), (None, 2)),
        (layer("Permute", dims=[2, 1]), ("time", 4), (4, "time")),
        (layer("ZeroPadding2D", padding=[0, 1]), ("h", "w", 3), ("h", None, 3)),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "shape") else None,
)  # fmt: skip
def test_a_named_size_flows_as_far_as_it_holds(layer, given, expected):
    assert layer.shape(given) == expected


@pytest.mark.parametrize(
    ("layer", "given", "flops"),
    [
        # cells * filters * (2 * window * channels of a group + bias)
        (layer("Conv2D", filters=4, kernel_size=3), (8, 8, 3), 36 * 4 * (2 * 9 * 3 + 1)),
        (layer("Conv2D", filters=4, kernel_size=3, groups=2, use_bias=False), (8, 8, 6),
         36 * 4 * 2 * 9 * 3),
        (layer("DepthwiseConv2D", kernel_size=3, depth_multiplier=2), (8, 8, 3), 36 * 6 * 19),
        (layer("SeparableConv2D", filters=5, kernel_size=3, depth_multiplier=2), (8, 8, 3),
         36 * 6 * 18 + 36 * 5 * (2 * 6 + 1)),
        (layer("Conv2DTranspose", filters=4, kernel_size=2, strides=2), (3, 3, 5),
         9 * 5 * 2 * 4 * 4 + 36 * 4),
        (layer("Flatten"), (8, 8, 3), 0),
        (layer("Conv1D", filters=4, kernel_size=3), ("time", 3), None),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "shape") else None,
)  # fmt: skip
def test_a_multiply_add_counts_as_two_operations(layer, given, flops):
    assert layer.flops(layer.shape(given), given) == flops


@pytest.mark.parametrize("length", [5, 6, 7, 8])
@pytest.mark.parametrize(
    ("size", "stride"), [(2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (4, 3), (2, 5)]
)
def test_a_mean_over_the_edge_is_that_of_the_cells_that_exist(length, size, stride):
    """As TensorFlow and JAX have it. Keras on torch repeats the last cell where padding is uneven
    (3 by 2 over 0 1 2 3 4 5 ends in 14/3, not 9/2), so it cannot be the measure here."""
    x = torch.randn(2, length, 3, generator=torch.Generator().manual_seed(length))
    y = call(layer("AveragePooling1D", pool_size=size, strides=stride, padding="same"), x)
    count = -(-length // stride)
    before = max((count - 1) * stride + size - length, 0) // 2
    starts = [i * stride - before for i in range(count)]
    means = [x[:, max(start, 0) : start + size].mean(1) for start in starts]
    torch.testing.assert_close(y, torch.stack(means, 1))


@pytest.mark.parametrize("length", [5, 6, 7, 8])
@pytest.mark.parametrize(
    ("size", "stride"), [(2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (4, 3), (2, 5)]
)
def test_same_padding_is_keras_s_for_every_length_and_stride(length, size, stride):
    x = torch.randn(2, length, length + 1, 3, generator=torch.Generator().manual_seed(length))
    ours = layer("MaxPooling2D", pool_size=size, strides=stride, padding="same")
    theirs = keras.layers.MaxPooling2D(size, stride, padding="same")
    torch.testing.assert_close(call(ours, x), theirs(x))
    conv = layer("Conv2D", filters=2, kernel_size=size, strides=stride, padding="same")
    assert call(conv, x).shape[1:] == conv.shape(tuple(x.shape[1:]))


@pytest.mark.parametrize("factor", [2, 3, 5, 7])
def test_nearest_upsampling_repeats_every_cell_exactly(factor):
    x = torch.arange(200.0).reshape(1, 200, 1, 1)
    y = call(layer("UpSampling2D", size=[factor, 1]), x)
    assert torch.equal(y, x.repeat_interleave(factor, 1))


def test_a_convolution_stays_in_channels_last_memory():
    x = torch.randn(2, 8, 8, 3)
    y = call(layer("Conv2D", filters=4, kernel_size=3, padding="same"), x)
    assert y.is_contiguous()
    assert call(layer("MaxPooling2D", pool_size=3, strides=2, padding="same"), y).is_contiguous()
    assert call(layer("Conv1D", filters=4, kernel_size=3), torch.randn(2, 8, 3)).is_contiguous()


def test_softmax_gives_masked_steps_nothing():
    x = torch.randn(2, 4, 1)
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    y = call(layer("Softmax", axis=1), x, mask=mask)
    assert y[0, 2:].abs().max() == 0
    torch.testing.assert_close(y.sum(1), torch.ones(2, 1))
    wide, there = torch.randn(2, 4, 3), torch.rand(2, 4, 3) < 0.5
    torch.testing.assert_close(
        call(layer("Softmax"), wide, mask=there), keras.layers.Softmax()(wide, mask=there)
    )


def lanczos(x: float, radius: int) -> float:
    return float(numpy.sinc(x) * numpy.sinc(x / radius)) if abs(x) <= radius else 0.0


@pytest.mark.parametrize(("length", "factor", "radius"), [(6, 2, 3), (4, 3, 3), (9, 2, 5)])
def test_lanczos_upsampling_is_the_windowed_sinc_of_the_cells_that_exist(length, factor, radius):
    """As Keras has it on JAX (`jax.image.resize`); its torch backend refuses it."""
    x = torch.randn(1, length, 1, 1, dtype=torch.float64)
    of = layer("UpSampling2D", size=[factor, 1], interpolation=f"lanczos{radius}")
    y = call(of, x)[0, :, 0, 0]
    for at in range(length * factor):
        place = (at + 0.5) / factor - 0.5
        weights = torch.tensor([lanczos(place - i, radius) for i in range(length)]).double()
        expected = (weights * x[0, :, 0, 0]).sum() / weights.sum()
        torch.testing.assert_close(y[at], expected)


def test_values_between_integers_are_not_looked_for():
    with pytest.raises(Reject) as caught:
        layer("UpSampling2D", interpolation="bilinear").dtypes("float32", "int32")
    assert caught.value.message == "`bilinear` finds values in between, and the input is int32"


@pytest.mark.parametrize("name", ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"])
def test_integers_are_pooled_exactly(name):
    of = layer(name)
    x = torch.randint(-(2**50), 2**50, (2, *[4] * of.rank, 1))
    y = call(of, x)
    assert y.dtype == torch.int64
    torch.testing.assert_close(y, call(of, x.double()).long())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_means_over_volumes_are_taken_in_half_precision_too(dtype):
    """Torch's kernel, and so Keras, refuses these on a CPU."""
    x = torch.randn(2, 4, 4, 4, 2).to(dtype)
    of = layer("AveragePooling3D", pool_size=2)
    assert torch.equal(call(of, x), call(of, x.float()).to(dtype))
