"""Dense, embeddings, merging and reshaping layers as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers import core, merging, reshaping
from modelspec.exchange.python.activations import activated
from modelspec.exchange.python.calls import (
    FIRST,
    SPEC,
    Out,
    Site,
    Unwritten,
    arguments,
    sizes,
)

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
    return Out(
        f"{module}({index})", mask=site.let(f"{x} != 0", wish="mask") if p.mask_zero else None
    )


def reversible_embedding(p: core.ReversibleEmbedding, site: Site) -> Out:
    if not p.tie_weights or p.reverse_dtype is not None:
        raise Unwritten("it has `tie_weights: false` or a `reverse_dtype`")
    if not p.reverse:
        return embedding(p, site)
    table = site.weights["embeddings"]
    module = site.module(f"nn.Embedding({arguments(*table.shape)})", {"weight": table})
    scores = f"F.linear({site.floats()}, {module}.weight)"
    cap: Any = p.logit_soft_cap
    return Out(scores if cap is None else f"torch.tanh({scores} / {cap}) * {cap}", mask=None)


def masking(p: core.Masking, site: Site) -> Out:
    x = site.x()
    mask = site.let(f"({x} != {p.mask_value}).any(dim=-1)", wish="mask")
    return Out(f"{x} * {mask}[..., None]", mask=mask)


def identity(p: Any, site: Site) -> Out:
    text, layout = site.either()
    return Out(text, layout)


# -- merging ------------------------------------------------------------------------------


def alike(site: Site) -> tuple[list[str], str]:
    """All inputs in one layout and of one rank: axes of size 1 follow the batch, as Keras's."""
    values = site.values()
    ranks = {len(value.shape) for value in values}
    whole = {value.known.dtype.startswith(("int", "uint", "bool")) for value in values}
    if len(whole) > 1:
        raise Unwritten("it joins integers and floats")
    if len(ranks) == 1 and all(FIRST in value.tokens for value in values):
        return [site.read(value, FIRST) for value in values], FIRST
    rank = max(ranks)
    texts = []
    for value in values:
        missing = rank - len(value.shape)
        text = site.read(value)
        texts.append(f"{text}[:{', None' * missing}]" if missing else text)
    return texts, SPEC


def either(site: Site) -> str | None:
    """The mask of what is joined: where any is true; None unless all have one."""
    masks = [value.mask for value in site.values()]
    known = list(dict.fromkeys(mask for mask in masks if mask is not None))
    if len(known) > 1 and len({len(value.shape) for value in site.values()}) > 1:
        raise Unwritten("it joins masks of different ranks")
    if None in masks:
        return None
    return known[0] if len(known) == 1 else site.let(" | ".join(known), wish="mask")


def joined(sign: str) -> Callable[[Any, Site], Out]:
    def generate(p: Any, site: Site) -> Out:
        texts, layout = alike(site)
        return Out(f" {sign} ".join(texts), layout, either(site))

    return generate


def multiply(p: merging.Multiply, site: Site) -> Out:
    if any(value.mask for value in site.values()):
        raise Unwritten("it multiplies tensors with masks")
    return joined("*")(p, site)


def average(p: merging.Average, site: Site) -> Out:
    texts, layout = alike(site)
    return Out(f"({' + '.join(texts)}) / {len(texts)}", layout, either(site))


def extreme(function: str) -> Callable[[Any, Site], Out]:
    def generate(p: Any, site: Site) -> Out:
        if any(value.mask for value in site.values()):
            raise Unwritten("it compares tensors with masks")
        texts, layout = alike(site)
        text = texts[0]
        for other in texts[1:]:
            text = f"{function}({text}, {other})"
        return Out(text, layout, None)

    return generate


def concatenate(p: merging.Concatenate, site: Site) -> Out:
    texts, layout = alike(site)
    rank = len(site.values()[0].shape) + 1
    axis = p.axis % rank
    mask = concatenated_mask(site, axis, rank)
    dim = (1 if axis == rank - 1 else axis + 1) if layout == FIRST else p.axis
    return Out(f"torch.cat([{', '.join(texts)}], dim={dim})", layout, mask)


def concatenated_mask(site: Site, axis: int, rank: int) -> str | None:
    masks = [value.mask for value in site.values()]
    known = [mask for mask in masks if mask is not None]
    if not known:
        return None
    if rank != 3:
        raise Unwritten("it joins tensors with masks of more axes than (time, features)")
    if axis == 2:  # any of them; one without a mask is there everywhere
        if len(known) < len(masks):
            return site.let(f"torch.ones_like({known[0]})")
        return either(site)
    if len(known) < len(masks):
        raise Unwritten("it joins tensors with and without masks along time")
    return site.let(f"torch.cat([{', '.join(known)}], dim=1)")


def dot(p: merging.Dot, site: Site) -> Out:
    left, right = site.values()
    ranks = len(left.shape) + 1, len(right.shape) + 1
    first, second = p.axes if isinstance(p.axes, list) else (p.axes, p.axes)
    a, b = first % ranks[0], second % ranks[1]
    texts = [site.read(left), site.read(right)]
    if p.normalize:
        texts = [f"F.normalize({t}, dim={d})" for t, d in zip(texts, (a, b), strict=True)]
    letters = iter("acdefghijk")
    batch, kept = next(letters), "l"
    lefts = [batch, *(next(letters) for _ in range(ranks[0] - 2))]
    rights = [batch, *(next(letters) for _ in range(ranks[1] - 2))]
    made = lefts + rights[1:]
    lefts.insert(a, kept)
    rights.insert(b, kept)
    rule = f"{''.join(lefts)},{''.join(rights)}->{''.join(made)}"
    text = f"torch.einsum({rule!r}, {', '.join(texts)})"
    return Out(text if len(made) > 1 else f"{text}[:, None]", mask=None)


# -- reshaping ----------------------------------------------------------------------------


def flatten(p: reshaping.Flatten, site: Site) -> Out:
    if not site.shape():
        return Out(f"{site.x()}.unsqueeze(1)")
    x = site.x()
    if p.data_format == "channels_first" and len(site.shape()) > 1:
        x = f"{x}.movedim(1, -1)"
    return Out(x if len(site.shape()) == 1 else f"{x}.flatten(1)")


def reshape(p: reshaping.Reshape, site: Site) -> Out:
    x = site.x()
    dims = [d if isinstance(d, int) else -1 for d in p.target_shape]
    batch = f"{x}.shape[0]" if -1 in dims or not dims else "-1"
    return Out(f"{x}.reshape({arguments(batch, *dims)})")


def permute(p: reshaping.Permute, site: Site) -> Out:
    return Out(f"{site.x()}.permute({arguments(0, *p.dims)})")


def repeat_vector(p: reshaping.RepeatVector, site: Site) -> Out:
    return Out(f"{site.x()}.unsqueeze(1).expand(-1, {p.n}, -1)")


def layout_of(site: Site, p: Any) -> tuple[str, str, int]:
    """The input in a layout that it has, and the first axis of space there."""
    if p.data_format == "channels_first":
        return site.x(), SPEC, 2
    text, layout = site.either()
    return text, layout, 2 if layout == FIRST else 1


def zero_padding(p: reshaping.ZeroPadding, site: Site) -> Out:
    x, layout, start = layout_of(site, p)
    around = [cells for pair in reversed(p.around) for cells in pair]
    channels = [0, 0] if start == 1 else []
    return Out(f"F.pad({x}, {(*channels, *around)})", layout)


def cropping(p: reshaping.Cropping, site: Site) -> Out:
    x, layout, start = layout_of(site, p)
    cuts = [f"{before or ''}:{-after if after else ''}" for before, after in p.around]
    return Out(f"{x}[{', '.join([':'] * start + cuts)}]", layout)


def up_sampling(p: reshaping.UpSampling, site: Site) -> Out:
    mode = getattr(p, "interpolation", "nearest")
    if mode == "nearest":
        text, layout, start = layout_of(site, p)
        for axis, factor in enumerate(p.size, start):
            text += "" if factor == 1 else f".repeat_interleave({factor}, dim={axis})"
        return Out(text, layout)
    if mode.startswith("lanczos"):
        raise Unwritten(f"it has `interpolation: {mode}`")
    layout = SPEC if p.data_format == "channels_first" else FIRST
    given = f"scale_factor={sizes(p.size)}, mode={mode!r}, align_corners=False"
    return Out(f"F.interpolate({site.x(layout=layout)}, {given})", layout)


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    core.Dense: dense, core.Embedding: embedding, core.ReversibleEmbedding: reversible_embedding,
    core.Masking: masking, core.Identity: identity,
    merging.Add: joined("+"), merging.Subtract: joined("-"), merging.Multiply: multiply,
    merging.Average: average, merging.Maximum: extreme("torch.maximum"),
    merging.Minimum: extreme("torch.minimum"), merging.Concatenate: concatenate, merging.Dot: dot,
    reshaping.Flatten: flatten, reshaping.Reshape: reshape, reshaping.Permute: permute,
    reshaping.RepeatVector: repeat_vector,
    **dict.fromkeys(
        (reshaping.ZeroPadding1D, reshaping.ZeroPadding2D, reshaping.ZeroPadding3D), zero_padding
    ),
    **dict.fromkeys((reshaping.Cropping1D, reshaping.Cropping2D, reshaping.Cropping3D), cropping),
    **dict.fromkeys(
        (reshaping.UpSampling1D, reshaping.UpSampling2D, reshaping.UpSampling3D), up_sampling
    ),
}  # fmt: skip
