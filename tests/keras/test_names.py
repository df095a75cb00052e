"""Every layer of Keras's is a word here or is refused with what to use; so are its arguments."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import pytest

from modelspec.catalog.refused import refused
from modelspec.catalog.words import find
from modelspec.language.kinds import REQUIRED

LAYERS = [n for n in dir(keras.layers) if isinstance(getattr(keras.layers, n), type)]

#: Arguments that are an entry's own keys, or have no counterpart: why.
LEFT_OUT = {
    "name": "an entry's key", "dtype": "an entry's key", "trainable": "an entry's key",
    "weights": "an entry's key",
    "lora_rank": "adapters are layers of their own", "lora_alpha": "as lora_rank",
    "quantization_config": "weights are not quantized",
    "gptq_unpacked_column_size": "weights are not quantized",
    "use_cudnn": "which kernel runs is not a spec's to say",
}  # fmt: skip

#: Defaults that differ: why.
DIFFERENT = {("CategoryEncoding", "num_tokens"): "Keras's default, None, is refused by Keras"}


def bare(value: Any) -> Any:
    """A default without how it is written: `GlorotUniform`, (2, 2), 2."""
    if isinstance(value, tuple | list):
        items = [bare(one) for one in value]
        return items[0] if len({repr(one) for one in items}) == 1 else items
    return value.lower().replace("_", "") if isinstance(value, str) else value


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_keras_s_is_a_word_or_says_what_to_use(name):
    known, why = find("layers", name), refused("layers", name)
    assert (known is None) != (why is None)


@pytest.mark.parametrize("name", [name for name in LAYERS if find("layers", name) is not None])
def test_arguments_have_keras_s_names_and_defaults(name):
    cls = find("layers", name)
    for key, given in inspect.signature(getattr(keras.layers, name).__init__).parameters.items():
        named = given.kind in (given.POSITIONAL_OR_KEYWORD, given.KEYWORD_ONLY)
        if not named or key == "self" or key in LEFT_OUT or (cls.__name__, key) in DIFFERENT:
            continue
        assert key in cls.arguments
        default = REQUIRED if given.default is given.empty else given.default
        if key == "data_format" and default is None:
            default = "channels_last"  # keras.config.image_data_format()
        assert bare(cls.arguments[key].default) == bare(default), key
