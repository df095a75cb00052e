"""Every example of every layer and operation in float64, and in bfloat16 within its precision.

Keras's promotion makes float32 of float64 on torch, as JAX's does; the sweep lifts that, so that
what is compared is computed in double precision on both sides, and random layers in inference.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import keras
import pytest
import torch
from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE
from torch import Tensor

from tests.keras import test_ops
from tests.keras.driver import (
    Example,
    Pair,
    call_keras,
    call_ours,
    declared,
    drawn,
    examples,
    of_ports,
    spread,
)
from tests.keras.test_layers import listed

#: How far apart, as a share of the largest value: for bfloat16, four of its steps.
APART = {"float64": 1e-12, "bfloat16": 4 * 2**-8}

#: What both have in float32 inside, whatever the layer's dtype: the table of the bands, and the
#: tables of tones.
SINGLE_INSIDE = {"MelSpectrogram", "ContrastLimitedAdaptiveHistogramEqualization"}

#: What Keras calls on torch has no bfloat16 on a CPU, by torch's kernel or Keras's own check. Ours
#: is held to Keras's float32 on the same values.
NO_BFLOAT16 = {
    "AveragePooling3D", "AdaptiveAveragePooling3D", "AdaptiveMaxPooling3D", "STFTSpectrogram",
    "MixUp",
}  # fmt: skip

#: Keras leaves integers uncast here, and gives their mean in float32 whatever the layer's dtype.
UNCAST = {"GlobalAveragePooling1D"}


@pytest.fixture(params=list(APART))
def dtype(request: Any, monkeypatch: Any) -> Iterator[str]:
    for wide in ("float64", "complex128"):
        monkeypatch.setitem(BIT64_TO_BIT32_DTYPE, wide, wide)
    # Torch's QR knows no bfloat16, and every weight is assigned before it is used.
    monkeypatch.setattr(keras.initializers.Orthogonal, "__call__", keras.initializers.Zeros())
    usual = keras.config.floatx()
    adopt(request.param)
    yield request.param
    adopt(usual)


def adopt(dtype: str) -> None:
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def cast(x: Any, dtype: str) -> Any:
    """Floats in that dtype; integers and booleans as they are."""
    if isinstance(x, list):
        return [cast(one, dtype) for one in x]
    return x.to(getattr(torch, dtype)) if x.is_floating_point() else x


def kinds(ports: list[Any]) -> list[Any]:
    """The name of each tensor's dtype, in the lists that they stand in."""
    return [
        kinds(x) if isinstance(x, list) else x if x is None else str(x.dtype).removeprefix("torch.")
        for x in ports
    ]


def assert_within(y: Tensor, wished: Tensor, tolerance: float) -> None:
    """Within a share of the largest value; infinite and undefined at the same places."""
    ours, theirs = y.detach().double(), wished.detach().double()
    finite = ours.isfinite()
    assert torch.equal(finite, theirs.isfinite())
    if finite.any():
        ours, theirs = ours[finite], theirs[finite]
        assert (ours - theirs).abs().max() <= tolerance * max(1.0, float(theirs.abs().max()))


@pytest.mark.parametrize("example", [e for e in examples() if e.in_keras], ids=lambda e: e.id)
def test_values_of_other_dtypes_are_keras_s(example: Example, dtype: str):
    theirs = dtype
    if dtype == "bfloat16" and example.name in NO_BFLOAT16:
        theirs = "float32"
        adopt(theirs)
    pair = Pair(example)
    inputs = {name: cast(value, dtype) for name, value in pair.inputs.items()}
    weights = {name: cast(value, dtype) for name, value in pair.weights.items()}
    pair.weights = {name: cast(value, theirs) for name, value in weights.items()}
    pair.assign()
    given = call_ours(pair.ours, weights, inputs, compute=getattr(torch, dtype)).outputs
    ports = [inputs.get(port.name) for port in pair.ours.ports()]
    assert kinds(given) == pair.ours.dtypes(dtype, *kinds(ports))
    single = dtype == "float64" and example.name in SINGLE_INSIDE
    tolerance = 1e-6 if single else APART[dtype]
    fed = {name: cast(value, theirs) for name, value in inputs.items()}
    for y, wished in zip(given, listed(call_keras(pair.theirs, fed)), strict=True):
        assert theirs != dtype or example.name in UNCAST or y.dtype == wished.dtype
        assert_within(y, wished, tolerance)


def takes_floats(example: Example) -> bool:
    """Whether a float is among its inputs: of integers alone Keras makes float32 of its own."""
    generator = torch.Generator().manual_seed(0)
    return any(drawn(one, generator).is_floating_point() for one in example.inputs.values())


@pytest.mark.parametrize(
    "example", [e for e in test_ops.EXAMPLES if takes_floats(e)], ids=lambda e: e.id
)
def test_operations_in_other_dtypes_are_keras_s(example: Example, dtype: str):
    ours = declared(example.plain)
    generator = torch.Generator().manual_seed(example.seed)
    made = spread(functools.partial(drawn, generator=generator), of_ports(example.inputs, ours))
    inputs = {name: cast(value, dtype) for name, value in made.items()}
    given = call_ours(ours, {}, inputs, compute=getattr(torch, dtype)).outputs
    assert kinds(given) == ours.dtypes(dtype, *kinds([inputs[p.name] for p in ours.ports()]))
    arguments = {key: value for key, value in example.plain.items() if key != "type"}
    matrix_norm = dtype == "bfloat16" and example.plain.get("ord") == "nuc"
    theirs = "float32" if matrix_norm else dtype  # torch has no bfloat16 there
    fed = {name: cast(value, theirs) for name, value in inputs.items()}
    for y, wished in zip(given, listed(test_ops.keras_call(example.name, arguments, fed)),
                         strict=True):  # fmt: skip
        assert_within(y, wished, APART[dtype])
