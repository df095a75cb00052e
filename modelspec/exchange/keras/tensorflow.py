"""TensorFlow's functions between the layers of Keras 2's models, as operations of keras.ops."""

from __future__ import annotations

from typing import Any

from modelspec.exchange.keras.model import Model, Node, Part, Slice

PAIRS = {
    "math.add": "Add", "__operators__.add": "Add", "math.subtract": "Subtract",
    "math.multiply": "Multiply", "math.truediv": "Divide", "math.divide": "Divide",
    "math.pow": "Power", "math.maximum": "Maximum", "math.minimum": "Minimum",
    "math.floordiv": "FloorDivide", "math.floormod": "Mod", "linalg.matmul": "Matmul",
    "math.greater": "Greater", "math.less": "Less", "math.equal": "Equal",
    "math.greater_equal": "GreaterEqual", "math.less_equal": "LessEqual",
    "math.not_equal": "NotEqual",
}  # fmt: skip
ONES = {
    "math.negative": "Negative", "math.abs": "Abs", "math.sqrt": "Sqrt", "math.rsqrt": "Rsqrt",
    "math.exp": "Exp", "math.log": "Log", "math.log1p": "Log1p", "math.square": "Square",
    "math.tanh": "Tanh", "math.sigmoid": "Sigmoid", "nn.sigmoid": "Sigmoid", "nn.relu": "Relu",
    "nn.relu6": "Relu6", "nn.silu": "Silu", "nn.swish": "Silu", "nn.softplus": "Softplus",
    "math.softplus": "Softplus", "math.sin": "Sin", "math.cos": "Cos", "math.sign": "Sign",
    "nn.elu": "Elu", "nn.selu": "Selu", "math.erf": "Erf", "math.floor": "Floor",
}  # fmt: skip
#: function -> (operation, {TensorFlow's argument: ours})
MORE: dict[str, tuple[str, dict[str, str]]] = {
    "math.reduce_mean": ("Mean", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_sum": ("Sum", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_max": ("Max", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_min": ("Min", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_prod": ("Prod", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_variance": ("Var", {"axis": "axis", "keepdims": "keepdims"}),
    "math.reduce_std": ("Std", {"axis": "axis", "keepdims": "keepdims"}),
    "nn.softmax": ("Softmax", {"axis": "axis"}),
    "concat": ("Concatenate", {"axis": "axis"}),
    "stack": ("Stack", {"axis": "axis"}),
    "expand_dims": ("ExpandDims", {"axis": "axis"}),
    "compat.v1.squeeze": ("Squeeze", {"axis": "axis"}),
    "squeeze": ("Squeeze", {"axis": "axis"}),
    "reshape": ("Reshape", {"shape": "newshape"}),
    "transpose": ("Transpose", {"perm": "axes"}),
    "compat.v1.transpose": ("Transpose", {"perm": "axes"}),
    "cast": ("Cast", {"dtype": "dtype"}),
    "clip_by_value": ("Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
}
GET_ITEM = "__operators__.getitem"


def translate(model: Model) -> None:
    """Write the functions of TensorFlow that a model holds as operations; others stay as they are,
    and are refused by name.
    """
    for part in model.parts:
        if part.model is not None:
            translate(part.model)
        function = part.config.get("function")
        if part.kind not in ("TFOpLambda", "SlicingOpLambda") or not isinstance(function, str):
            continue
        nodes = [translated(function, node) for node in part.nodes]
        if nodes and all(node is not None for node in nodes):
            become(part, operation(function), [node for node in nodes if node is not None])


def operation(function: str) -> str:
    if function == GET_ITEM:
        return "GetItem"
    return PAIRS.get(function) or ONES.get(function) or MORE[function][0]


def become(part: Part, kind: str, nodes: list[Node]) -> None:
    part.kind, part.module, part.config, part.nodes = kind, "keras.ops", {}, nodes


def translated(function: str, node: Node) -> Node | None:
    """One call; None where it has no counterpart."""
    given: dict[str, Any] = {k: v for k, v in node.kwargs.items() if v is not None and k != "name"}
    first = node.args[0] if node.args else None
    if function == GET_ITEM:
        return Node([first, [piece(one) for one in given.pop("slice_spec", [])]], given)
    if function in PAIRS:
        second = given.pop("y", given.pop("b", None))
        return None if given else Node([first, second], {})
    if function in ONES:
        return None if given else Node([first], {})
    if function not in MORE:
        return None
    names = MORE[function][1]
    if function in ("concat", "stack") and first is None:
        first = given.pop("values", None)
    if set(given) - set(names):
        return None
    return Node([first], {names[key]: value for key, value in given.items()})


def piece(written: Any) -> Any:
    """One place of a subscript: a slice is a mapping there."""
    if isinstance(written, dict) and {"start", "stop"} <= set(written):
        return Slice(written["start"], written["stop"], written.get("step"))
    return written
