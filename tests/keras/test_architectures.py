"""The specs of three architectures beside the same models written in Keras, weights copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops

from modelspec.compiler import compile
from modelspec.engine.objective import Objective
from modelspec.engine.runner import Runner
from modelspec.source.text import Source
from tests.guide.against_keras import SPECS, close


class Parameter(layers.Layer):
    """A learned tensor for every sample of a batch; Keras has no such layer."""

    def __init__(self, *shape: int, **more: Any) -> None:
        super().__init__(**more)
        self.value = self.add_weight(shape=shape, name="value")

    def call(self, x: Any) -> Any:
        return ops.repeat(self.value[None], ops.shape(x)[0], axis=0)


def vit(width: int = 32, heads: int = 4) -> Any:
    image = keras.Input((8, 8, 1))
    x = layers.Rescaling(0.125, -1)(image)
    x = layers.Conv2D(width, 2, strides=2)(x)
    x = layers.Reshape((16, width))(x)
    x = layers.Concatenate(axis=1)([Parameter(1, width)(x), x])
    x = x + Parameter(17, width)(x)
    for _ in range(2):
        normed = layers.LayerNormalization(epsilon=1e-6)(x)
        x = x + layers.MultiHeadAttention(heads, width // heads)(normed, normed)
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Dense(2 * width, activation="gelu")(y)
        x = x + layers.Dense(width)(y)
    x = layers.LayerNormalization(epsilon=1e-6)(x)[:, 0]
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def transformer(width: int = 32, heads: int = 4) -> Any:
    """With masks by hand: on torch a call of MultiHeadAttention takes the mask off its query, so
    that Keras loses it at the first residual connection.
    """
    text = keras.Input((32,), dtype="int32")
    meanings = layers.Embedding(2000, width)(text)
    present, mask = ops.sign(text), ops.not_equal(text, 0)
    places = layers.Embedding(33, width)(ops.cumsum(present, axis=1) * present)
    x = layers.Add()([meanings, places])
    for _ in range(2):
        attention = layers.MultiHeadAttention(heads, width // heads, dropout=0.1)
        looked = attention(x, x, query_mask=mask, value_mask=mask)
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, looked]))
        y = layers.Dense(2 * width, activation="relu")(x)
        y = layers.Dropout(0.1)(layers.Dense(width)(y))
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D()(x, mask=mask)
    return keras.Model(text, layers.Dense(1, activation="sigmoid")(x))


def unet(width: int = 8) -> Any:
    def twice(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        return x

    def up(x: Any, remembered: Any, filters: int) -> Any:
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        return twice(layers.Concatenate()([remembered, x]), filters)

    image = keras.Input((8, 8, 1))
    x = layers.Rescaling(0.0625)(image)
    fine = twice(layers.GaussianNoise(0.3)(x), width)
    middle = twice(layers.MaxPooling2D()(fine), 2 * width)
    coarse = twice(layers.MaxPooling2D()(middle), 4 * width)
    x = up(up(coarse, middle, 2 * width), fine, width)
    x = layers.Conv2D(1, 1, activation="sigmoid")(x)
    return keras.Model(image, layers.Rescaling(16)(x))


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 17, (4, 8, 8, 1)).astype("float32")


def text() -> np.ndarray:
    """Words, and padding after 32, 20, 5 and 1 of them."""
    words = np.random.default_rng(0).integers(1, 2000, (4, 32)).astype("int32")
    return np.where(np.arange(32) < np.array([[32], [20], [5], [1]]), words, 0).astype("int32")


MODELS: dict[str, tuple[Callable[[], Any], Callable[[], np.ndarray], str, tuple[int, ...]]] = {
    "vit": (vit, image, "sparse_categorical_crossentropy", ()),
    "transformer": (transformer, text, "binary_crossentropy", (1,)),
    "unet": (unet, image, "mse", (8, 8, 1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_outputs_losses_and_gradients_are_those_of_keras(name: str) -> None:
    make, draw, loss, shape = MODELS[name]
    keras.utils.set_random_seed(7)
    graph, theirs = compile(Source.read(str(SPECS / f"{name}.yaml"))), make()
    assert graph.parameters == theirs.count_params()
    weights, variables = matched(graph, theirs)
    x, y = draw(), np.random.default_rng(1).integers(0, 2, (4, *shape)).astype("float32")
    outcome = Runner.of(graph)(weights, {next(iter(graph.program.inputs)): torch.from_numpy(x)})
    wished = theirs(x, training=False)
    (output,) = graph.program.outputs.values()
    close(outcome.values[output], wished, 1e-5)
    batch = {next(iter(graph.heads)): torch.from_numpy(y)}
    ours = Objective(graph)(outcome, batch, weights).total
    theirs.compile(loss=loss)
    total = theirs.compute_loss(y=torch.from_numpy(y), y_pred=wished)
    close(ours, total, 1e-5)
    leaves = {n: w for n, w in weights.items() if w.requires_grad}
    mine = torch.autograd.grad(ours, list(leaves.values()))
    keras_s = torch.autograd.grad(total, [variables[n].value for n in leaves])
    largest = max(g.abs().max().item() for g in keras_s)
    for label, a, b in zip(leaves, mine, keras_s, strict=True):
        apart = (a - b).abs().max().item()
        assert apart <= 1e-4 * max(b.abs().max().item(), 1e-3 * largest), label


def matched(graph: Any, model: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Keras's weights in the order of the layers, which is ours, under our names."""
    order = [owner.name(weight) for owner in graph.owners.values() for weight in owner.weights]
    trained = [n for n in order if graph.weights()[n].trainable]
    moved = [n for n in order if n not in trained]
    variables = dict(zip(trained, model.trainable_weights, strict=True))
    variables |= dict(zip(moved, model.non_trainable_weights, strict=True))
    draws = torch.Generator().manual_seed(3)
    weights = {}
    for name, variable in variables.items():
        shape = tuple(variable.shape)
        assert shape == graph.weights()[name].shape, name
        value = variable.value.detach().clone()
        if len(shape) == 1:  # zeros and ones would hide what is left out
            value += 0.1 * torch.randn(shape, generator=draws).abs()
            variable.assign(value)
        weights[name] = value.requires_grad_(name in trained)
    return weights, variables
