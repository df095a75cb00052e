"""Gradients of imported architectures, of their inputs and of every weight, held to Keras's."""

from __future__ import annotations

from itertools import count

import keras
import numpy as np
import pytest
import torch

import modelspec
from tests.exchange.models import randomised

SIZE = 64
LIMIT = 1e-4
#: A few last bits of a float32.
NUDGE = 1e-6


@pytest.mark.parametrize("name", ["MobileNetV2"])
def test_an_imported_architecture_has_the_gradients_of_keras(name, tmp_path):
    compare(name, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "ResNet50"])
def test_imported_architectures_have_the_gradients_of_keras(name, tmp_path):
    compare(name, tmp_path)


def compare(name, folder):
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(5)
    build = vars(keras.applications)[name]
    model = randomised(build(weights=None, input_shape=(SIZE, SIZE, 3), classes=10))
    model.save(folder / "model.keras")
    run = modelspec.load(modelspec.import_model(folder / "model.keras", folder / "run").folder)
    image, asked, theirs = steady(model)
    module = run.module.eval()
    (name_in,) = run.graph.program.inputs
    (name_out,) = run.graph.program.outputs
    ours = {"image": image_gradient(lambda x: module({name_in: x})[name_out], image, asked)}
    weights = {name: one for name, one in module.named_parameters() if one.requires_grad}
    loss = (module({name_in: image})[name_out] * asked).sum()
    found = torch.autograd.grad(loss, list(weights.values()))
    ours |= {key(one): gradient for one, gradient in zip(weights.values(), found, strict=True)}
    assert ours.keys() == theirs.keys()
    apart = differences(ours, theirs)
    assert apart[-1] <= LIMIT, apart[-5:]


def steady(model):
    """Images, what is asked of them, and Keras's gradients, where these do not hang on last bits: a
    rounding decides of some value in a large model on which side of a ReLU's bend it lies.
    """
    for seed in count(2):
        draws = np.random.default_rng(seed)
        image = torch.tensor(draws.normal(0, 1, (2, SIZE, SIZE, 3)), dtype=torch.float32)
        asked = torch.tensor(draws.normal(0, 1, (2, 10)), dtype=torch.float32)
        nudge = torch.tensor(draws.uniform(-NUDGE, NUDGE, image.shape), dtype=torch.float32)
        theirs = gradients(model, image, asked)
        if differences(gradients(model, image * (1 + nudge), asked), theirs)[-1] <= LIMIT:
            return image, asked, theirs
    raise AssertionError


def differences(ours, theirs):
    """Each tensor's largest difference as a part of its largest value, the largest last."""
    return sorted(
        float((ours[place].reshape(-1) - theirs[place].reshape(-1)).abs().max())
        / (float(theirs[place].abs().max()) or 1.0)
        for place in theirs
    )


def gradients(model, image, asked):
    """Keras's, of every weight and of the image."""
    found = zip(model.trainable_variables, of_keras(model, image, asked), strict=True)
    of_image = image_gradient(lambda x: model(x, training=False), image, asked)
    return {**{key(one.value): gradient for one, gradient in found}, "image": of_image}


def of_keras(model, image, asked):
    loss = (model(image, training=False) * asked).sum()
    return torch.autograd.grad(loss, [one.value for one in model.trainable_variables])


def image_gradient(call, image, asked):
    image = image.clone().requires_grad_()
    return torch.autograd.grad((call(image) * asked).sum(), image)[0]


def key(weight):
    """A weight by its values: they are random, so no two are alike."""
    return weight.detach().cpu().numpy().tobytes()
