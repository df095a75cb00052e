"""Operations (`ops.*`) on elements as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers.ops import elementwise, pairwise
from modelspec.exchange.python.calls import Out, Site, Value, arguments, cast
from modelspec.exchange.python.layout import held
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
    "Equal": "==", "NotEqual": "!=", "Greater": ">", "GreaterEqual": ">=", "Less": "<",
    "LessEqual": "<=",
}  # fmt: skip
PAIRS = {
    "Maximum": "maximum", "Minimum": "minimum", "Arctan2": "arctan2", "Logaddexp": "logaddexp",
    "Power": "pow", "LogicalAnd": "logical_and", "LogicalOr": "logical_or",
    "LogicalXor": "logical_xor",
}  # fmt: skip
#: Operations that say yes or no.
ASKING = (
    "Isfinite", "Isinf", "Isnan", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less",
    "LessEqual", "LogicalAnd", "LogicalOr", "LogicalXor", "LogicalNot",
)  # fmt: skip


def words(module: Any, names: Any) -> list[type]:
    return [vars(module)[name] for name in names]


def short(p: Any) -> str:
    return type(p).__name__.removeprefix("ops.")


def values_of(site: Site) -> list[Value]:
    """All tensors that an operation is called on."""
    return [one for each in site.inputs for one in (each if isinstance(each, list) else [each])]


def working(p: Any, site: Site) -> str:
    """The dtype that an operation works in."""
    kind: str = p.working(site.compute, *(value.known.dtype for value in values_of(site)))
    return {"uint16": "int32", "uint32": "int64"}.get(kind, kind)


def brought(site: Site, value: Value, dtype: str) -> str:
    """A tensor in a dtype."""
    text, kind = site.read(value), value.known.dtype
    kind = site.compute if is_float(kind) else kind
    return text if kind == dtype else cast(text, dtype)


def operands(p: Any, site: Site) -> list[str]:
    """The tensors that an operation is called on, in the dtype that it works in."""
    return [brought(site, value, working(p, site)) for value in values_of(site)]


def made_dtypes(p: Any, site: Site) -> list[str]:
    """The dtypes that the declaration gives the results."""
    given = [
        [value.known.dtype for value in each] if isinstance(each, list) else each.known.dtype
        for each in site.inputs
    ]
    kinds: list[str] = p.dtypes(site.compute, *given)
    return kinds


def done(p: Any, site: Site, text: str, natural: str | None = None) -> Out:
    """The result in the declared dtype; `natural` is the one that torch gives it."""
    kind = natural or ("bool" if short(p) in ASKING else working(p, site))
    made = made_dtypes(p, site)[0]
    return Out(text if kind == made else cast(held(text), made), mask=None)


def elemental(p: Any, site: Site) -> Out:
    (x,), name = operands(p, site), short(p)
    if working(p, site) == "bool" and name in ("Abs", "Sign", "Trunc", "Square", "Round"):
        return done(p, site, x)
    function = f"F.{FUNCTIONAL[name]}" if name in FUNCTIONAL else f"torch.{name.lower()}"
    return done(p, site, f"{function}({x})")


def special(p: Any, site: Site) -> Out:
    """Operations on one tensor with arguments of their own."""
    (x,) = operands(p, site)
    whole = not is_float(working(p, site))
    if short(p) == "Round" and whole and p.decimals < 0:
        return done(p, site, f"{x}.double().round({arguments(**decimals(p))})", "float64")
    texts: dict[str, Callable[[], str]] = {
        "Negative": lambda: f"-{x}",
        "LogicalNot": lambda: f"torch.logical_not({x})",
        "StopGradient": lambda: f"{x}.detach()",
        "ZerosLike": lambda: f"torch.zeros_like({x})",
        "OnesLike": lambda: f"torch.ones_like({x})",
        "FullLike": lambda: f"torch.full_like({x}, {p.fill_value})",
        "Clip": lambda: f"{x}.clamp({p.x_min}, {p.x_max})",
        "Cast": lambda: x,
        "LeakyRelu": lambda: f"F.leaky_relu({x}, {p.negative_slope})",
        "Elu": lambda: f"F.elu({x}, {p.alpha})",
        "Gelu": lambda: f'F.gelu({x}, approximate="{"tanh" if p.approximate else "none"}")',
        "Round": lambda: x if whole else f"{x}.round({arguments(**decimals(p))})",
        "NanToNum": lambda: x if whole else f"{x}.nan_to_num({p.nan}, {p.posinf}, {p.neginf})",
    }
    return done(p, site, texts[short(p)]())


def decimals(p: Any) -> dict[str, int]:
    return {"decimals": p.decimals} if p.decimals else {}


ONE = ("Negative", "LogicalNot", "StopGradient", "ZerosLike", "OnesLike", "FullLike", "Clip",
       "Cast", "LeakyRelu", "Elu", "Gelu", "Round", "NanToNum")  # fmt: skip


def both(p: Any, site: Site) -> list[str]:
    """Two operands, of which one may be a number."""
    rest = iter(operands(p, site))
    return [next(rest) if one is None else literal(one, working(p, site)) for one in (p.x1, p.x2)]


def literal(number: Any, dtype: str) -> str:
    """A number as a dtype has it."""
    if dtype == "bool":
        return repr(bool(number))
    return repr(float(number) if is_float(dtype) else int(number))


def pair(p: Any, site: Site) -> Out:
    name = short(p)
    left, right = both(p, site)
    kind = working(p, site)
    if name in SIGNS and kind != "bool":
        return done(p, site, f"{left} {SIGNS[name]} {right}")
    function = PAIRS.get(name) or TORCHS[name]
    scalar = name != "Power"
    left, right = (
        f"torch.tensor({text}, dtype=torch.{kind})" if one is not None and scalar else text
        for one, text in ((p.x1, left), (p.x2, right))
    )
    return done(p, site, f"torch.{function}({left}, {right})")


#: What is said by a sign of numbers, for booleans.
TORCHS = {
    "Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Divide": "divide",
    "FloorDivide": "floor_divide", "Mod": "remainder", "Equal": "eq", "NotEqual": "ne",
    "Greater": "gt", "GreaterEqual": "ge", "Less": "lt", "LessEqual": "le",
}  # fmt: skip


def divide_no_nan(p: pairwise.DivideNoNan, site: Site) -> Out:
    left, right = both(p, site)
    if p.x2 is not None:
        return done(p, site, f"{left} / {right}" if p.x2 else f"torch.zeros_like({left})")
    kept = site.let(f"{right} == 0", wish=f"{site.name}_zero")
    return done(p, site, f"torch.where({kept}, 0, {left} / torch.where({kept}, 1, {right}))")


def where(p: pairwise.Where, site: Site) -> Out:
    condition, *values = values_of(site)
    kind = working(p, site)
    rest = iter([brought(site, value, kind) for value in values])
    texts = [next(rest) if one is None else literal(one, kind) for one in (p.x1, p.x2)]
    if p.x1 is not None and p.x2 is not None:
        texts[0] = f"torch.tensor({texts[0]}, dtype=torch.{kind})"
    asked = site.read(condition)
    asked = asked if condition.known.dtype == "bool" else cast(asked, "bool")
    return done(p, site, f"torch.where({asked}, {texts[0]}, {texts[1]})", kind)


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    **dict.fromkeys(words(elementwise, (*SAME, *FUNCTIONAL)), elemental),
    **dict.fromkeys(words(elementwise, ONE), special),
    **dict.fromkeys(words(pairwise, (*SIGNS, *PAIRS)), pair),
    pairwise.DivideNoNan: divide_no_nan,
    pairwise.Where: where,
}
