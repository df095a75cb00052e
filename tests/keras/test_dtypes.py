"""The same layers in float64, and in bfloat16 within its precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import pytest
import torch
from torch import Tensor

from modelspec.catalog.index import INDEX
from tests.keras.driver import Example, Pair, call_keras, call_ours, examples
from tests.keras.test_layers import listed

FAMILIES = ("activation", "convolution", "core", "einsum", "normalization", "pooling",
            "regularization", "reshaping")  # fmt: skip
WORDS = {name for family in FAMILIES for name in INDEX["layers"][f"layers.{family}"]}

#: Keras's `result_type` makes float32 of float64 on torch: what it sums or multiplies by its own
#: operations is float32 inside, and mostly comes out so.
NARROWED = {
    "Dense", "ReversibleEmbedding", "BatchNormalization", "LayerNormalization",
    "GroupNormalization", "RMSNormalization", "UnitNormalization", "SpectralNormalization",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
}  # fmt: skip

#: Layers whose input Keras leaves uncast, so that they give float32: a mean of integers as well.
UNCAST = {"ReversibleEmbedding", "GlobalAveragePooling1D"}

#: How far apart, as a share of the largest value: for bfloat16, four of its steps.
APART = {"float64": 1e-12, "bfloat16": 4 * 2**-8}


@pytest.fixture(params=list(APART))
def dtype(request: Any) -> Iterator[str]:
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    "example", [e for e in examples() if e.in_keras and e.name in WORDS], ids=lambda e: e.id
)
def test_values_of_other_dtypes_are_keras_s(example: Example, dtype: str):
    try:
        pair = Pair(example)
    except NotImplementedError:
        pytest.skip("torch's own kernel, which Keras calls, has no such dtype")

    def cast(x: Tensor) -> Tensor:
        return x.to(getattr(torch, dtype)) if x.is_floating_point() else x

    inputs = {
        name: [cast(x) for x in value] if isinstance(value, list) else cast(value)
        for name, value in pair.inputs.items()
    }
    weights = {name: cast(value) for name, value in pair.weights.items()}
    given = call_ours(pair.ours, weights, inputs, compute=getattr(torch, dtype)).outputs
    kinds = [str(x.dtype).removeprefix("torch.") for x in inputs.values()]
    declared = pair.ours.dtypes(dtype, *kinds)
    assert [str(y.dtype).removeprefix("torch.") for y in given] == declared
    wanted = listed(call_keras(pair.theirs, pair.inputs))
    narrowed = dtype == "float64" and example.name in NARROWED
    tolerance = 1e-6 if narrowed else APART[dtype]
    for y, wished in zip(given, wanted, strict=True):
        assert narrowed or example.name in UNCAST or y.dtype == wished.dtype
        theirs = wished.detach().double()
        apart = (y.detach().double() - theirs).abs().max()
        assert apart <= tolerance * max(1.0, float(theirs.abs().max()))
