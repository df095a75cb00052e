"""Dense, embeddings, merging and constants as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from modelspec.catalog.layers import constants, core, einsum, merging
from modelspec.exchange.python.activations import activated
from modelspec.exchange.python.calls import (
    FIRST,
    SPEC,
    Mask,
    Out,
    Site,
    Unwritten,
    Value,
    arguments,
    cast,
)
from modelspec.exchange.python.layout import quoted

# -- core ---------------------------------------------------------------------------------


def dense(p: core.Dense, site: Site) -> Out:
    kernel = site.weights["kernel"]  # (features, units)
    state = {"weight": kernel.T}
    more = {} if p.use_bias else {"bias": False}
    if p.use_bias:
        state["bias"] = site.weights["bias"]
    module = site.module(f"nn.Linear({arguments(*kernel.shape, **more)})", state)
    return Out(activated(site, p.activation, f"{module}({site.floats()})"))


def embedding(p: core.Vectors, site: Site) -> Out:
    table = site.weights["embeddings"]
    module = site.module(f"nn.Embedding({arguments(*table.shape)})", {"weight": table})
    x = site.x()
    index = x if site.value().known.dtype in ("int32", "int64") else f"{x}.int()"
    mask = site.mask_of(f"{x} != 0", len(site.shape())) if p.mask_zero else None
    return Out(f"{module}({index})", mask=mask)


def reversible_embedding(p: core.ReversibleEmbedding, site: Site) -> Out:
    if not p.reverse:
        return embedding(p, site)
    if p.tie_weights:
        table = site.weights["embeddings"]
        module = site.module(f"nn.Embedding({arguments(*table.shape)})", {"weight": table})
        kernel = f"{module}.weight.T"
    else:
        kernel = site.parameter("reverse_embeddings")
    x = site.floats()
    if p.reverse_dtype is not None:
        x, kernel = cast(x, p.reverse_dtype), cast(kernel, p.reverse_dtype)
    scores = f"{x} @ {kernel}"
    cap: Any = p.logit_soft_cap
    made = scores if cap is None else f"torch.tanh(({scores}) / {cap}) * {cap}"
    return Out(made, mask=None)


def masking(p: core.Masking, site: Site) -> Out:
    x = site.x()
    mask = site.mask_of(f"({x} != {p.mask_value}).any(dim=-1)", len(site.shape()) - 1)
    return Out(f"{x} * {mask}[..., None]", mask=mask)


def identity(p: Any, site: Site) -> Out:
    text, layout = site.either()
    return Out(text, layout)


# -- merging ------------------------------------------------------------------------------


def alike(site: Site) -> tuple[list[str], str]:
    """All inputs in one layout and of one rank: axes of size 1 follow the batch, as Keras's."""
    values = site.values()
    ranks = {len(value.shape) for value in values}
    if len(ranks) == 1 and all(FIRST in value.tokens for value in values):
        return [number(site, value, FIRST) for value in values], FIRST
    rank = max(ranks)
    texts = []
    for value in values:
        missing = rank - len(value.shape)
        text = number(site, value, SPEC)
        texts.append(f"{text}[:{', None' * missing}]" if missing else text)
    return texts, SPEC


def number(site: Site, value: Value, layout: str) -> str:
    """A tensor; integers among floats as floats."""
    text = site.read(value, layout)
    made = site.step.layer.dtypes(site.compute, [one.known.dtype for one in site.values()])[0]
    kind = value.known.dtype
    return text if kind == made or kind.startswith(("float", "bfloat")) else cast(text, made)


def over(mask: Mask, value: Value) -> str:
    """A mask with the axes of a tensor."""
    missing = len(value.shape) - mask.axes
    return f"{mask}[...{', None' * missing}]" if missing else str(mask)


def either(site: Site) -> Mask | None:
    """The mask of what is joined: where any is true; None unless all have one."""
    masks = [value.mask for value in site.values()]
    known = list(dict.fromkeys(mask for mask in masks if mask is not None))
    if None in masks:
        return None
    if len(known) == 1:
        return known[0]
    axes = max(mask.axes for mask in known)
    texts = [f"{m}[:{', None' * (axes - m.axes)}]" if m.axes < axes else str(m) for m in known]
    return site.mask_of(" | ".join(texts), axes)


def joined(sign: str) -> Callable[[Any, Site], Out]:
    def generate(p: Any, site: Site) -> Out:
        texts, layout = alike(site)
        return Out(f" {sign} ".join(texts), layout, either(site))

    return generate


def multiply(p: merging.Multiply, site: Site) -> Out:
    if not any(value.mask for value in site.values()):
        return joined("*")(p, site)
    texts, _ = alike_in_spec(site)
    factors = [
        text if value.mask is None else f"{text}.where({over(value.mask, value)}, 1)"
        for text, value in zip(texts, site.values(), strict=True)
    ]
    product, mask = " * ".join(factors), either(site)
    if mask is None:
        return Out(product, mask=None)
    rank = max(len(value.shape) for value in site.values())
    more = f"[...{', None' * (rank - mask.axes)}]" if rank > mask.axes else ""
    return Out(f"{site.let(product)}.where({mask}{more}, 0)", mask=mask)


def alike_in_spec(site: Site) -> tuple[list[str], str]:
    """The inputs in the order of axes of the spec, all of one rank."""
    if len({len(value.shape) for value in site.values()}) > 1:
        raise Unwritten("it joins tensors of different ranks, with masks")
    return [number(site, value, SPEC) for value in site.values()], SPEC


def average(p: merging.Average, site: Site) -> Out:
    texts, layout = alike(site)
    return Out(f"({' + '.join(texts)}) / {len(texts)}", layout, either(site))


def extreme(function: str) -> Callable[[Any, Site], Out]:
    def generate(p: Any, site: Site) -> Out:
        if any(value.mask for value in site.values()):
            return masked_extreme(function, site)
        texts, layout = alike(site)
        text = texts[0]
        for other in texts[1:]:
            text = f"{function}({text}, {other})"
        return Out(text, layout, None)

    return generate


def masked_extreme(function: str, site: Site) -> Out:
    """Where one side is masked the other one stands in, as no value is neutral for both."""
    texts, _ = alike_in_spec(site)
    first, *others = site.values()
    text, known = texts[0], None if first.mask is None else over(first.mask, first)
    for other, value in zip(texts[1:], others, strict=True):
        here = None if value.mask is None else over(value.mask, value)
        if here is not None:
            other = site.let(f"{other}.where({here}, {text})")
        if known is not None:
            text = site.let(f"{text}.where({known}, {other})")
        known = None if here is None or known is None else site.let(f"{known} | {here}")
        text = site.let(f"{function}({text}, {other})")
    return Out(text, mask=either(site))


def concatenate(p: merging.Concatenate, site: Site) -> Out:
    texts, layout = alike(site)
    rank = len(site.values()[0].shape) + 1
    axis = p.axis % rank
    mask = concatenated_mask(site, axis, rank)
    dim = (1 if axis == rank - 1 else axis + 1) if layout == FIRST else p.axis
    return Out(f"torch.cat([{', '.join(texts)}], dim={dim})", layout, mask)


def concatenated_mask(site: Site, axis: int, rank: int) -> Mask | None:
    """Where any of them is there, along the axes that a mask has; all of a tensor without one."""
    values = site.values()
    known = list(dict.fromkeys(value.mask for value in values if value.mask is not None))
    if not known:
        return None
    axes = max(mask.axes for mask in known)
    lacking = any(value.mask is None for value in values)
    if axis > axes:
        if lacking:
            return site.mask_of(f"torch.ones_like({known[0]})", axes)
        return either(site)
    if lacking or any(mask.axes < axes for mask in known):
        raise Unwritten("it joins tensors with and without masks along an axis of these")
    parts = ", ".join(str(value.mask) for value in values)
    return site.mask_of(f"torch.cat([{parts}], dim={axis})", axes)


def dot(p: merging.Dot, site: Site) -> Out:
    left, right = site.values()
    ranks = len(left.shape) + 1, len(right.shape) + 1
    first, second = p.axes if isinstance(p.axes, list) else (p.axes, p.axes)
    a, b = first % ranks[0], second % ranks[1]
    texts = [site.read(left), site.read(right)]
    if p.normalize:
        texts = [unit(site, text, axis) for text, axis in zip(texts, (a, b), strict=True)]
    letters = iter("bcdefghijk")
    batch, kept = next(letters), "a"
    lefts = [batch, *(next(letters) for _ in range(ranks[0] - 2))]
    rights = [batch, *(next(letters) for _ in range(ranks[1] - 2))]
    made = lefts + rights[1:]
    lefts.insert(a, kept)
    rights.insert(b, kept)
    rule = f"{''.join(lefts)},{''.join(rights)}->{''.join(made)}"
    text = f"torch.einsum({quoted(rule)}, {', '.join(texts)})"
    return Out(text if len(made) > 1 else f"{text}[:, None]", mask=None)


def unit(site: Site, x: str, axis: Any) -> str:
    """Scaled to length 1 along an axis, or axes; zeros stay zeros."""
    return site.let(f"{x} * {x}.square().sum({axis}, keepdim=True).clamp(min=1e-24).rsqrt()")


# -- without inputs -----------------------------------------------------------------------


def parameter(p: constants.Parameter, site: Site) -> Out:
    value = site.weights["value"]
    return Out(for_each_sample(site, site.tensor("nn.Parameter", value, ""), value.ndim))


def constant(p: constants.Constant, site: Site) -> Out:
    value = torch.tensor(p.value)
    kind = site.compute if value.is_floating_point() else CONSTANTS.get(value.dtype)
    value = value if kind is None else value.to(getattr(torch, kind))
    return Out(for_each_sample(site, site.buffer("", value), value.ndim))


#: Whole numbers are int32, as everywhere in a spec.
CONSTANTS = {torch.int64: "int32"}


def for_each_sample(site: Site, text: str, axes: int) -> str:
    if not site.writer.parameters:
        raise Unwritten("nothing in its graph says how many samples there are")
    batch = f"‹{site.writer.parameters[0]}›.shape[0]"
    return f"{text}.expand({arguments(batch, *['-1'] * axes)})"


# -- by Einstein's notation ---------------------------------------------------------------


def einsum_dense(p: einsum.EinsumDense, site: Site) -> Out:
    kernel = site.parameter("kernel")
    rule = quoted(p.equation.replace(" ", ""))
    text = f"torch.einsum({rule}, {site.floats()}, {kernel})"
    if "bias" in site.weights:
        text = f"{text} + {site.parameter('bias')}"
    return Out(activated(site, p.activation, text, SPEC))


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    core.Dense: dense, core.Embedding: embedding, core.ReversibleEmbedding: reversible_embedding,
    core.Masking: masking, core.Identity: identity, einsum.EinsumDense: einsum_dense,
    merging.Add: joined("+"), merging.Subtract: joined("-"), merging.Multiply: multiply,
    merging.Average: average, merging.Maximum: extreme("torch.maximum"),
    merging.Minimum: extreme("torch.minimum"), merging.Concatenate: concatenate, merging.Dot: dot,
    constants.Parameter: parameter, constants.Constant: constant,
}  # fmt: skip
