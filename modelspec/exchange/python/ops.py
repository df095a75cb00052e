"""Operations (`ops.*`) and the simple layers of raw values as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers import constants, einsum, normalization, preprocessing
from modelspec.catalog.layers.ops import elementwise, pairwise, pieces, product, reduction, shaping
from modelspec.exchange.python.activations import activated
from modelspec.exchange.python.calls import SPEC, Out, Site, Unwritten, arguments
from modelspec.language.dtypes import is_float

#: Functions of torch by the operations that are called as they are.
SAME = (
    "Abs", "Sign", "Trunc", "Relu", "Sqrt", "Rsqrt", "Reciprocal", "Exp", "Exp2", "Expm1", "Log",
    "Log1p", "Log2", "Log10", "Sin", "Cos", "Tan", "Arcsin", "Arccos", "Arctan", "Sinh", "Cosh",
    "Tanh", "Arcsinh", "Arccosh", "Arctanh", "Erf", "Erfinv", "Floor", "Ceil", "Sigmoid", "Selu",
    "Square", "Isfinite", "Isinf", "Isnan",
)  # fmt: skip
FUNCTIONAL = {
    "Relu6": "relu6", "Softsign": "softsign", "Silu": "silu", "Softplus": "softplus",
    "LogSigmoid": "logsigmoid", "HardSigmoid": "hardsigmoid", "HardSilu": "hardswish",
}  # fmt: skip
SIGNS = {
    "Add": "+", "Subtract": "-", "Multiply": "*", "Divide": "/", "FloorDivide": "//", "Mod": "%",
    "Power": "**", "Equal": "==", "NotEqual": "!=", "Greater": ">", "GreaterEqual": ">=",
    "Less": "<", "LessEqual": "<=", "LogicalAnd": "&", "LogicalOr": "|", "LogicalXor": "^",
}  # fmt: skip
PAIRS = {
    "Maximum": "maximum", "Minimum": "minimum", "Arctan2": "arctan2", "Logaddexp": "logaddexp",
}  # fmt: skip
REDUCTIONS = {
    "Sum": "sum", "Mean": "mean", "Max": "amax", "Min": "amin", "Logsumexp": "logsumexp",
    "Any": "any", "All": "all",
}  # fmt: skip
ALONG = {"Cumsum": "cumsum", "Cumprod": "cumprod", "Softmax": "softmax",
         "LogSoftmax": "log_softmax"}  # fmt: skip


def words(module: Any, names: Any) -> list[type]:
    return [vars(module)[name] for name in names]


def short(p: Any) -> str:
    return type(p).__name__.removeprefix("ops.")


def operands(p: Any, site: Site) -> list[str]:
    """The tensors that an operation is called on, in the dtype that it works in."""
    values = [one for each in site.inputs for one in (each if isinstance(each, list) else [each])]
    working = p.working("float32", *(value.known.dtype for value in values))
    return [
        site.read(value) if value.known.dtype == working or is_float(value.known.dtype)
        else f"{site.read(value)}.to(torch.{working})"
        for value in values
    ]  # fmt: skip


def done(p: Any, site: Site, text: str) -> Out:
    """The result in the dtype that the declaration gives it."""
    values = [one for each in site.inputs for one in (each if isinstance(each, list) else [each])]
    kinds = [value.known.dtype for value in values]
    given = [each if not isinstance(each, list) else None for each in site.inputs]
    nested = [
        [v.known.dtype for v in each] if isinstance(each, list) else each.known.dtype
        for each in site.inputs
    ]
    made = p.dtypes("float32", *nested)[0]
    if given and made == p.working("float32", *kinds) and is_float(made):
        return Out(text, mask=None)
    return Out(f"({text}).to(torch.{made})", mask=None)


def elemental(p: Any, site: Site) -> Out:
    (x,), name = operands(p, site), short(p)
    if site.value().known.dtype == "bool":
        raise Unwritten("it is called on booleans")
    function = f"F.{FUNCTIONAL[name]}" if name in FUNCTIONAL else f"torch.{name.lower()}"
    return done(p, site, f"{function}({x})")


def special(p: Any, site: Site) -> Out:
    """Operations on one tensor with arguments of their own."""
    (x,) = operands(p, site)
    texts: dict[str, Callable[[], str]] = {
        "Negative": lambda: f"-{x}",
        "LogicalNot": lambda: f"~{x}.bool()",
        "StopGradient": lambda: f"{x}.detach()",
        "ZerosLike": lambda: f"torch.zeros_like({x})",
        "OnesLike": lambda: f"torch.ones_like({x})",
        "FullLike": lambda: f"torch.full_like({x}, {p.fill_value})",
        "Clip": lambda: f"{x}.clamp({p.x_min}, {p.x_max})",
        "Cast": lambda: x,
        "LeakyRelu": lambda: f"F.leaky_relu({x}, {p.negative_slope})",
        "Elu": lambda: f"F.elu({x}, {p.alpha})",
        "Gelu": lambda: f"F.gelu({x}, approximate={'tanh' if p.approximate else 'none'!r})",
        "Transpose": lambda: f"{x}.permute({tuple(p.order(len(site.shape())))})",
        "Swapaxes": lambda: f"{x}.swapaxes({p.axis1}, {p.axis2})",
        "Squeeze": lambda: f"{x}.squeeze({tuple(p.axis)})",
        "Flip": lambda: f"{x}.flip({p.axis})",
        "Roll": lambda: f"{x}.roll({p.shift}, {p.axis})",
        "Reshape": lambda: f"{x}.reshape({arguments(f'{x}.shape[0]', *p.newshape[1:])})",
        "BroadcastTo": lambda: f"{x}.expand({arguments(f'{x}.shape[0]', *p.newshape[1:])})",
        "Tril": lambda: f"{x}.tril({p.k})",
        "Triu": lambda: f"{x}.triu({p.k})",
    }
    return done(p, site, texts[short(p)]())


ONE = ("Negative", "LogicalNot", "StopGradient", "ZerosLike", "OnesLike", "FullLike", "Clip",
       "Cast", "LeakyRelu", "Elu", "Gelu")  # fmt: skip
MOVING = ("Transpose", "Swapaxes", "Squeeze", "Flip", "Roll", "Reshape", "BroadcastTo", "Tril",
          "Triu")  # fmt: skip


def pair(p: Any, site: Site) -> Out:
    rest, name = iter(operands(p, site)), short(p)
    left, right = (next(rest) if one is None else repr(one) for one in (p.x1, p.x2))
    if name in SIGNS:
        if name.startswith("Logical"):
            left, right = (
                str(bool(one)) if one is not None else f"{text}.bool()"
                for one, text in ((p.x1, left), (p.x2, right))
            )
        return done(p, site, f"{left} {SIGNS[name]} {right}")
    if p.x1 is not None or p.x2 is not None:
        raise Unwritten("it is called on a tensor and a number")
    return done(p, site, f"torch.{PAIRS[name]}({left}, {right})")


def reduced(p: Any, site: Site) -> Out:
    (x,) = operands(p, site)
    axis = tuple(p.axis) if isinstance(p.axis, list) else p.axis
    keep = ", keepdim=True" if p.keepdims else ""
    return done(p, site, f"{x}.{REDUCTIONS[short(p)]}({axis}{keep})")


def along(p: Any, site: Site) -> Out:
    (x,) = operands(p, site)
    return done(p, site, f"{x}.{ALONG[short(p)]}({p.axis})")


def expand_dims(p: shaping.ExpandDims, site: Site) -> Out:
    (x,), rank = operands(p, site), len(site.shape()) + 1 + len(p.axis)
    for axis in sorted(axis % rank for axis in p.axis):
        x += f".unsqueeze({axis})"
    return done(p, site, x)


def get_item(p: pieces.GetItem, site: Site) -> Out:
    (x,) = operands(p, site)
    return done(p, site, f"{x}[{', '.join(map(index, p.pieces()))}]")


def index(piece: Any) -> str:
    """A part of a key as Python writes it."""
    if piece is Ellipsis:
        return "..."
    if isinstance(piece, slice):
        texts = ["" if one is None else str(one) for one in (piece.start, piece.stop)]
        return ":".join([*texts, str(piece.step)] if piece.step is not None else texts)
    return repr(piece)


def gathered(function: str) -> Callable[[Any, Site], Out]:
    def generate(p: Any, site: Site) -> Out:
        texts = ", ".join(operands(p, site))
        return done(p, site, f"torch.{function}([{texts}], dim={p.axis})")

    return generate


def matmul(p: product.Matmul, site: Site) -> Out:
    left, right = operands(p, site)
    return done(p, site, f"{left} @ {right}")


def einsum_operation(p: product.Einsum, site: Site) -> Out:
    rule = p.subscripts.replace(" ", "")
    return done(p, site, f"torch.einsum({rule!r}, {', '.join(operands(p, site))})")


# -- layers -------------------------------------------------------------------------------


def parameter(p: constants.Parameter, site: Site) -> Out:
    if not site.writer.parameters:
        raise Unwritten("nothing in its graph says how many samples there are")
    batch = f"‹{site.writer.parameters[0]}›.shape[0]"
    given = arguments(batch, *["-1"] * site.weights["value"].ndim)
    return Out(f"{site.parameter('value')}.expand({given})")


def rescaling(p: preprocessing.Rescaling, site: Site) -> Out:
    if isinstance(p.scale, list) or isinstance(p.offset, list):
        raise Unwritten("it has a factor or an offset for each feature")
    text, layout = site.either()
    text = text if is_float(site.value().known.dtype) else f"{text}.float()"
    return Out(f"{text} * {p.scale}" + (f" + {p.offset}" if p.offset else ""), layout)


def einsum_dense(p: einsum.EinsumDense, site: Site) -> Out:
    if "..." in p.equation:
        raise Unwritten("its equation has `...`")
    kernel = site.parameter("kernel")
    text = f"torch.einsum({p.equation.replace(' ', '')!r}, {site.floats()}, {kernel})"
    if "bias" in site.weights:
        text = f"{text} + {site.parameter('bias')}"
    return Out(activated(site, p.activation, text, SPEC))


def spectral(p: normalization.SpectralNormalization, site: Site) -> Out:
    raise Unwritten("it changes its kernel as it trains")


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    **dict.fromkeys(words(elementwise, (*SAME, *FUNCTIONAL)), elemental),
    **dict.fromkeys(words(elementwise, ONE) + words(shaping, MOVING), special),
    **dict.fromkeys(words(pairwise, (*SIGNS, *PAIRS)), pair),
    **dict.fromkeys(words(reduction, REDUCTIONS), reduced),
    **dict.fromkeys(words(reduction, ALONG), along),
    shaping.ExpandDims: expand_dims, pieces.GetItem: get_item,
    pieces.Stack: gathered("stack"), pieces.Concatenate: gathered("cat"),
    product.Matmul: matmul, product.Einsum: einsum_operation,
    constants.Parameter: parameter, preprocessing.Rescaling: rescaling,
    einsum.EinsumDense: einsum_dense,
    normalization.SpectralNormalization: spectral,
}  # fmt: skip
