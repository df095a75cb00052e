"""Layers that join tensors: what they refuse and say, and the masks that they make."""

from __future__ import annotations

import pytest
import torch

from modelspec.catalog.words import bind
from modelspec.language.word import Reject
from tests.keras.driver import call_ours

ELEMENTWISE = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]


def layer(name, **arguments):
    return bind("layers", {"type": name, **arguments})


def refusal(of, *shapes):
    with pytest.raises(Reject) as caught:
        of.shape(list(shapes))
    return caught.value


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_shapes_that_do_not_broadcast_are_named_with_their_axis(name):
    refused = refusal(layer(name), (5, 3), (5, 4))
    assert refused.message == (
        "the shapes are the same or broadcast, and (5, 3) and (5, 4) differ on axis 2: 3 and 4"
    )
    assert "batch as axis 0" in refused.help


def test_of_three_inputs_the_two_that_differ_are_named():
    message = refusal(layer("Add"), (1, 4), (3, 1), (3, 5)).message
    assert "(1, 4) and (3, 5) differ on axis 2: 4 and 5" in message
    message = refusal(layer("Add"), ("time", 4), ("steps", 4)).message
    assert "differ on axis 1: time and steps" in message


def test_named_and_unknown_sizes_go_through_a_merge():
    assert layer("Add").shape([("time", 4), (None, 1), (4,)]) == ("time", 4)
    assert layer("Concatenate").shape([("time", 4), ("time", 3)]) == ("time", 7)
    assert layer("Concatenate", axis=1).shape([("time", 4), (2, 4)]) == (None, 4)
    assert layer("Dot", axes=2).shape([("time", 4), ("steps", 4)]) == ("time", "steps")


@pytest.mark.parametrize("name", ["Subtract", "Dot"])
def test_two_tensors_are_two_tensors(name):
    made = layer(name, **({"axes": 1} if name == "Dot" else {}))
    assert refusal(made, (3,)).message == "it takes exactly 2 tensors, and here are 1"
    assert refusal(made, (3,), (3,), (3,)).message == "it takes exactly 2 tensors, and here are 3"


@pytest.mark.parametrize(
    ("axis", "shapes", "argument", "message", "help"),
    [
        (-1, [(5, 4), (6, 4)], "axis",
         "along axis -1 all other axes are the same, and (5, 4) and (6, 4) differ on axis 1: "
         "5 and 6", "they join along `axis: 1`"),
        (1, [(5, 4, 2), (5, 3, 1)], "axis",
         "along axis 1 all other axes are the same, and (5, 4, 2) and (5, 3, 1) differ on axis 2: "
         "4 and 3", ""),
        (3, [(5, 4), (5, 4)], "axis", "(5, 4) has no axis 3",
         "with the batch as axis 0 the last one is 2, or -1"),
        (0, [(5, 4), (5, 4)], "axis", "axis 0 is the batch, which stays as it is",
         "axes are counted with the batch as axis 0; the last one is -1"),
        (-3, [(5, 4), (5, 4)], "axis", "axis -3 is the batch, which stays as it is", None),
        (-1, [(5, 4), (4,)], "",
         "the tensors have the same number of axes, and (5, 4) has 2, (4) 1", None),
    ],
)  # fmt: skip
def test_concatenate_says_what_does_not_join(axis, shapes, argument, message, help):
    refused = refusal(layer("Concatenate", axis=axis), *shapes)
    assert (refused.argument, refused.message) == (argument, message)
    assert help is None or refused.help == help


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (1,
         "it sums over two axes of the same size, and axis 1 of (5, 4) is 5, axis 1 of (3, 4) 3"),
        ([2, 1],
         "it sums over two axes of the same size, and axis 2 of (5, 4) is 4, axis 1 of (3, 4) 3"),
        (3, "(5, 4) has no axis 3"),
        ([2, 0], "axis 0 is the batch, which stays as it is"),
    ],
)  # fmt: skip
def test_dot_says_which_axes_do_not_match(axes, message):
    refused = refusal(layer("Dot", axes=axes), (5, 4), (3, 4))
    assert (refused.argument, refused.message) == ("axes", message)


def test_operations_are_counted():
    assert layer("Add").flops((5, 4), [(5, 4)] * 3) == 40
    assert layer("Concatenate").flops((8,), [(4,), (4,)]) == 0
    assert layer("Dot", axes=2).flops((5, 3), [(5, 4), (3, 4)]) == 2 * 5 * 3 * 4


def test_integers_stay_integers_unless_a_float_joins_them():
    assert layer("Concatenate").dtypes("float32", ["int32", "int32"]) == ["int32"]
    assert layer("Add").dtypes("float32", ["int32", "int64"]) == ["int64"]
    assert layer("Add").dtypes("float16", ["int32", "float32"]) == ["float16"]
    assert layer("Average").dtypes("float32", ["int32", "int32"]) == ["float32"]
    xs = [torch.tensor([[1, 2]], dtype=torch.int32), torch.tensor([[5]], dtype=torch.int32)]
    joined = call_ours(layer("Concatenate"), {}, {"x": xs}).outputs[0]
    assert joined.dtype == torch.int32
    assert joined.tolist() == [[1, 2, 5]]


@pytest.mark.parametrize("name", [*ELEMENTWISE, "Concatenate"])
def test_one_mask_among_two_inputs_ends_or_covers_as_in_keras(name):
    xs = [torch.randn(2, 3, 4), torch.randn(2, 3, 4)]
    mask = torch.tensor([[True, True, False], [True, False, False]])
    given = call_ours(layer(name), {}, {"x": xs}, {"x": [mask, None]})
    if name == "Concatenate":
        assert given.mask.all()
    else:
        assert given.mask is None


def test_steps_joined_one_after_the_other_keep_their_masks():
    xs = [torch.randn(1, 2, 4), torch.randn(1, 3, 4)]
    masks = [torch.tensor([[True, False]]), None]
    given = call_ours(layer("Concatenate", axis=1), {}, {"x": xs}, {"x": masks})
    assert given.mask.tolist() == [[True, False, True, True, True]]


def test_proximity_of_zeros_is_zero_and_has_a_gradient():
    x = torch.zeros(2, 3, requires_grad=True)
    y = call_ours(layer("Dot", axes=1, normalize=True), {}, {"x": [x, torch.ones(2, 3)]})
    y.outputs[0].sum().backward()
    assert y.outputs[0].tolist() == [[0.0], [0.0]]
    assert torch.isfinite(x.grad).all()
