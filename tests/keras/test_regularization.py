"""Random layers: the identity in inference, and the distribution that they draw in training."""

from __future__ import annotations

import keras
import pytest
import torch

from modelspec.catalog.words import bind
from modelspec.compiler import compile
from modelspec.engine.lowering import lowering
from modelspec.engine.module import Module
from modelspec.engine.random import Random
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source


def layer(name, **arguments):
    return bind("layers", {"type": name, **arguments})


def call(of, x, seed=1, training=True):
    return lowering(type(of)).function(of, None, x, training=training, random=Random(seed))


EACH = [
    (layer("Dropout", rate=0.3), (10, 20)),
    (layer("SpatialDropout1D", rate=0.3), (4, 10, 20)),
    (layer("SpatialDropout2D", rate=0.3), (4, 5, 5, 20)),
    (layer("SpatialDropout3D", rate=0.3), (4, 3, 3, 3, 20)),
    (layer("GaussianNoise", stddev=0.3), (10, 20)),
    (layer("GaussianDropout", rate=0.3), (10, 20)),
    (layer("AlphaDropout", rate=0.3), (10, 20)),
]
each = pytest.mark.parametrize(("of", "shape"), EACH, ids=lambda v: type(v).__name__)


@each
def test_inference_hands_the_input_on(of, shape):
    x = torch.randn(shape)
    assert call(of, x, training=False) is x


@each
def test_the_same_seed_draws_the_same(of, shape):
    x = torch.randn(shape)
    assert torch.equal(call(of, x, seed=5), call(of, x, seed=5))
    assert not torch.equal(call(of, x, seed=5), call(of, x, seed=6))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_zeroes_its_share_and_keeps_the_sum(rate):
    n = 100_000
    y = call(layer("Dropout", rate=rate), torch.ones(1, n))
    zeros = float((y == 0).double().mean())
    # Five standard deviations of a share of n draws.
    assert abs(zeros - rate) < 5 * (rate * (1 - rate) / n) ** 0.5
    kept = y[y != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - rate)))
    assert abs(float(y.double().mean()) - 1) < 5 * (rate / (1 - rate) / n) ** 0.5
    assert abs(float(y.double().var()) - rate / (1 - rate)) < 0.05 / (1 - rate) ** 2


def test_gaussian_noise_has_its_mean_and_standard_deviation():
    n = 100_000
    y = call(layer("GaussianNoise", stddev=0.5), torch.full((1, n), 3.0)).double()
    assert abs(float(y.mean()) - 3) < 5 * 0.5 / n**0.5
    assert abs(float(y.std()) - 0.5) < 5 * 0.5 / (2 * n) ** 0.5
    # A normal distribution has 68.27 % within one standard deviation.
    assert abs(float(((y - 3).abs() < 0.5).double().mean()) - 0.6827) < 0.01


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_gaussian_dropout_has_the_variance_of_dropout(rate):
    n = 100_000
    y = call(layer("GaussianDropout", rate=rate), torch.full((1, n), 2.0)).double() / 2
    variance = rate / (1 - rate)
    assert abs(float(y.mean()) - 1) < 5 * (variance / n) ** 0.5
    assert abs(float(y.var()) - variance) < 5 * variance * (2 / n) ** 0.5


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_keeps_a_mean_of_0_and_a_variance_of_1(rate):
    n = 100_000
    x = torch.randn(1, n, generator=torch.Generator().manual_seed(0))
    y = call(layer("AlphaDropout", rate=rate), x).double()
    assert abs(float(y.mean())) < 5 / n**0.5
    assert abs(float(y.var()) - 1) < 0.03
    # Units that are dropped have SELU's lowest value, and one factor and offset serve all units.
    dropped = y == y.mode().values
    assert abs(float(dropped.double().mean()) - rate) < 5 * (rate * (1 - rate) / n) ** 0.5
    lowest = -1.6732632423543772 * 1.0507009873554805
    factor = ((1 - rate) * (1 + rate * lowest**2)) ** -0.5
    torch.testing.assert_close(y[~dropped].float(), factor * (x[~dropped] - lowest * rate))


def test_keras_s_alpha_dropout_has_the_same_two_values():
    x = torch.zeros(1, 1000)
    theirs = keras.layers.AlphaDropout(0.3)(x, training=True)
    torch.testing.assert_close(call(layer("AlphaDropout", rate=0.3), x).unique(), theirs.unique())


def test_a_penalty_on_an_activity_is_keras_s():
    text = "{inputs: {x: [3]}, layers: {y: {type: ActivityRegularization, l1: 0.1, l2: 0.02}}}"
    outcome = Module(compile(Source("spec.yaml", text))).outcome({"x": torch.ones(4, 3) * -2})
    theirs = keras.layers.ActivityRegularization(0.1, 0.02)
    theirs(torch.ones(4, 3) * -2)
    torch.testing.assert_close(sum(outcome.penalties), sum(theirs.losses))


def test_gradients_flow_through_the_units_that_are_kept():
    x = torch.ones(4, 500, requires_grad=True)
    y = call(layer("Dropout", rate=0.25), x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach())
    x = torch.ones(4, 500, requires_grad=True)
    call(layer("GaussianNoise", stddev=0.25), x).sum().backward()
    assert (x.grad == 1).all()


@pytest.mark.parametrize(
    ("of", "shape", "shared"),
    [
        (layer("SpatialDropout1D", rate=0.5), (50, 7, 40), (1,)),
        (layer("SpatialDropout2D", rate=0.5), (50, 3, 4, 40), (1, 2)),
        (layer("SpatialDropout2D", rate=0.5, data_format="channels_first"), (50, 40, 3, 4), (2, 3)),
        (layer("SpatialDropout3D", rate=0.5), (50, 2, 3, 4, 40), (1, 2, 3)),
        (layer("Dropout", rate=0.5, noise_shape=[None, 1, None]), (50, 7, 40), (1,)),
        (layer("Dropout", rate=0.5, noise_shape=[1, 7, 40]), (50, 7, 40), (0,)),
    ],
)
def test_whole_features_are_dropped_together(of, shape, shared):
    y = call(of, torch.ones(shape))
    first = y
    for axis in shared:
        first = first.narrow(axis, 0, 1)
    assert torch.equal(y, first.expand(shape))
    count = first.numel()
    assert abs(float((first == 0).double().mean()) - 0.5) < 5 * (0.25 / count) ** 0.5


def test_rates_of_none_and_all():
    x = torch.randn(3, 4)
    assert torch.equal(call(layer("Dropout", rate=0), x), x)
    assert not call(layer("Dropout", rate=1), x).any()
    assert torch.equal(call(layer("GaussianNoise", stddev=0), x), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_stays(dtype):
    for of, shape in EACH:
        assert call(of, torch.ones(shape, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("noise_shape", "message"),
    [
        ([None, 1], "one size for each axis, the batch included: 3 for (5, 4), not 2"),
        ([None, 2, 4], "2 on axis 1 of (null, 5, 4)"),
        ([32, 1, 4], "32 on axis 0 of (null, 5, 4)"),
    ],
)
def test_a_noise_shape_that_does_not_fit_is_refused(noise_shape, message):
    with pytest.raises(Reject) as caught:
        layer("Dropout", rate=0.5, noise_shape=noise_shape).shape((5, 4))
    assert caught.value.argument == "noise_shape"
    assert message in caught.value.message


def test_a_noise_shape_of_nothing_is_refused():
    with pytest.raises(Rejected) as caught:
        layer("Dropout", rate=0.5, noise_shape=[None, 0])
    assert "sizes of at least 1 and nulls, not 0" in str(caught.value)
