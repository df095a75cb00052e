"""The callbacks are Keras's: names, arguments, defaults; and what they refuse."""

from __future__ import annotations

import inspect

import keras
import pytest

from modelspec.catalog.words import bind, names
from modelspec.source.diagnostics import Rejected

#: Arguments of ours -> Keras's name; None where Keras has no such thing.
RENAMED = {"path": {"ModelCheckpoint": "filepath", "CSVLogger": "filename"}}
PATHS = {
    "ModelCheckpoint": {"path": "best"},
    "CSVLogger": {"path": "log.csv"},
    "LearningRateScheduler": {
        "schedule": {
            "type": "ExponentialDecay",
            "initial_learning_rate": 0.1,
            "decay_steps": 1,
            "decay_rate": 0.5,
        }
    },
}


def callback(name, **arguments):
    return bind("callbacks", {"type": name, **PATHS.get(name, {}), **arguments})


#: What Keras leaves to a program, `layer.reset_states()` between two calls of `fit`.
OWN = {"ResetStates"}


@pytest.mark.parametrize("name", sorted(set(names("callbacks")) - OWN))
def test_arguments_and_defaults_are_keras_s(name):
    parameters = inspect.signature(getattr(keras.callbacks, name)).parameters
    theirs = {n: p.default for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    theirs.pop("verbose", None)  # what is printed is the command line's
    made = callback(name)
    ours = {RENAMED.get(n, {}).get(name, n): getattr(made, n) for n in made.arguments}
    assert set(ours) == set(theirs)
    for argument, default in theirs.items():
        if default is not inspect.Parameter.empty:
            assert ours[argument] == default, argument


@pytest.mark.parametrize(
    ("monitor", "mode", "rises"),
    [
        ("val_loss", "auto", False),
        ("val_digit_accuracy", "auto", True),
        ("auc", "auto", True),
        ("val_mae", "auto", False),
        ("val_loss", "max", True),
        ("accuracy", "min", False),
    ],
)
def test_the_better_direction_follows_from_the_name(monitor, mode, rises):
    assert callback("EarlyStopping", monitor=monitor, mode=mode).rises() is rises


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("EarlyStopping", {"patience": -1}, "`patience` of `EarlyStopping` is an integer"),
        ("EarlyStopping", {"mode": "maximum"}, "`mode` of `EarlyStopping` is"),
        ("ReduceLROnPlateau", {"factor": 1.0}, "`factor` of `ReduceLROnPlateau` is a number"),
        ("CSVLogger", {"separator": ", "}, "`separator` is one character"),
        ("ModelCheckpoint", {"save_freq": 10, "save_best_only": True}, "at the end of an epoch"),
        ("ModelCheckpoint", {"save_freq": "batch"}, "`save_freq` of `ModelCheckpoint` is"),
    ],
)
def test_wrong_values_are_refused(name, arguments, message):
    with pytest.raises(Rejected) as caught:
        callback(name, **arguments)
    assert message in str(caught.value)
