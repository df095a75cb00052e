"""What the tests of data share: fields, sources and wanted tensors in a few letters."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from modelspec.catalog.words import bind
from modelspec.engine.data import Wanted, prepare
from modelspec.source.diagnostics import Rejected


def encoder(name, **arguments):
    return bind("encoders", {"type": name, **arguments})


def source(name, **arguments):
    return bind("sources", {"type": name, **arguments})


def field(column=None, columns=None, encode=None):
    encode = encoder(encode) if isinstance(encode, str) else encode
    return SimpleNamespace(column=column, columns=columns, encode=encode, span=None)


def takes(name, shape=(), dtype="float32", **given):
    return Wanted(name, "input", shape, dtype, field(**given) if given else None)


def target(name, shape=(), dtype="int64", **given):
    return Wanted(name, "target", shape, dtype, field(**given) if given else None)


def weight(name, **given):
    return Wanted(name, "weight", (), "float32", field(**given) if given else None)


def prepared(train, *wanted, validation=None, test=None, encoders=None, seed=0):
    data = SimpleNamespace(train=train, validation=validation, test=test, fields={})
    return prepare(data, list(wanted), seed, encoders)


def everything(samples):
    """All samples as NumPy arrays, by name."""
    batch = samples.batch(np.arange(len(samples)))
    return {name: tensor.numpy() for name, tensor in batch.items()}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def refused(code, function, *arguments, **named):
    """The one fault that a call is refused with: its message, notes and help as one text."""
    with pytest.raises(Rejected) as caught:
        function(*arguments, **named)
    (fault,) = caught.value.diagnostics
    assert fault.code == code
    return "\n".join([fault.message, *fault.notes, *fault.help])
