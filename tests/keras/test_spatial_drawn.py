"""Drawn configurations of convolutions, poolings and croppings agree with Keras."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import pytest
import torch
from hypothesis import given, note, settings
from hypothesis import strategies as st

from modelspec.catalog.words import bind
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from tests.keras.driver import call_ours, drawn_weight

Plain = dict[str, Any]
FORMATS = ["channels_last", "channels_first"]
MOST = {1: 12, 2: 8, 3: 5}  # cells along an axis

CONVOLUTIONS = {
    "Conv1D": 1, "Conv2D": 2, "Conv3D": 3,
    "Conv1DTranspose": 1, "Conv2DTranspose": 2, "Conv3DTranspose": 3,
    "DepthwiseConv1D": 1, "DepthwiseConv2D": 2, "SeparableConv1D": 1, "SeparableConv2D": 2,
}  # fmt: skip
POOLINGS = {f"{kind}{rank}D": rank for kind in (
    "MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling",
    "AdaptiveMaxPooling", "AdaptiveAveragePooling") for rank in (1, 2, 3)}  # fmt: skip
EDGES = {f"{kind}{rank}D": rank for kind in (
    "Cropping", "ZeroPadding", "UpSampling") for rank in (1, 2, 3)}  # fmt: skip


def sizes(rank: int, low: int, high: int) -> st.SearchStrategy[Any]:
    one = st.integers(low, high)
    return one if rank == 1 else one | st.lists(one, min_size=rank, max_size=rank)


@st.composite
def shapes(draw: Any, rank: int, layout: str, channels: int) -> tuple[int, ...]:
    space = draw(st.lists(st.integers(1, MOST[rank]), min_size=rank, max_size=rank))
    return (channels, *space) if layout == "channels_first" else (*space, channels)


@st.composite
def convolutions(draw: Any) -> tuple[Plain, tuple[int, ...]]:
    name = draw(st.sampled_from(sorted(CONVOLUTIONS)))
    rank, layout = CONVOLUTIONS[name], draw(st.sampled_from(FORMATS))
    groups = draw(st.integers(1, 2))
    paddings = ["valid", "same", "causal"] if name == "Conv1D" else ["valid", "same"]
    plain = {
        "type": name,
        "kernel_size": draw(sizes(rank, 1, 4)),
        "strides": draw(sizes(rank, 1, 3)),
        "dilation_rate": draw(st.just(1) | sizes(rank, 1, 2)),
        "padding": draw(st.sampled_from(paddings)),
        "data_format": layout,
        "use_bias": draw(st.booleans()),
        "activation": draw(st.sampled_from([None, "tanh"])),
    }
    if not name.startswith("Depthwise"):
        plain["filters"] = groups * draw(st.integers(1, 2))
    if name.startswith(("Depthwise", "Separable")):
        plain["depth_multiplier"] = draw(st.integers(1, 2))
    if name in ("Conv1D", "Conv2D", "Conv3D"):
        plain["groups"] = groups
    if name.endswith("Transpose"):
        plain["output_padding"] = draw(st.none() | sizes(rank, 0, 2))
    return plain, draw(shapes(rank, layout, groups * draw(st.integers(1, 2))))


@st.composite
def poolings(draw: Any) -> tuple[Plain, tuple[int, ...]]:
    name = draw(st.sampled_from(sorted(POOLINGS)))
    rank, layout = POOLINGS[name], draw(st.sampled_from(FORMATS))
    plain = {"type": name, "data_format": layout}
    if name.startswith("Global"):
        plain["keepdims"] = draw(st.booleans())
    elif name.startswith("Adaptive"):
        plain["output_size"] = draw(sizes(rank, 1, 4))
    else:
        plain["pool_size"] = draw(sizes(rank, 1, 4))
        plain["strides"] = draw(st.none() | sizes(rank, 1, 4))
        # Keras's mean on torch is off where padding is uneven: tests/keras/test_spatial.py.
        paddings = ["valid", "same"] if name.startswith("Max") else ["valid"]
        plain["padding"] = draw(st.sampled_from(paddings))
    return plain, draw(shapes(rank, layout, 2))


@st.composite
def edges(draw: Any) -> tuple[Plain, tuple[int, ...]]:
    name = draw(st.sampled_from(sorted(EDGES)))
    rank, plain = EDGES[name], {"type": name}
    layout = "channels_last"
    if name not in ("Cropping1D", "UpSampling1D"):
        layout = plain["data_format"] = draw(st.sampled_from(FORMATS))
    if name.startswith("UpSampling"):
        plain["size"] = draw(sizes(rank, 1, 3))
        if rank == 2:
            between = ["nearest", "bilinear", "bicubic"]
            plain["interpolation"] = draw(st.sampled_from(between))
    else:
        cells = st.integers(0, 3)
        pair = st.lists(cells, min_size=2, max_size=2)
        each = pair if rank == 1 else st.lists(cells | pair, min_size=rank, max_size=rank)
        key = "cropping" if name.startswith("Cropping") else "padding"
        plain[key] = draw(cells | each)
    return plain, draw(shapes(rank, layout, 2))


def tupled(value: Any) -> Any:
    return tuple(map(tupled, value)) if isinstance(value, list) else value


def held(plain: Plain, shape: tuple[int, ...]) -> None:
    """Ours beside Keras's: the same values and gradients, or a refusal on both sides."""
    note(f"{plain} on {shape}")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((2, *shape), generator=generator)
    ours = their_x = None
    try:
        ours = bind("layers", plain)
        given = ours.shape(shape)
    except (Rejected, Reject):
        ours = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            arguments = {k: tupled(v) for k, v in plain.items() if k != "type"}
            theirs = getattr(keras.layers, plain["type"])(**arguments)
            theirs.build((None, *shape))
            weights = {} if ours is None else {
                w.name: drawn_weight(w, generator) for w in ours.weights(shape)
            }  # fmt: skip
            for name, value in weights.items():
                getattr(theirs, name).assign(value)
            their_x = x.clone().requires_grad_()
            wanted = theirs(their_x)
    except (ValueError, TypeError, RuntimeError):
        assert ours is None, "Keras refuses it"
        return
    if ours is None:
        assert wanted.numel() == 0, "Keras takes it"
        return
    our_x = x.clone().requires_grad_()
    y = call_ours(ours, weights, {"x": our_x}).outputs[0]
    assert tuple(y.shape[1:]) == given
    torch.testing.assert_close(y, wanted, rtol=1e-5, atol=1e-5)
    pull = torch.randn(y.shape, generator=generator)
    (mine,) = torch.autograd.grad((y * pull).sum(), our_x)
    (keras_s,) = torch.autograd.grad((wanted * pull).sum(), their_x)
    torch.testing.assert_close(mine, keras_s, rtol=1e-4, atol=1e-4)


@settings(max_examples=20)
@given(convolutions())
def test_drawn_convolutions_are_keras_s(case):
    held(*case)


@settings(max_examples=20)
@given(poolings())
def test_drawn_poolings_are_keras_s(case):
    held(*case)


@settings(max_examples=20)
@given(edges())
def test_drawn_edges_are_keras_s(case):
    held(*case)


@pytest.mark.nightly
@pytest.mark.parametrize("strategy", [convolutions, poolings, edges])
def test_many_drawn_configurations_are_keras_s(strategy):
    settings(max_examples=200)(given(strategy())(lambda case: held(*case)))()
