"""Every layer of the catalogue, as its examples have it: into a Keras file and back out."""

from __future__ import annotations

import keras
import pytest

from tests.exchange.models import proved
from tests.keras import driver

#: Examples that Keras cannot make a functional model of, save, or load again.
NOT_IN_A_FILE = {
    "Activation-3": "a partial function is not written",
    "RandomColorDegeneration-2": "one channel is refused",
    "Equalization-1": "cut from its input", "Equalization-2": "cut from its input",
    "Equalization-3": "cut from its input",
    "StackedRNNCells-1": "no shape for nested states",
    "GroupQueryAttention-2": "query and value differ",
}  # fmt: skip
EXAMPLES = [one for one in driver.examples() if one.in_keras and one.id not in NOT_IN_A_FILE]
#: The suite takes the first example of each; that of `Pipeline` takes seconds in Keras.
FIRST = {one.name: one for one in reversed(EXAMPLES) if one.name != "Pipeline"}


@pytest.mark.parametrize("example", FIRST.values(), ids=lambda one: one.id)
def test_a_layer_comes_out_of_a_keras_file_as_it_was(example, tmp_path):
    through_a_file(example, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.id)
def test_every_argument_comes_out_of_a_keras_file_as_it_was(example, tmp_path):
    through_a_file(example, tmp_path)


def through_a_file(example, folder):
    keras.utils.clear_session(free_memory=False)
    layer, declared = driver.keras_layer(example.plain), driver.declared(example.plain)
    size = driver.BATCH if getattr(layer, "stateful", False) else None
    ports = driver.spread(
        lambda one: keras.Input(driver.shape_of(one), size, driver.dtype_of(one)),
        driver.of_ports(example.inputs, declared),
    )
    inputs = list(driver.tensors_in(ports))
    if type(layer).__name__ in driver.ON_A_LIST:
        outputs = layer(list(ports.values()), **layer.at_call)
    else:
        first, *rest = ports.values()
        named = dict(zip(list(ports)[1:], rest, strict=True))
        outputs = layer(first, **named, **layer.at_call)
    proved(keras.Model(inputs, keras.tree.flatten(outputs)), folder)
