"""Operations agree with keras.ops: shapes, dtypes, values, gradients; no sample meets another."""

from __future__ import annotations

import functools

import keras
import numpy
import pytest
import torch

from modelspec.catalog.index import INDEX
from modelspec.catalog.words import bind, find, snake
from modelspec.compiler import compile
from modelspec.engine.module import Module
from modelspec.language import dtypes
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source
from tests.keras.driver import (
    call_ours,
    declared,
    drawn,
    dtype_of,
    examples,
    is_operation,
    of_ports,
    shape_of,
    spread,
    tensors_in,
)

EXAMPLES = [e for e in examples() if is_operation(e.name)]
each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.id)


def keras_key(key):
    return tuple(
        slice(*[int(n) if n else None for n in one.split(":")]) if isinstance(one, str) else one
        for one in key
    )


def keras_call(name, arguments, ports):
    """The function of keras.ops on the same tensors, with the same arguments."""
    name = snake(name).removeprefix("ops.")
    function = getattr(keras.ops, name)
    given = {**ports, **arguments}
    match name:
        case "count_nonzero":  # Keras's, on torch, turns some of its results around
            axis = tuple(listed(given["axis"]))
            return keras.ops.cast(keras.ops.sum(keras.ops.not_equal(given["x"], 0), axis), "int32")
        case "pad" if given.get("mode") == "symmetric":  # Keras repeats the edge on torch
            return symmetric(given["x"], given["pad_width"])
        case "cast":
            return function(given["x"], given["to"])
        case "get_item":
            return function(given["x"], keras_key(given["key"]))
        case "slice":
            sizes = (given["x"].shape[0], *given["shape"][1:])
            return function(given["x"], given["start_indices"], sizes)
        case "einsum":
            return function(given["subscripts"], *ports["x"])
        case "concatenate":
            return function(ports["x"], axis=given["axis"])
        case "stop_gradient":
            return function(given["x"])
        case "reshape" | "broadcast_to":
            size = given["x"].shape[0]
            shape = given.pop("newshape")
            return function(given["x"], (size, *shape[1:]))
        case "transpose":
            given["axes"] = [axis % given["x"].ndim for axis in given["axes"]]
        case "norm" | "squeeze" | "expand_dims":
            if isinstance(given["axis"], list):
                given["axis"] = tuple(given["axis"])
        case "sum" | "mean" | "max" | "min" | "prod" | "var" | "std" | "any" | "all" \
                | "count_nonzero" | "logsumexp" if isinstance(given["axis"], list):  # fmt: skip
            given["axis"] = tuple(given["axis"])
        case "flip":
            for axis in given["axis"] if isinstance(given["axis"], list) else [given["axis"]]:
                given["x"] = function(given["x"], axis=axis)
            return given["x"]
    return function(**given)


def symmetric(x, widths):
    """NumPy's, which Keras has elsewhere, as a choice of elements that gradients pass."""
    places = numpy.pad(numpy.arange(x.numel()).reshape(x.shape), widths, mode="symmetric")
    return x.flatten()[torch.from_numpy(places)]


def listed(made):
    return list(made) if isinstance(made, tuple | list) else [made]


def same(ours, theirs, tolerance=1e-5):
    torch.testing.assert_close(
        ours.double(), theirs.double(), rtol=tolerance, atol=tolerance, equal_nan=True
    )


@each
def test_shapes_dtypes_values_and_gradients_are_keras_s(example):
    ours = declared(example.plain)
    written = of_ports(example.inputs, ours)
    generator = torch.Generator().manual_seed(example.seed)
    inputs = spread(functools.partial(drawn, generator=generator), written)
    arguments = {key: value for key, value in example.plain.items() if key != "type"}
    sides = []
    for call in (lambda ports: call_ours(ours, {}, ports).outputs,
                 lambda ports: listed(keras_call(example.name, arguments, ports))):  # fmt: skip
        leaves = {name: leaf(value) for name, value in inputs.items()}
        made = call(leaves)
        floats = [x for x in tensors_in(leaves) if x.requires_grad]
        pulled = [y for y in made if y.requires_grad]
        if example.name == "ops.FloorDivide":
            pulled = []  # torch refuses Keras's; ours is flat
        total = sum((y * (1 + y.detach().cos())).sum() for y in pulled)
        grads = torch.autograd.grad(total, floats, allow_unused=True) if pulled else []
        sides.append((made, grads))
    (made, grads), (wished, keras_s) = sides
    assert len(made) == len(wished) == len(ours.returns())
    for y, other in zip(made, wished, strict=True):
        if not is_same_index(example, y, other):
            same(y, other)
    for g, other in zip(grads, keras_s, strict=True):
        assert (g is None) == (other is None)
        if g is not None:
            same(g, other, 1e-4)
    shapes = [spread(shape_of, written).get(port.name) for port in ours.ports()]
    kinds = [spread(dtype_of, written).get(port.name) for port in ours.ports()]
    shape = ours.shape(*shapes)
    assert listed_shapes(shape) == [tuple(y.shape[1:]) for y in made]
    told = ours.dtypes("float32", *kinds)
    assert [str(y.dtype).removeprefix("torch.") for y in made] == told
    if "int64" not in kinds:  # Keras has no 64-bit types unless asked for
        if example.name == "ops.TopK":
            told[1] = "int64"  # what Keras makes on torch; its own declaration says int32
        assert [keras.backend.standardize_dtype(y.dtype) for y in wished] == told


def leaf(value):
    """A copy that gradients reach, where they can."""
    if isinstance(value, list):
        return [leaf(one) for one in value]
    return value.clone().requires_grad_(value.is_floating_point())


def listed_shapes(shape):
    return shape if isinstance(shape, list) else [shape]


def is_same_index(example, y, other):
    """Sorting equal integers may go either way."""
    return example.name == "ops.Argsort" and y.shape == other.shape and example.number == 3


@each
def test_unknown_sizes_stay_unknown(example):
    ours = declared(example.plain)
    written = of_ports(example.inputs, ours)
    shapes = [spread(shape_of, written).get(port.name) for port in ours.ports()]
    exact = listed_shapes(ours.shape(*shapes))
    blurred = [
        [tuple(None for _ in s) for s in one] if isinstance(one, list) else tuple(None for _ in one)
        for one in shapes
    ]
    try:
        vague = listed_shapes(ours.shape(*blurred))
    except Reject:
        return
    for shape, sizes in zip(vague, exact, strict=True):
        assert len(shape) == len(sizes)
        assert all(d is None or d == size for d, size in zip(shape, sizes, strict=True))


ONE = [n for family, names in INDEX["layers"].items() if ".ops." in family for n in names]
KINDS = ["bool", "uint8", "int8", "int16", "int32", "float32"]
NEEDS = {
    "ops.Clip": {"x_min": 1, "x_max": 2}, "ops.Cast": {"to": "int8"}, "ops.TopK": {"k": 1},
    "ops.FullLike": {"fill_value": 1}, "ops.OneHot": {"num_classes": 4},
    "ops.Repeat": {"repeats": 2}, "ops.Tile": {"repeats": 2}, "ops.Roll": {"shift": 1},
    "ops.Pad": {"pad_width": [[0, 0], [1, 1]]}, "ops.Take": {"indices": 0},
    "ops.Reshape": {"newshape": [None, 2, 2]}, "ops.BroadcastTo": {"newshape": [None, 4]},
    "ops.Transpose": {"axes": [0, 1]}, "ops.Split": {"indices_or_sections": 2},
    "ops.Unstack": {"num": 4}, "ops.GetItem": {"key": [":", 0]},
    "ops.Slice": {"start_indices": [0, 1], "shape": [None, 2]},
    "ops.Moveaxis": {"source": 1, "destination": -1},
}  # fmt: skip

SHOWN = {
    "ops.Swapaxes", "ops.Squeeze", "ops.Tril", "ops.Triu", "ops.TakeAlongAxis", "ops.Stack",
    "ops.Concatenate", "ops.Matmul", "ops.Einsum", "ops.Where",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ONE)
def test_dtypes_of_one_operand_are_keras_s(name, kind):
    cls = find("layers", name)
    arguments = {"axis": 1} if "axis" in cls.arguments else {}
    arguments |= {"x2": 2} if "x2" in cls.arguments else {}
    arguments |= NEEDS.get(name, {})
    if name in SHOWN:
        pytest.skip("moves elements, or the examples show it")
    ours = bind("layers", {"type": name, **arguments})
    ports = ours.ports()
    x = torch.tensor([[1, 2, 3, 1], [0, 1, 1, 1]]).to(getattr(torch, kind))
    try:
        wished = listed(keras_call(name, arguments, {ports[0].name: x}))
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        pytest.skip("Keras cannot")
    if not dtypes.accepts(ports[0].accepts, kind) or kind in ours.refuses:
        pytest.skip("refused")
    made = call_ours(ours, {}, {ports[0].name: x}).outputs
    assert made[0].dtype == wished[0].dtype
    for y, other in zip(made, wished, strict=True):
        if name != "ops.Argsort":
            same(y, other)


def test_promotion_is_keras_s():
    kinds = ["bool", "uint8", "int8", "int16", "int32", "uint16"]
    for left in kinds:
        for right in kinds:
            assert dtypes.promote([left, right]) == keras.backend.result_type(left, right)
    assert dtypes.promote(["uint32", "int8"]) == "int64"  # Keras has no 64 bits unless asked for


@pytest.mark.parametrize(("plain", "shapes", "message"), [
    ({"type": "ops.Mean", "axis": 0}, [(4,)], "axis 0 is the batch, and samples do not mix"),
    ({"type": "ops.Mean", "axis": [1, -3]}, [(4, 2)], "axis -3 is the batch"),
    ({"type": "ops.Sum", "axis": 3}, [(4,)], "there is no axis 3"),
    ({"type": "ops.Sum", "axis": [1, -1]}, [(4,)], "names an axis twice"),
    ({"type": "ops.Softmax", "axis": 0}, [(4,)], "axis 0 is the batch"),
    ({"type": "ops.Reshape", "newshape": [None, 3]}, [(4,)], "4 elements in a sample, and this 3"),
    ({"type": "ops.Transpose", "axes": [1, 0]}, [(4,)], "axis 0 is the batch, and stays first"),
    ({"type": "ops.Tile", "repeats": [2, 1]}, [(4,)], "samples are not repeated"),
    ({"type": "ops.Add"}, [(4, 2), (4,)], "the batch of one with another axis of the other"),
    ({"type": "ops.Add"}, [(4, 2), (3, 2)], "do not broadcast: 4 is not 3"),
    ({"type": "ops.Matmul"}, [(4, 2), (3, 2)], "rows of"),
    ({"type": "ops.Matmul"}, [(4, 2), (2, 2, 3)], "as many axes as each other"),
    ({"type": "ops.Einsum", "subscripts": "...i,...i->..."}, [[(2, 4, 3), (4, 3)]],
     "as many axes of every operand"),
    ({"type": "ops.Split", "indices_or_sections": 3, "axis": 1}, [(4,)], "do not divide 4"),
    ({"type": "ops.Squeeze", "axis": 1}, [(4,)], "has size 4, not 1"),
    ({"type": "ops.TopK", "k": 5}, [(4,)], "has 4 elements"),
    ({"type": "ops.Take", "indices": 4, "axis": 1}, [(4,)], "has no element 4"),
    ({"type": "ops.Moveaxis", "source": 0, "destination": 1}, [(4, 2)], "axis 0 is the batch"),
    ({"type": "ops.Moveaxis", "source": 1, "destination": -3}, [(4, 2)], "axis -3 is the batch"),
    ({"type": "ops.Slice", "start_indices": [0, 2], "shape": [None, 3]}, [(4,)], "3 from 2 on"),
    ({"type": "ops.Slice", "start_indices": [0, 2], "shape": [None, 3]}, [(4, 2)], "not 1"),
])  # fmt: skip
def test_what_would_mix_samples_or_does_not_fit_is_refused(plain, shapes, message):
    with pytest.raises(Reject, match=message):
        bind("layers", plain).shape(*shapes)


@pytest.mark.parametrize(("plain", "message"), [
    ({"type": "ops.Mean"}, "needs `axis`"),
    ({"type": "ops.Add", "x1": 1, "x2": 2}, "one of the operands is a tensor"),
    ({"type": "ops.Clip", "x_min": 2, "x_max": 1}, "2 is above `x_max`, 1"),
    ({"type": "ops.Einsum", "subscripts": "bi,ij->bj"}, "every term begins with the batch"),
    ({"type": "ops.Einsum", "subscripts": "bi,bj"}, "the result stands after"),
    ({"type": "ops.Reshape", "newshape": [4, 2]}, "the first axis is the batch"),
    ({"type": "ops.Moveaxis", "source": [1, 2], "destination": 1}, "2 axes move, to 1"),
    ({"type": "ops.Slice", "start_indices": [0, 1], "shape": [2, 1]}, "is the batch, whose size"),
    ({"type": "ops.Slice", "start_indices": [1, 1], "shape": [None, 1]}, "all of which is taken"),
    ({"type": "ops.Slice", "start_indices": [0], "shape": [None, 1]}, "1 starts for 2 axes"),
    ({"type": "ops.Slice", "start_indices": [0, 0], "shape": [None, -1]}, "sizes are integers"),
    ({"type": "ops.Split", "indices_or_sections": [], "axis": 1}, "at least 1"),
    ({"type": "ops.Dot"}, "`ops.Dot` is Keras's"),
    ({"type": "ops.outer"}, "`ops.outer` is Keras's"),
    ({"type": "ops.GetItem", "key": [0]}, "the first index is the batch's"),
    ({"type": "ops.GetItem", "key": [":", "::-1"]}, "is a list"),
    ({"type": "ops.Pad", "pad_width": [[1, 1]]}, "axis 0 is the batch"),
    ({"type": "ops.Norm", "axis": 1, "ord": "fro"}, "is a norm of matrices"),
])  # fmt: skip
def test_arguments_that_cannot_be_are_refused(plain, message):
    with pytest.raises(Rejected, match=message):
        bind("layers", plain)


@pytest.mark.parametrize(
    "plain", [{"type": "ops.Round", "decimals": -2}, {"type": "ops.Take", "indices": [], "axis": 1}]
)
def test_integers_round_before_the_point_and_none_may_be_taken(plain):
    x = torch.tensor([[8, 149, 151, -250]], dtype=torch.int32)
    arguments = {key: value for key, value in plain.items() if key != "type"}
    (y,) = call_ours(declared(plain), {}, {"x": x}).outputs
    wanted = keras_call(plain["type"], arguments, {"x": x})
    assert y.dtype == wanted.dtype
    assert y.tolist() == wanted.tolist()


SPEC = """
inputs: {a: [4, 3], n: {shape: [2], dtype: int32}}
layers:
  mean: {type: ops.mean, axis: 1, from: a}
  less: {type: ops.Subtract, x1: 1}
  both: {type: ops.Multiply, from: {x1: less, x2: mean}}
  parts: {type: ops.Split, indices_or_sections: 3, axis: 1}
  second: {type: ops.Exp, from: parts.part1}
  halves: {type: ops.Divide, from: n, x2: 2}
outputs: [both, second, halves]
"""


def test_operations_stand_between_layers():
    module = Module(compile(Source("spec.yaml", SPEC)))
    a, n = torch.randn(2, 4, 3), torch.tensor([[1, 2], [3, 4]], dtype=torch.int32)
    made = module({"a": a, "n": n})
    mean = a.mean(1)
    same(made["both"], (1 - mean) * mean)
    same(made["second"], ((1 - mean) * mean)[:, 1:2].exp())
    assert made["halves"].dtype == torch.float32
    same(made["halves"], n / 2)


def test_a_misspelt_operation_is_suggested():
    with pytest.raises(Rejected) as rejected:
        compile(Source("spec.yaml", "inputs: {x: [3]}\nlayers: [{type: ops.Maen, axis: 1}]"))
    assert "ops.Mean" in str(rejected.value.diagnostics[0].help)
