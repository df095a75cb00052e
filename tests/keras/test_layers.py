"""Every example of every layer agrees with Keras: shapes, weights, values, gradients, masks."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import pytest
import torch
from keras.src import backend
from torch import Tensor

from modelspec.catalog.index import INDEX
from modelspec.catalog.words import find, names
from modelspec.engine.lowering import lowering
from modelspec.language.layer import Layer
from modelspec.language.word import Reject
from tests.keras.driver import (
    AT_CALL,
    KERAS_NAMES,
    MASK_IS_AN_ARGUMENT,
    Pair,
    call_keras,
    call_ours,
    dtype_of,
    examples,
    keras_weights,
    layer_inside,
    spread,
    tensors_in,
)

VALUES, GRADIENTS = 1e-5, 1e-4

#: Families that are not written yet; this list shrinks to nothing.
UNWRITTEN: set[str] = set()

EXAMPLES = examples()
each = pytest.mark.parametrize("example", [e for e in EXAMPLES if e.in_keras], ids=lambda e: e.id)


def listed(outputs: Any) -> list[Any]:
    return list(keras.tree.flatten(outputs))


def assert_close(
    ours: Tensor, theirs: Tensor, tolerance: float, what: str, least: float = 1.0
) -> None:
    """Within a share of the largest value (or of `least`, where all are smaller)."""
    assert ours.shape == theirs.shape, what
    wished = theirs.detach().double()
    scale = float(wished.abs().max().clamp(min=least))
    apart = float((ours.detach().double() - wished).abs().max())
    assert apart <= tolerance * scale, f"{what}: {apart:.3g} apart, the largest is {scale:.3g}"


def output_shapes(layer: Layer, shapes: list[Any]) -> list[Any]:
    shape = wrapped_shape(layer, *shapes) if hasattr(layer, "wraps") else layer.shape(*shapes)
    return shape if isinstance(shape, list) else [shape]


def wrapped_shape(layer: Any, x: Any) -> Any:
    """What a wrapper gives, from its layer's shape, as the checker finds it."""
    inside = layer_inside(layer).shape(layer.inner(x))
    return layer.outer(x, inside if isinstance(inside, list) else [inside])


@each
def test_the_declared_shapes_dtypes_and_weights_are_keras_s_and_torch_s(example):
    pair = Pair(example)
    given = call_ours(pair.ours, pair.weights, pair.inputs)
    shapes = output_shapes(pair.ours, pair.shapes)
    assert shapes == [tuple(y.shape[1:]) for y in given.outputs]
    assert len(shapes) == len(pair.ours.returns())

    by_port = spread(dtype_of, pair.written)
    dtypes = pair.ours.dtypes("float32", *[by_port.get(port.name) for port in pair.ours.ports()])
    theirs = listed(call_keras(pair.theirs, pair.inputs))
    assert [str(y.dtype).removeprefix("torch.") for y in given.outputs] == dtypes
    assert [keras.backend.standardize_dtype(y.dtype) for y in theirs] == dtypes
    assert [tuple(y.shape[1:]) for y in theirs] == shapes

    variables = keras_weights(pair.theirs)
    renamed = KERAS_NAMES.get(example.name, {})
    expected = [renamed.get(w.name, w.name.split(".")[-1]) for w in pair.ordered()]
    assert [v.name for v in variables] == expected
    assert [tuple(v.shape) for v in variables] == [w.shape for w in pair.ordered()]
    assert [v.trainable for v in variables] == [w.trainable for w in pair.ordered()]


@each
def test_values_and_gradients_are_keras_s(example):
    pair = Pair(example)
    ours = {
        name: value.clone().requires_grad_(value.is_floating_point())
        for name, value in pair.weights.items()
    }
    our_inputs, our_leaves = pair.leaves()
    their_inputs, their_leaves = pair.leaves()
    given = call_ours(pair.ours, ours, our_inputs).outputs
    wanted = listed(call_keras(pair.theirs, their_inputs))
    for y, wished in zip(given, wanted, strict=True):
        assert_close(y, wished, VALUES, "values")

    trained = [w.name for w in pair.ordered() if w.trainable]
    their_weights = [v.value for v in pair.theirs.trainable_weights]
    generator = torch.Generator().manual_seed(example.seed + 2)
    pulls = [torch.randn(y.shape, generator=generator) for y in given]
    mine = gradients(given, pulls, [*our_leaves, *(ours[name] for name in trained)])
    keras_s = gradients(wanted, pulls, [*their_leaves, *their_weights])
    labels = [f"input {i}" for i in range(len(our_leaves))] + trained
    for label, g, wished in zip(labels, mine, keras_s, strict=True):
        assert_close(g, wished, GRADIENTS, f"gradient of {label}", least=0.01)


def gradients(outputs: list[Tensor], pulls: list[Tensor], leaves: list[Tensor]) -> list[Tensor]:
    """Gradients of the outputs' sum, each times a random pull; zeros where none reaches."""
    pairs = [(y, pull) for y, pull in zip(outputs, pulls, strict=True) if y.requires_grad]
    if not pairs or not leaves:
        return [torch.zeros_like(leaf) for leaf in leaves]
    total = sum((y * pull).sum() for y, pull in pairs)
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf) if g is None else g for g, leaf in zip(found, leaves, strict=True)
    ]


@each
def test_training_is_keras_s_where_nothing_is_drawn(example):
    pair = Pair(example)
    given = call_ours(pair.ours, pair.weights, pair.inputs, training=True)
    if given.is_random:
        pytest.skip("random in training: its owner tests the distribution")
    wanted = listed(call_keras(pair.theirs, pair.inputs, training=True))
    for y, wished in zip(given.outputs, wanted, strict=True):
        assert_close(y, wished, VALUES, "values in training")
    after = {**pair.weights, **given.updates}
    for weight, variable in zip(pair.ordered(), keras_weights(pair.theirs), strict=True):
        assert_close(after[weight.name], variable.value.detach(), VALUES, f"{weight.name} after")


def told(name: str, masks: dict[str, Any]) -> dict[str, Any]:
    """The mask as an argument, where Keras forgets the one that its input carries."""
    return {"mask": masks["sequence"]} if name in MASK_IS_AN_ARGUMENT else {}


@each
def test_masks_are_keras_s(example):
    pair = Pair(example)
    masks = pair.masks()
    if all(mask is None for mask in tensors_in(masks)):
        pytest.skip("no input has a time axis")
    given = call_ours(pair.ours, pair.weights, pair.inputs, masks)
    for x, mask in zip(tensors_in(pair.inputs), tensors_in(masks), strict=True):
        if mask is not None:
            backend.set_keras_mask(x, mask)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns where a mask ends
            wanted = listed(call_keras(pair.theirs, pair.inputs, **told(example.name, masks)))
    except (ValueError, IndexError, RuntimeError) as refused:
        pytest.skip(f"Keras refuses the mask: {refused}")
    for y, wished in zip(given.outputs, wanted, strict=True):
        assert_close(y, wished, VALUES, "values under a mask")
    masks_given = given.mask if isinstance(given.mask, tuple) else [given.mask]
    if example.name in AT_CALL:
        masks_given = masks_given[:1]  # Keras's softmax forgets its own mask on the scores
    for ours, y in zip(masks_given, wanted, strict=False):
        same = any(y is x for x in tensors_in(pair.inputs))  # which keeps what Keras forgets
        forgets = same and not pair.theirs.supports_masking
        mask = None if forgets else backend.get_keras_mask(y)
        assert (ours is None) == (mask is None)
        if mask is not None:
            assert torch.equal(ours, mask)


@each
def test_a_shape_of_unknown_sizes_is_the_same_wherever_it_is_known(example):
    pair = Pair(example)
    known = output_shapes(pair.ours, pair.shapes)
    for axis in range(max(x.ndim - 1 for x in tensors_in(pair.inputs))):
        for unknown in (None, "time"):
            try:
                shapes = output_shapes(pair.ours, [blur(s, axis, unknown) for s in pair.shapes])
            except Reject:
                continue  # the layer needs that size
            for shape, sizes in zip(shapes, known, strict=True):
                assert len(shape) == len(sizes)
                assert all(d in (None, "time", size) for d, size in zip(shape, sizes, strict=True))


def blur(shapes: Any, axis: int, unknown: Any) -> Any:
    """The same shapes with one axis unknown."""
    if shapes is None:
        return None
    if isinstance(shapes, list):
        return [blur(shape, axis, unknown) for shape in shapes]
    return tuple(unknown if i == axis else size for i, size in enumerate(shapes))


@pytest.mark.parametrize("family", list(INDEX["layers"]))
def test_the_index_and_the_module_declare_the_same_layers(family):
    if family in UNWRITTEN:
        pytest.skip("not written yet")
    module = import_module(f"modelspec.catalog.{family}")
    declared = {
        value.__name__
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Layer)
        and value.__module__ == module.__name__
        and not any(value in other.__bases__ for other in vars(module).values()
                    if isinstance(other, type))
    }  # fmt: skip
    assert declared == set(INDEX["layers"][family])


@pytest.mark.parametrize("name", names("layers"))
def test_a_layer_is_declared_lowered_and_shown_three_times(name):
    family = next(f for f, listed_ in INDEX["layers"].items() if name in listed_)
    if family in UNWRITTEN:
        pytest.skip("not written yet")
    cls = find("layers", name)
    assert cls is not None
    assert issubclass(cls, Layer)
    assert lowering(cls).function
    assert cls.__doc__
    shown = [e for e in EXAMPLES if e.name == name]
    assert len(shown) >= 3
    given = set().union(*(e.plain for e in shown))
    assert not set(cls.arguments) - given, "arguments that no example sets"


def test_what_stands_as_unwritten_is():
    engine = Path(__file__).resolve().parents[2] / "modelspec" / "engine"
    written = {f for f in UNWRITTEN if (engine / f"{f.replace('.', '/')}.py").exists()}
    assert not written, "take these out of UNWRITTEN"
