"""Layers in which each position looks at others, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from modelspec.catalog.layers import attention, sequence_attention
from modelspec.catalog.layers.attention import MultiHeadAttention
from modelspec.catalog.layers.sequence_attention import GroupQueryAttention, Scored
from modelspec.exchange.python.calls import Out, Site, Unwritten, Value, arguments, comment

# -- by heads -----------------------------------------------------------------------------


def by_heads(p: MultiHeadAttention, site: Site) -> list[Out]:
    key = site.given(2)
    scored = bool(p.dropout or p.return_attention_scores or len(site.shape()) > 2)
    module = attention_module(p, site, scored)
    mask = attention_mask(p, site, scored)
    given = [in_line(p, site, value) for value in (site.value(0), site.value(1), key) if value]
    named = {} if mask is None else {"mask": mask}
    if p.use_causal_mask and not mask and not scored:
        named["causal"] = "True"
    called = f"{module}({arguments(*given, **named)})"
    if not scored:
        return [Out(shaped(p, site, called), mask=site.mask(0))]
    output, scores = site.writer.several(called, "", ["~attended", "~scores"])
    outs = [Out(shaped(p, site, output), mask=site.mask(0))]
    if p.return_attention_scores:
        outs.append(Out(spread(p, site, scores), mask=None))
    return outs


def attention_module(p: MultiHeadAttention, site: Site, scored: bool) -> str:
    weights = site.weights
    names = [name for name in ("query", "key", "value", "gate") if f"{name}.kernel" in weights]
    state: dict[str, Tensor] = {}
    for name in names:
        state[f"{name}.weight"] = weights[f"{name}.kernel"].flatten(1).T
        if p.use_bias:
            state[f"{name}.bias"] = weights[f"{name}.bias"].flatten()
    state["output.weight"] = weights["attention_output.kernel"].flatten(0, 1).flatten(1).T
    if p.use_bias:
        state["output.bias"] = weights["attention_output.bias"].flatten()
    widths = [weights[f"{n}.kernel"].shape[0] for n in ("query", "value", "key")]
    made = (*widths, state["output.weight"].shape[0])
    _, heads, key_dim = weights["query.kernel"].shape
    _, key_heads, value_dim = weights["value.kernel"].shape
    named: dict[str, Any] = {} if p.use_bias else {"bias": False}
    kind = "ScoredAttention" if scored else "MultiHeadAttention"
    if key_heads != heads or p.use_gate:
        kind, named = "GroupedAttention", {"key_heads": key_heads, **named}
        named |= {"gate": True} if p.use_gate else {}
        named |= {"scored": True} if scored else {}
    named |= {"drop": p.dropout} if p.dropout else {}
    site.piece(kind)
    return site.module(f"{kind}({arguments(made, heads, key_dim, value_dim, **named)})", state)


def attention_mask(p: MultiHeadAttention, site: Site, scored: bool) -> str | None:
    """All that says what may see what, as (batch, 1, queries, values); None where all may."""
    parts = [f"{site.mask(0)}[:, None, :, None]"] if site.mask(0) else []
    parts += [f"{m}[:, None, None, :]" for m in (site.mask(1), site.mask(2)) if m]
    given = site.given(3)
    if given is not None:
        text = site.read(given)
        text = text if given.known.dtype == "bool" else f"{text}.bool()"
        parts.append(f"{text}[:, None]" if len(given.shape) == 2 else text)
    if p.sliding_window or (p.use_causal_mask and (parts or scored)):
        reach = [p.sliding_window] if p.sliding_window else []
        near = arguments(site.x(0), site.x(1), bool(p.use_causal_mask), *reach)
        parts.append(f"{site.piece('band')}({near})")
    if parts and len(site.shape()) > 2:
        raise Unwritten("it attends over more axes than time, and not all may see all")
    if not parts:
        return None
    # The band alone is (queries, values).
    return site.let(" & ".join(dict.fromkeys(parts)), "true where seen", f"{site.name}_seen")


def order(p: MultiHeadAttention, value: Value) -> list[int]:
    """The axes of a value: the batch, those that stay apart, those attended over, the features."""
    rank = len(value.shape) + 1
    axes = attended(p, value)
    return [0, *(axis for axis in range(1, rank - 1) if axis not in axes), *axes, rank - 1]


def attended(p: MultiHeadAttention, value: Value) -> tuple[int, ...]:
    return (1,) if isinstance(p, GroupQueryAttention) else p.axes(len(value.shape) + 1)


def in_line(p: MultiHeadAttention, site: Site, value: Value) -> str:
    """A value with its attended axes as one, before the features."""
    text, axes = site.read(value), order(p, value)
    if axes != sorted(axes):
        text = f"{text}.permute({arguments(*axes)})"
    count = len(attended(p, value))
    return text if count == 1 else f"{text}.flatten({-1 - count}, -2)"


def shaped(p: MultiHeadAttention, site: Site, text: str) -> str:
    """An output with the axes of the query and those of `output_shape`."""
    query = site.value(0)
    axes = attended(p, query)
    if len(axes) > 1:
        text = f"{text}.unflatten(-2, {sizes_of(site, query, axes)})"
    places = order(p, query)
    if places != sorted(places):
        text = f"{text}.permute({arguments(*(places.index(axis) for axis in range(len(places))))})"
    made = site.weights["attention_output.kernel"].shape[2:]
    return text if len(made) == 1 else f"{text}.unflatten(-1, {tuple(made)})"


def spread(p: MultiHeadAttention, site: Site, scores: str) -> str:
    """Scores with the attended axes of query and value."""
    for at, port in ((-2, 0), (-1, 1)):
        value = site.value(port)
        axes = attended(p, value)
        if len(axes) > 1:
            at = at if port else -1 - len(attended(p, site.value(1)))
            scores = f"{scores}.unflatten({at}, {sizes_of(site, value, axes)})"
    return scores


def sizes_of(site: Site, value: Value, axes: tuple[int, ...]) -> str:
    dims = [value.shape[axis - 1] for axis in axes]
    text = site.read(value)
    shown = [
        str(dim) if isinstance(dim, int) else f"{text}.shape[{axis}]"
        for dim, axis in zip(dims, axes, strict=True)
    ]
    return f"({', '.join(shown)})"


# -- by scores ----------------------------------------------------------------------------


def by_products(p: sequence_attention.Attention, site: Site) -> list[Out]:
    query, key = site.x(0), key_of(site)
    scale = [site.parameter("scale")] if p.use_scale else []
    if p.score_mode == "dot":
        return mixed(p, site, " * ".join([f"{query} @ {key}.transpose(1, 2)", *scale]))
    added = sums(site, query, key)
    added = site.let(f"{added} * {scale[0]}") if scale else added
    weight = site.parameter("concat_score_weight")
    return mixed(p, site, f"{weight} * torch.tanh({added}).sum(-1)")


def by_sums(p: sequence_attention.AdditiveAttention, site: Site) -> list[Out]:
    bent = f"torch.tanh({sums(site, site.x(0), key_of(site))})"
    return mixed(
        p, site, f"{bent} @ {site.parameter('scale')}" if p.use_scale else f"{bent}.sum(-1)"
    )


def key_of(site: Site) -> str:
    given = site.given(2)
    return site.x(1) if given is None else site.read(given)


def sums(site: Site, query: str, key: str) -> str:
    """Each position of a query with each key."""
    dims = (site.shape(0)[0], site.shape(1)[0], site.shape(0)[1])
    return site.let(f"{query}[:, :, None] + {key}[:, None]", comment(dims), f"{site.name}_sums")


def mixed(p: Scored, site: Site, scores: str) -> list[Out]:
    """Values (batch, other time, width) by scores (batch, time, other time)."""
    note = comment((site.shape(0)[0], site.shape(1)[0]))
    scores = site.let(scores, note, f"{site.name}_scores")
    parts = [f"{site.mask(1)}[:, None]"] if site.mask(1) else []
    if p.use_causal_mask:
        parts.append(f"{site.piece('band')}({site.x(0)}, {site.x(1)}, True)")
    if parts:
        seen = site.let(" & ".join(parts), "true where seen", f"{site.name}_seen")
        far = "65504.0" if site.compute == "float16" else "1e9"
        scores = site.let(f"torch.where({seen}, {scores}, {scores} - {far})", note)
    weights = site.let(f"{scores}.softmax(-1)", note, f"{site.name}_weights")
    if p.dropout:
        weights = site.let(
            f"{site.module(f'nn.Dropout({p.dropout})', None, 'dropout')}({weights})", note
        )
    output = f"{weights} @ {site.x(1)}"
    if site.mask(0) is not None:
        output = f"{site.let(output)}.where({site.mask(0)}[..., None], 0)"
    outs = [Out(output, mask=site.mask(0))]
    return [*outs, Out(weights, mask=None)] if p.return_attention_scores else outs


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    attention.MultiHeadAttention: by_heads,
    sequence_attention.GroupQueryAttention: by_heads,
    sequence_attention.Attention: by_products,
    sequence_attention.AdditiveAttention: by_sums,
}
