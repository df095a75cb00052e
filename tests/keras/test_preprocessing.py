"""What layers learn is what Keras's `adapt` learns; precision, refusals, images, sound."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelspec.catalog.index import INDEX
from modelspec.engine import adapt
from modelspec.engine.adapt import LEARNERS
from modelspec.engine.lowering import lowering
from modelspec.language.shapes import Shape
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from tests.keras.driver import Pair, call_keras, call_ours, declared, examples, keras_layer


def learnt(plain: dict[str, Any], batches: list[np.ndarray[Any, Any]]) -> tuple[Any, Any]:
    """Our layer, and what it learnt from those batches as its weights."""
    layer: Any = declared(plain)
    learner = LEARNERS[type(layer)](layer)
    for batch in batches:
        learner.see(torch.from_numpy(batch))
    return layer, SimpleNamespace(**learner.end())


def called(layer: Any, w: Any, x: Any, compute: torch.dtype = torch.float32) -> Any:
    function, asks = lowering(type(layer))
    return function(layer, w, x, **({"compute": compute} if "compute" in asks else {}))


def parts(data: np.ndarray[Any, Any], size: int) -> list[np.ndarray[Any, Any]]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("axis", [-1, None, 1, [1, 2], [2], [-1, 1]])
@pytest.mark.parametrize("invert", [False, True])
def test_normalization_learns_what_keras_learns(axis, invert):
    draws = np.random.default_rng(1)
    data = draws.normal(1000, 3, (57, 4, 3)).astype("float32")  # far from zero: rounding shows
    layer, w = learnt({"type": "Normalization", "axis": axis, "invert": invert}, parts(data, 10))
    theirs = keras.layers.Normalization(axis=axis, invert=invert)
    theirs.adapt(data.astype("float64"))
    np.testing.assert_allclose(w.mean.numpy(), theirs.adapt_mean.numpy(), rtol=1e-6)
    np.testing.assert_allclose(w.variance.numpy(), theirs.adapt_variance.numpy(), rtol=1e-5)
    assert int(w.count) == 57
    x = draws.normal(0, 1, (5, 4, 3)).astype("float32")
    held = SimpleNamespace(mean=w.mean.float(), variance=w.variance.float())
    wished = theirs(x).detach().numpy()
    np.testing.assert_allclose(called(layer, held, torch.from_numpy(x)), wished, rtol=1e-5)
    shapes = [weight.shape for weight in layer.weights((4, 3))]
    assert shapes == [tuple(v.shape) for v in theirs.non_trainable_weights]


@pytest.mark.parametrize("compute", [torch.float64, torch.bfloat16])
def test_normalization_computes_in_the_dtype_that_is_asked_for(compute):
    layer = declared({"type": "Normalization", "mean": [1.0, 2.0], "variance": [4.0, 9.0]})
    made = called(layer, None, torch.tensor([[3, 5]]), compute)
    assert made.dtype == compute
    assert made.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("piece", [200, 20, 64])
@pytest.mark.parametrize(("bins", "epsilon"), [(4, 0.01), (10, 0.05), (3, 0.1)])
def test_discretization_learns_what_keras_learns(bins, epsilon, piece, monkeypatch):
    data = np.random.default_rng(bins).normal(size=(200, 3)).astype("float32")
    plain = {"type": "Discretization", "num_bins": bins, "epsilon": epsilon}
    monkeypatch.setattr(adapt, "HELD", piece * 3)
    layer, w = learnt(plain, parts(data, 10 if piece == 20 else 1 if piece == 200 else 64))
    theirs = keras.layers.Discretization(num_bins=bins, epsilon=epsilon)
    for batch in parts(data, piece):  # `adapt` itself asks for TensorFlow
        theirs.update_state(batch)
    theirs.finalize_state()
    np.testing.assert_allclose(w.boundaries.numpy(), theirs.bin_boundaries, rtol=1e-5, atol=1e-6)
    assert w.boundaries.shape == (bins - 1,)
    x = np.linspace(-3, 3, 99, dtype="float32")[:, None]
    made = called(layer, w, torch.from_numpy(x))
    assert made.dtype == torch.int32
    np.testing.assert_array_equal(made, theirs(x).numpy())


def test_learnt_edges_lie_at_the_quantiles():
    data = np.random.default_rng(0).exponential(size=(5000, 1)).astype("float32")
    _, w = learnt({"type": "Discretization", "num_bins": 5}, parts(data, 32))
    shares = [(data < edge).mean() for edge in w.boundaries.tolist()]
    np.testing.assert_allclose(shares, [0.2, 0.4, 0.6, 0.8], atol=0.02)


def test_fewer_values_than_bins_leave_bins_empty():
    layer, w = learnt({"type": "Discretization", "num_bins": 8, "output_mode": "one_hot"},
                      [np.array([[1.0], [2.0], [3.0]], "float32")])  # fmt: skip
    made = called(layer, w, torch.tensor([[0.0], [1.5], [100.0]]))
    assert made.argmax(-1).tolist() == [0, 1, 2]
    assert made.shape == (3, 8)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"type": "Normalization", "mean": 1.0}, "given together"),
        ({"type": "Normalization", "mean": [1.0, 2.0], "variance": 1.0}, "one shape"),
        ({"type": "Normalization", "mean": [1.0], "variance": [1.0], "axis": None}, "do not fit"),
        ({"type": "Discretization"}, "either `bin_boundaries`"),
        ({"type": "Discretization", "bin_boundaries": [0], "num_bins": 2}, "either"),
        ({"type": "Resizing", "height": 2, "width": 2, "crop_to_aspect_ratio": True,
          "pad_to_aspect_ratio": True}, "cropped to its ratio, or padded"),
        ({"type": "Resizing", "height": 2, "width": 2, "interpolation": "lanczos3"},
         "`nearest`, `bilinear` or `bicubic`"),
        ({"type": "MelSpectrogram", "fft_length": 64, "sequence_length": 65}, "does not fit into"),
        ({"type": "MelSpectrogram", "fft_length": 64, "window": [1.0]}, "no window of 64"),
        ({"type": "STFTSpectrogram", "frame_length": 10, "frame_step": 11}, "would miss samples"),
        ({"type": "STFTSpectrogram", "frame_length": 10, "fft_length": 8}, "does not fit into"),
        ({"type": "STFTSpectrogram", "frame_length": 10, "window": [1.0]}, "1 values"),
        ({"type": "STFTSpectrogram", "window": "nothing"}, "`window`"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)  # fmt: skip
def test_arguments_that_keras_refuses_are_refused(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(Rejected) as caught:
        declared(plain)
    (fault,) = caught.value.diagnostics
    assert said in fault.message


@pytest.mark.parametrize(
    ("plain", "x", "argument"),
    [
        ({"type": "Normalization", "axis": 0}, (3,), "axis"),
        ({"type": "Normalization", "axis": -2}, (3,), "axis"),
        ({"type": "Normalization", "axis": 2}, (3,), "axis"),
        ({"type": "Normalization", "mean": [1.0, 2.0], "variance": [1.0, 1.0]}, (3,), "mean"),
        ({"type": "MelSpectrogram"}, (1000,), "fft_length"),
        ({"type": "STFTSpectrogram"}, (100, 1), "frame_length"),
    ],
)
def test_inputs_that_do_not_go_with_the_arguments_are_refused(
    plain: dict[str, Any], x: Shape, argument: str
) -> None:
    with pytest.raises(Reject) as caught:
        declared(plain).shape(x)
    assert caught.value.argument == argument


sizes = st.integers(1, 9)


@settings(max_examples=20)
@given(
    space=st.tuples(sizes, sizes),
    height=sizes,
    width=sizes,
    interpolation=st.sampled_from(["nearest", "bilinear", "bicubic"]),
    ratio=st.sampled_from([None, "crop_to_aspect_ratio", "pad_to_aspect_ratio"]),
    antialias=st.booleans(),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
)
def test_resizing_is_keras_s_whatever_the_sizes(
    space, height, width, interpolation, ratio, antialias, data_format
):
    plain = {"type": "Resizing", "height": height, "width": width, "antialias": antialias,
             "interpolation": interpolation, "data_format": data_format}  # fmt: skip
    plain |= {ratio: True, "fill_value": 0.5} if ratio else {}
    shape = (2, *space, 3) if data_format == "channels_last" else (2, 3, *space)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    made = called(declared(plain), None, x)
    torch.testing.assert_close(made, keras_layer(plain)(x), rtol=1e-5, atol=1e-5)
    assert tuple(made.shape[1:]) == declared(plain).shape(tuple(x.shape[1:]))


@settings(max_examples=20)
@given(space=st.tuples(sizes, sizes), height=sizes, width=sizes)
def test_center_crop_is_keras_s_whatever_the_sizes(space, height, width):
    plain = {"type": "CenterCrop", "height": height, "width": width}
    x = torch.randn((2, *space, 1), generator=torch.Generator().manual_seed(0))
    made = called(declared(plain), None, x)
    torch.testing.assert_close(made, keras_layer(plain)(x), rtol=1e-5, atol=1e-5)


def test_bytes_that_overshoot_stay_bytes():
    # Keras's torch backend lets them wrap around: a white edge gets black dots.
    x = torch.zeros((1, 4, 4, 1), dtype=torch.uint8)
    x[:, :, 2:] = 255
    layer = declared({"type": "Resizing", "height": 4, "width": 16, "interpolation": "bicubic"})
    row = called(layer, None, x)[0, 0, :, 0].tolist()
    assert row == sorted(row)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("plain", [
    {"type": "Resizing", "height": 3, "width": 5}, {"type": "CenterCrop", "height": 7, "width": 3},
], ids=lambda plain: plain["type"])  # fmt: skip
def test_images_keep_their_precision(plain, kind):
    x = torch.randn((2, 6, 6, 3), dtype=kind)
    made = called(declared(plain), None, x, kind)
    wished = called(declared(plain), None, x.double(), torch.float64)
    assert made.dtype == kind
    tolerance = 1e-12 if kind == torch.float64 else 2e-2
    torch.testing.assert_close(made.double(), wished, rtol=tolerance, atol=tolerance)


def test_spectrograms_find_a_tone():
    time = torch.arange(4000) / 8000
    tone = torch.sin(2 * torch.pi * 1000 * time)
    plain = {"type": "STFTSpectrogram", "frame_length": 256, "mode": "magnitude"}
    layer: Any = declared(plain)
    theirs = keras_layer(plain)
    theirs(tone[None, :, None])
    w = SimpleNamespace(real_kernel=theirs.real_kernel.value, imag_kernel=theirs.imag_kernel.value)
    found = called(layer, w, tone[None, :, None])
    assert found.mean(1).argmax().item() == 32  # 1000 Hz of 8000 in 256 bins
    mel = called(declared({"type": "MelSpectrogram", "sampling_rate": 8000, "num_mel_bins": 40}),
                 None, tone[None])  # fmt: skip
    assert mel[0].std(1).argmax() != mel[0].mean(1).argmax()
    assert float(mel.max() - mel.min()) <= 80.0 + 1e-4


MINE = {name for family in ("preprocessing", "categories", "audio")
        for name in INDEX["layers"][f"layers.{family}"]}  # fmt: skip


@pytest.mark.parametrize(("name", "apart"), [("float64", 1e-6), ("bfloat16", 4 * 2**-8)])
@pytest.mark.parametrize(
    "example", [e for e in examples() if e.in_keras and e.name in MINE], ids=lambda e: e.id
)
def test_values_of_other_dtypes_are_keras_s(example, name, apart):
    kind = getattr(torch, name)
    keras.config.set_dtype_policy(name)
    try:
        pair = Pair(example)
        inputs = {n: x.to(kind) if x.is_floating_point() else x for n, x in pair.inputs.items()}
        weights = {n: w.to(kind) if w.is_floating_point() else w for n, w in pair.weights.items()}
        wished = call_keras(pair.theirs, inputs).detach()
    except (NotImplementedError, TypeError, RuntimeError) as refused:
        pytest.skip(f"Keras has no such kernel: {refused}")
    finally:
        keras.config.set_dtype_policy("float32")
    (made,) = call_ours(pair.ours, weights, inputs, compute=kind).outputs
    # Keras's `result_type` makes float32 of what its own operations multiply on torch.
    narrowed = example.name == "STFTSpectrogram" and wished.dtype == torch.float32
    assert made.dtype == wished.dtype or narrowed
    scale = float(wished.double().abs().max().clamp(min=1))
    assert float((made.double() - wished.double()).abs().max()) <= apart * scale
