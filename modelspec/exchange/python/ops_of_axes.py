"""Operations (`ops.*`) on axes as PyTorch: sums along them, moves, parts, products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers.ops import pieces, product, reduction, shaping
from modelspec.exchange.python.calls import Out, Site, arguments, cast
from modelspec.exchange.python.layout import quoted
from modelspec.exchange.python.ops import done, made_dtypes, operands, short, words, working
from modelspec.language.dtypes import is_float

REDUCTIONS = {
    "Sum": "sum", "Mean": "mean", "Max": "amax", "Min": "amin", "Logsumexp": "logsumexp",
    "Any": "any", "All": "all", "Var": "var", "Std": "std",
}  # fmt: skip
ALONG = {"Cumsum": "cumsum", "Cumprod": "cumprod", "Softmax": "softmax",
         "LogSoftmax": "log_softmax"}  # fmt: skip
#: Where torch sums integers it sums them as int64.
WIDENED = ("Sum", "Prod", "Cumsum", "Cumprod")


def natural(p: Any, site: Site) -> str:
    """The dtype that torch gives a result."""
    kind = working(p, site)
    if short(p) in ("Any", "All"):
        return "uint8" if kind == "uint8" else "bool"
    return "int64" if short(p) in WIDENED and not is_float(kind) else kind


def axes_of(p: Any) -> list[int]:
    return list(p.axis) if isinstance(p.axis, list) else [p.axis]


def over(p: Any, *before: Any) -> str:
    """The arguments of a reduction."""
    axes = axes_of(p)
    named: dict[str, Any] = {"keepdim": True} if p.keepdims else {}
    if short(p) in ("Var", "Std"):
        named["correction"] = 0
    return arguments(*before, axes[0] if len(axes) == 1 else tuple(axes), **named)


def reduced(p: Any, site: Site) -> Out:
    (x,) = operands(p, site)
    return done(p, site, f"{x}.{REDUCTIONS[short(p)]}({over(p)})", natural(p, site))


def prod(p: reduction.Prod, site: Site) -> Out:
    (x,), keep = operands(p, site), ", keepdim=True" if p.keepdims else ""
    rank = len(site.shape()) + 1
    for axis in sorted((axis % rank for axis in axes_of(p)), reverse=True):
        x += f".prod({axis}{keep})"
    return done(p, site, x, natural(p, site))


def count_nonzero(p: reduction.CountNonzero, site: Site) -> Out:
    (x,) = operands(p, site)
    axes = axes_of(p)
    axis = axes[0] if len(axes) == 1 else tuple(axes)
    return done(p, site, f"torch.count_nonzero({x}, {axis})", "int64")


def norm(p: reduction.Norm, site: Site) -> Out:
    (x,), axes = operands(p, site), tuple(axes_of(p))
    kind = "vector" if len(axes) == 1 or p.ord is None else "matrix"
    order: Any = 2 if p.ord is None else p.ord
    order = quoted(order) if isinstance(order, str) else order
    text = f"torch.linalg.{kind}_norm({arguments(x, order, axes, bool(p.keepdims))})"
    return done(p, site, text)


def extreme_at(function: str) -> Callable[[Any, Site], Out]:
    def generate(p: Any, site: Site) -> Out:
        (x,) = operands(p, site)
        x = cast(x, "uint8") if working(p, site) == "bool" else x
        keep = ", keepdim=True" if p.keepdims else ""
        return done(p, site, f"{x}.{function}({p.axis}{keep})", "int64")

    return generate


def along(p: Any, site: Site) -> Out:
    (x,) = operands(p, site)
    return done(p, site, f"{x}.{ALONG[short(p)]}({p.axis})", natural(p, site))


def in_order(p: Any, site: Site) -> Out:
    (x,) = operands(p, site)
    if isinstance(p, reduction.Argsort):
        return done(p, site, f"{x}.argsort(dim={p.axis}, stable=True)", "int64")
    return done(p, site, f"{x}.sort(dim={p.axis}, stable=True).values")


def top_k(p: reduction.TopK, site: Site) -> list[Out]:
    (x,) = operands(p, site)
    more = {} if p.sorted else {"sorted": False}
    values, places = site.writer.several(
        f"{x}.topk({arguments(p.k, **more)})", "", ["~values", "~places"]
    )
    kinds = (working(p, site), "int64")
    return [
        Out(text if kind == made else cast(text, made), mask=None)
        for text, kind, made in zip((values, places), kinds, made_dtypes(p, site), strict=True)
    ]


def one_hot(p: reduction.OneHot, site: Site) -> Out:
    x = site.x()
    places = f"torch.arange({p.num_classes}, device={x}.device)"
    made = cast(f"({x}[..., None] == {places})", site.compute)
    last = p.axis in (-1, len(site.shape()) + 1)
    return Out(made if last else f"{made}.movedim(-1, {p.axis})", mask=None)


# -- moves --------------------------------------------------------------------------------


def moved(p: Any, site: Site) -> Out:
    (x,) = operands(p, site)
    rank = len(site.shape())
    texts: dict[str, Callable[[], str]] = {
        "Transpose": lambda: f"{x}.permute({arguments(*p.order(rank))})",
        "Swapaxes": lambda: f"{x}.swapaxes({p.axis1}, {p.axis2})",
        "Moveaxis": lambda: f"{x}.movedim({tuple(p.sources)}, {tuple(p.destination)})",
        "Squeeze": lambda: f"{x}.squeeze({one_or_all(p.axis)})",
        "Flip": lambda: f"{x}.flip({arguments(*p.axis)})",
        "Roll": lambda: f"{x}.roll({p.shift}, {p.axis})",
        "Repeat": lambda: f"{x}.repeat_interleave({p.repeats}, {p.axis})",
        "Tile": lambda: f"{x}.repeat({arguments(1, *p.times(rank))})",
        "Reshape": lambda: f"{x}.reshape({arguments(f'{x}.shape[0]', *p.newshape[1:])})",
        "BroadcastTo": lambda: f"{x}.expand({arguments(-1, *p.newshape[1:])})",
        "Tril": lambda: f"{x}.tril({p.k or ''})",
        "Triu": lambda: f"{x}.triu({p.k or ''})",
    }
    return done(p, site, texts[short(p)]())


MOVING = ("Transpose", "Swapaxes", "Moveaxis", "Squeeze", "Flip", "Roll", "Repeat", "Tile",
          "Reshape", "BroadcastTo", "Tril", "Triu")  # fmt: skip


def one_or_all(axes: list[int]) -> int | tuple[int, ...]:
    return axes[0] if len(axes) == 1 else tuple(axes)


def expand_dims(p: shaping.ExpandDims, site: Site) -> Out:
    (x,), rank = operands(p, site), len(site.shape()) + 1 + len(p.axis)
    for axis in sorted(axis % rank for axis in p.axis):
        x += f".unsqueeze({axis})"
    return done(p, site, x)


def pad(p: shaping.Pad, site: Site) -> Out:
    (x,) = operands(p, site)
    widths = tuple(width for pair in reversed(p.pad_width[1:]) for width in pair)
    if p.mode == "constant":
        value = {"value": p.constant_values} if p.constant_values else {}
        return done(p, site, f"F.pad({arguments(x, widths, **value)})")
    for axis, (before, after) in enumerate(p.pad_width):
        if before or after:
            x = site.let(mirrored(x, axis, before, after, int(p.mode != "symmetric")))
    return done(p, site, x)


def mirrored(x: str, axis: int, before: int, after: int, skip: int) -> str:
    """With elements mirrored at both ends of an axis; `skip` leaves the outermost out."""
    leading = ":, " * axis
    left = f"{x}[{leading}{skip or ''}:{before + skip}].flip({axis})"
    right = f"{x}[{leading}{-after - skip}:{-skip or ''}].flip({axis})"
    parts = [*([left] if before else []), x, *([right] if after else [])]
    return f"torch.cat([{', '.join(parts)}], dim={axis})"


# -- parts --------------------------------------------------------------------------------


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


def slice_(p: pieces.Slice, site: Site) -> Out:
    (x,) = operands(p, site)
    starts = p.start_indices[1:]
    cuts = [f"{start or ''}:{start + n}" for start, n in zip(starts, p.sizes, strict=True)]
    return done(p, site, f"{x}[{', '.join([':', *cuts])}]")


def take(p: pieces.Take, site: Site) -> Out:
    (x,) = operands(p, site)
    axis = p.axis % (len(site.shape()) + 1)
    return done(p, site, f"{x}[{':, ' * axis}{p.indices}]")


def take_along_axis(p: pieces.TakeAlongAxis, site: Site) -> Out:
    x, given = site.x(0), site.value(1)
    at = site.read(given)
    at = at if given.known.dtype == "int64" else cast(at, "int64")
    size = site.shape()[p.axis - 1 if p.axis > 0 else p.axis]
    dim = str(size) if isinstance(size, int) else f"{x}.shape[{p.axis}]"
    return Out(f"torch.take_along_dim({x}, {at}.remainder({dim}), {p.axis})", mask=None)


def gathered(function: str) -> Callable[[Any, Site], Out]:
    def generate(p: Any, site: Site) -> Out:
        texts = ", ".join(operands(p, site))
        return done(p, site, f"torch.{function}([{texts}], dim={p.axis})")

    return generate


def apart(p: Any, site: Site) -> list[Out]:
    """Several parts of one tensor."""
    (x,) = operands(p, site)
    text = f"{x}.unbind({p.axis})"
    if isinstance(p, pieces.Split):
        parts: Any = p.indices_or_sections
        parts = tuple(parts) if isinstance(parts, list) else parts
        text = f"{x}.tensor_split({parts}, dim={p.axis})"
    count = len(site.step.outputs)
    pattern = "[{}]" if count == 1 else ""
    made = site.writer.several(text, "", [f"~{site.name}"] * count, pattern)
    return [Out(one, mask=None) for one in made]


def matmul(p: product.Matmul, site: Site) -> Out:
    left, right = operands(p, site)
    return done(p, site, f"{left} @ {right}")


def einsum(p: product.Einsum, site: Site) -> Out:
    rule = quoted(p.subscripts.replace(" ", ""))
    return done(p, site, f"torch.einsum({rule}, {', '.join(operands(p, site))})")


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    **dict.fromkeys(words(reduction, REDUCTIONS), reduced),
    **dict.fromkeys(words(reduction, ALONG), along),
    **dict.fromkeys(words(reduction, ("Sort", "Argsort")), in_order),
    reduction.Prod: prod, reduction.CountNonzero: count_nonzero, reduction.Norm: norm,
    reduction.Argmax: extreme_at("argmax"), reduction.Argmin: extreme_at("argmin"),
    reduction.TopK: top_k, reduction.OneHot: one_hot,
    **dict.fromkeys(words(shaping, MOVING), moved),
    shaping.ExpandDims: expand_dims, shaping.Pad: pad,
    pieces.GetItem: get_item, pieces.Slice: slice_, pieces.Take: take,
    pieces.TakeAlongAxis: take_along_axis, pieces.Stack: gathered("stack"),
    pieces.Concatenate: gathered("cat"), pieces.Split: apart, pieces.Unstack: apart,
    product.Matmul: matmul, product.Einsum: einsum,
}  # fmt: skip
