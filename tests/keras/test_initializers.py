from __future__ import annotations

import keras
import pytest
import scipy.signal
import torch

from modelspec.catalog.initializers import WINDOWS
from modelspec.catalog.words import bind, find, names
from modelspec.engine.initializers import INITIALIZERS, initial
from modelspec.engine.windows import window

F32 = torch.float32
DRAWN = [
    {"type": "RandomNormal", "mean": 1.0, "stddev": 0.2},
    {"type": "RandomUniform", "minval": -0.3, "maxval": 0.9},
    {"type": "TruncatedNormal", "mean": -1.0, "stddev": 0.5},
    {"type": "VarianceScaling", "scale": 3.0, "mode": "fan_in", "distribution": "normal"},
    {"type": "VarianceScaling", "mode": "fan_out", "distribution": "untruncated_normal"},
    {"type": "VarianceScaling", "mode": "fan_avg", "distribution": "uniform"},
    {"type": "VarianceScaling", "input_axes": [0, 3], "output_axes": [1]},
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
]


def both(case, shape):
    plain = {"type": case} if isinstance(case, str) else dict(case)
    ours = initial(bind("initializers", case), shape, F32, seed=3)
    keras_class = getattr(keras.initializers, plain.pop("type"))
    seed = {"seed": 5} if "seed" in bind("initializers", case).arguments else {}
    return ours, keras_class(**plain, **seed)(shape, dtype="float32")


@pytest.mark.parametrize("shape", [(500, 200), (3, 3, 60, 200)], ids=str)
@pytest.mark.parametrize("case", DRAWN, ids=str)
def test_the_distribution_is_that_of_keras(case, shape):
    if isinstance(case, dict) and "input_axes" in case and len(shape) < 4:
        pytest.skip("these axes are a convolution's")
    ours, theirs = both(case, shape)
    assert ours.shape == shape
    spread = theirs.std().item()
    assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.02 * spread)
    assert ours.std().item() == pytest.approx(spread, rel=0.01)
    bounded = "Uniform" in str(case) or "uniform" in str(case) or "Trunc" in str(case)
    close = 0.01 if bounded else 1.0
    assert (ours.max() - theirs.max()).abs().item() < close * spread
    assert (ours.min() - theirs.min()).abs().item() < close * spread
    points = torch.linspace(0.05, 0.95, 19)
    quantiles = [torch.quantile(t.flatten()[:100_000], points) for t in (ours, theirs)]
    torch.testing.assert_close(*quantiles, rtol=0, atol=0.03 * spread)


@pytest.mark.parametrize("case", ["zeros", "ones", {"type": "Constant", "value": 2.5}], ids=str)
def test_constants_are_exact(case):
    value = {"zeros": 0.0, "ones": 1.0}.get(str(case), 2.5)
    assert initial(bind("initializers", case), (2, 3), F32, 0).eq(value).all()


def test_identity_is_that_of_keras():
    ours, theirs = both({"type": "Identity", "gain": 2.0}, (3, 5))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 5, 7), (2, 2, 2, 30)], ids=str)
def test_orthogonal_matrices_are_orthogonal_along_the_axes_that_keras_takes(shape):
    for w in both({"type": "Orthogonal", "gain": 3.0}, shape):
        matrix = w.reshape(-1, shape[-1])
        short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        torch.testing.assert_close(short @ short.T, 9 * torch.eye(len(short)), rtol=0, atol=1e-5)


def test_orthogonal_directions_are_even():
    word = bind("initializers", "orthogonal")
    first = torch.stack([initial(word, (3, 3), F32, seed)[0] for seed in range(2000)])
    torch.testing.assert_close(first.mean(0), torch.zeros(3), rtol=0, atol=0.05)


@pytest.mark.parametrize("name", names("initializers"))
def test_the_seed_alone_decides(name):
    word, shape = bind("initializers", name), (8, 1, 8) if name == "STFT" else (8, 8)
    first = initial(word, shape, F32, 7)
    torch.rand(3)
    assert torch.equal(first, initial(word, shape, F32, 7))
    if "seed" in word.arguments:
        assert not torch.equal(first, initial(word, shape, F32, 8))


STFT = [
    {},
    {"side": "imag"},
    {"window": "hamming", "scaling": "spectrum", "periodic": True},
    {"window": "blackman", "scaling": None},
    {"window": None},
    {"window": [0.5 + 0.01 * i for i in range(16)]},
]


@pytest.mark.parametrize("case", STFT, ids=str)
def test_fourier_transforms_are_those_of_keras(case):
    ours, theirs = both({"type": "STFT", **case}, (16, 1, 17))
    # Keras takes cosines of angles in single precision.
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("length", [1, 2, 9, 16])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("name", WINDOWS)
def test_windows_are_those_of_scipy(name, length, periodic):
    theirs = scipy.signal.get_window(name, length, periodic)
    torch.testing.assert_close(window(name, length, periodic=periodic), torch.from_numpy(theirs))


@pytest.mark.parametrize(
    ("window", "shape"), [("hann", (16, 9)), ("hann", (16, 2, 9)), ([1.0, 2.0], (16, 1, 9))]
)
def test_a_transform_refuses_shapes_that_it_does_not_have(window, shape):
    assert bind("initializers", {"type": "STFT", "window": window}).misfit(shape)


def test_a_seed_of_its_own_wins():
    word = bind("initializers", {"type": "he_normal", "seed": 1})
    assert torch.equal(initial(word, (4, 4), F32, 7), initial(word, (4, 4), F32, 8))


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    initial(bind("initializers", "glorot_uniform"), (4, 4), F32, 0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_type_may_be_asked_for(dtype):
    assert initial(bind("initializers", "lecun_normal"), (4, 4), dtype, 0).dtype == dtype


@pytest.mark.parametrize(
    ("name", "shape"), [("Identity", (2, 2, 2)), ("Identity", (2,)), ("Orthogonal", (2,))]
)
def test_what_keras_refuses_is_a_misfit(name, shape):
    word = bind("initializers", name)
    with pytest.raises(ValueError):
        getattr(keras.initializers, name)()(shape)
    assert name in str(word.misfit(shape))
    assert word.misfit((2, 2)) is None


def test_keras_spellings_find_every_initializer():
    for spelling, cls in vars(keras.initializers).items():
        if isinstance(cls, type) and spelling != "Initializer":
            assert find("initializers", spelling) in INITIALIZERS, spelling
