"""A spec beside the same model written in Keras: weights copied, numbers compared.

A test class names the spec and writes the guide's model; the tests it inherits do the rest. Where
the model is too large to be trained in a test, `smaller` replaces sizes in the spec's text, and
`model` takes the same sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import pytest
import torch
from torch import Tensor

from modelspec.catalog.training import Training
from modelspec.catalog.words import bind
from modelspec.compiler import compile
from modelspec.engine.objective import Meter, Objective
from modelspec.engine.runner import Runner
from modelspec.engine.step import Step, Trainable
from modelspec.model.graph import Graph
from modelspec.source.text import Source
from tests.conftest import ROOT

SPECS = ROOT / "specs"
Arrays = dict[str, np.ndarray]


@contextmanager
def keras_in(dtype: str) -> Iterator[None]:
    """Keras with another default dtype. Its policy is remembered apart from `floatx`."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


class Twins(NamedTuple):
    """One model twice, with the same weights: ours by name, Keras's inside its layers."""

    graph: Graph
    model: Any
    weights: dict[str, Tensor]

    def fresh(self) -> dict[str, Tensor]:
        """Weights of our own, to be trained."""
        return {name: value.clone() for name, value in self.weights.items()}


class AgainstKeras:
    """What is tested of every model of the guide."""

    spec: ClassVar[str]
    #: What the guide hands to `compile`; where it compiles nothing, what the spec says.
    compiled: ClassVar[dict[str, Any]]
    #: Where Keras holds a model under one name and the spec under another.
    places: ClassVar[dict[str, str]] = {}
    #: Text of the spec -> text of the same length in a model that trains in a test.
    smaller: ClassVar[dict[str, str]] = {}
    #: The arguments of `model` that go with it.
    sizes: ClassVar[dict[str, Any]] = {}
    samples: ClassVar[int] = 3

    @staticmethod
    def model(**sizes: Any) -> Any:
        """The model as the guide writes it."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def twins(cls) -> Twins:
        """At the size of the guide."""
        return cls.pair(SPECS / cls.spec, {}, "float32")

    @pytest.fixture(scope="class")
    @classmethod
    def compared(cls, twins: Twins) -> Twins:
        """At the largest size where one pass is quick."""
        return twins

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, tmp_path_factory: pytest.TempPathFactory) -> Twins:
        """At a size that trains in a test, in float64.

        The first steps of RMSprop and Adam are the sign of a gradient: where one is next to zero,
        float32's rounding decides which way a weight goes, on both sides.
        """
        folder = tmp_path_factory.mktemp("smaller")
        return cls.pair(cls.shrunk(folder), cls.sizes, "float64")

    @classmethod
    def shrunk(cls, folder: Path) -> Path:
        """The spec with smaller sizes in its text, in a folder with the specs that it reads."""
        for path in SPECS.glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            for large, small in cls.smaller.items():
                text = text.replace(large, small)
            (folder / path.name).write_text(text, encoding="utf-8")
        return folder / cls.spec

    @classmethod
    def pair(cls, path: Path, sizes: dict[str, Any], dtype: str) -> Twins:
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(7)
        graph = compile(Source.read(str(path)))
        with keras_in(dtype):
            model = cls.model(**sizes)
        move_off_zero(model)
        return Twins(graph, model, copied(model, cls.places))

    def test_every_weight_of_keras_is_a_weight_of_the_spec(self, twins: Twins) -> None:
        assert twins.graph.parameters == twins.model.count_params()
        shapes = {name: tuple(value.shape) for name, value in twins.weights.items()}
        assert shapes == {name: w.shape for name, w in twins.graph.weights().items()}

    def test_outputs_have_the_shapes_that_keras_gives_them(self, twins: Twins) -> None:
        tensors = twins.graph.program.tensors
        ours = [tensors[id].shape for id in twins.graph.program.outputs.values()]
        assert ours == [tuple(one.shape[1:]) for one in twins.model.outputs]

    def test_outputs_are_those_of_keras(self, compared: Twins) -> None:
        x = inputs(compared.graph, self.samples)
        with torch.no_grad():
            outcome = Runner.of(compared.graph)(compared.weights, tensors(x))
            theirs = listed(compared.model(alone(x)))
        for id, expected in zip(compared.graph.program.outputs.values(), theirs, strict=True):
            close(outcome.values[id], expected, 1e-5)

    def test_gradients_of_every_weight_are_those_of_keras(self, compared: Twins) -> None:
        graph, model = compared.graph, compared.model
        x, y = inputs(graph, self.samples), targets(graph, self.samples)
        model.compile(**self.compiled)
        ours = gradients(graph, compared.weights, tensors(x | y))
        predicted = listed(model(alone(x), training=True))
        loss = model.compute_loss(y=list(tensors(y).values()), y_pred=predicted)
        model.zero_grad()
        loss.backward()
        for name, variable in variables(model, self.places).items():
            close(ours[name], variable.value.grad, 1e-4, name)
        model.zero_grad()

    @pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
    def test_losses_of_two_epochs_are_those_of_keras(self, trained: Twins, optimizer: str) -> None:
        graph, model = trained.graph, trained.model
        samples = 2 * self.samples + 1  # the last batch is smaller
        x, y = doubles(inputs(graph, samples)), doubles(targets(graph, samples))
        ours = epochs(graph, trained.fresh(), x | y, optimizer, self.samples)
        before = model.get_weights()
        with keras_in("float64"):
            model.compile(**{**self.compiled, "optimizer": optimizer})
            kept = model.fit(
                alone(x),
                alone(y),
                epochs=2,
                batch_size=self.samples,
                shuffle=False,
                verbose=0,
            )
        model.set_weights(before)
        np.testing.assert_allclose(ours, kept.history["loss"], rtol=1e-5)


# -- ours ----------------------------------------------------------------------------------


def gradients(
    graph: Graph, weights: Mapping[str, Tensor], batch: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The gradients of the whole loss, by weight."""
    leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
    outcome = Runner.of(graph)(leaves, batch, training=True)
    total = Objective(graph)(outcome, batch, leaves).total
    found = torch.autograd.grad(total, list(leaves.values()))
    return dict(zip(leaves, found, strict=True))


def epochs(
    graph: Graph, weights: dict[str, Tensor], arrays: Arrays, optimizer: str, batch: int
) -> list[float]:
    """The losses of two epochs in the order of the data."""
    training: Any = Training.of({**graph.spec.training.__dict__, "callbacks": []})
    training.__dict__["optimizer"] = bind("optimizers", optimizer)
    step, at, meter = Step(graph, training), Trainable(graph, weights, training), Meter(graph)
    step.cast = torch.float64
    losses = []
    for _ in range(2):
        meter.begin()
        for start in range(0, len(next(iter(arrays.values()))), batch):
            part = {name: value[start : start + batch] for name, value in tensors(arrays).items()}
            taken = step(at, part)
            meter.add(taken.values, taken.outcome, part, len(next(iter(part.values()))))
        losses.append(meter.logs()["loss"])
    return losses


# -- Keras's -------------------------------------------------------------------------------


def variables(model: Any, places: Mapping[str, str]) -> dict[str, Any]:
    """Keras's variables under the names that the spec gives them."""
    found: dict[str, Any] = {}

    def walk(layer: Any, path: str) -> None:
        path = places.get(path, path)
        if isinstance(layer, keras.layers.TimeDistributed):
            return walk(layer.layer, path if path in places.values() else f"{path}.layer")
        if hasattr(layer, "layers"):
            for inner in layer.layers:
                walk(inner, f"{path}.{inner.name}" if path else inner.name)
        else:
            found.update({f"{path}.{one.name}": one for one in layer.weights})
        return None

    walk(model, "")
    return found


def copied(model: Any, places: Mapping[str, str]) -> dict[str, Tensor]:
    """Keras's values under the spec's names; the same memory."""
    named = variables(model, places)
    return {name: variable.value.detach() for name, variable in named.items()}


def move_off_zero(model: Any) -> None:
    """Biases that are all zero would hide a bias that is left out."""
    draws = np.random.default_rng(3)
    for variable in model.weights:
        if len(variable.shape) == 1:
            drawn = draws.normal(0, 0.1, variable.shape).astype(variable.dtype)
            variable.assign(variable.value.detach().numpy() + drawn)


# -- data ----------------------------------------------------------------------------------


def inputs(graph: Graph, samples: int) -> Arrays:
    """Random samples for each input; integers are words of the guide's vocabulary."""
    draws = np.random.default_rng(11)
    found: Arrays = {}
    for name, id in graph.program.inputs.items():
        tensor = graph.program.tensors[id]
        shape: Any = (samples, *(tensor.shape or ()))
        if tensor.dtype == "int32":
            found[name] = draws.integers(1, 10_000, shape).astype("int32")
        else:
            found[name] = draws.normal(size=shape).astype("float32")
    return found


def targets(graph: Graph, samples: int) -> Arrays:
    """Random targets that fit each output's loss."""
    draws = np.random.default_rng(13)
    found: Arrays = {}
    for name, head in graph.heads.items():
        shape: Any = (samples, *head.target_shape)
        loss = type(head.losses[0]).__name__
        if loss == "CategoricalCrossentropy":
            classes = draws.integers(0, shape[-1], shape[:-1])
            found[name] = np.eye(shape[-1], dtype="float32")[classes]
        elif loss == "BinaryCrossentropy":
            found[name] = draws.integers(0, 2, shape).astype("float32")
        else:
            found[name] = draws.normal(size=shape).astype("float32")
    return found


def doubles(arrays: Arrays) -> Arrays:
    return {n: v.astype("float64") if v.dtype == "float32" else v for n, v in arrays.items()}


def tensors(arrays: Arrays) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in arrays.items()}


def alone(arrays: Arrays) -> Any:
    """As Keras takes them: a list, or the only one."""
    values = list(arrays.values())
    return values if len(values) > 1 else values[0]


def listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def close(ours: Tensor, theirs: Tensor, tolerance: float, what: str = "") -> None:
    """Equal within `tolerance` of the largest of Keras's numbers."""
    assert ours.shape == theirs.shape, what
    largest = theirs.abs().max().item()
    apart = (ours - theirs).abs().max().item()
    assert apart <= tolerance * largest, f"{what}: {apart:.2g} apart, the largest {largest:.2g}"
