"""Recurrent layers whose steps are images, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from modelspec.catalog.layers import conv_recurrent
from modelspec.catalog.layers.conv_recurrent import ConvLSTM
from modelspec.catalog.layers.convolution import Convolution
from modelspec.engine.spatial import same
from modelspec.exchange.python.calls import Out, Site, arguments, sizes
from modelspec.exchange.python.recurrent import (
    Read,
    Reading,
    backwards,
    function,
    given_to,
    handed_on,
    traced,
    valid_first,
)
from modelspec.exchange.python.spatial import Edges, turned
from modelspec.exchange.python.spatial import given as altered

Weights = dict[str, Tensor]


def read_images(
    p: ConvLSTM, site: Site, weights: Weights, given: Reading, zero_masked: bool
) -> Read:
    """The layer over a sequence of images; outputs are in reading order."""
    x, last = given.x, p.data_format == "channels_last"
    if p.dropout:
        x = site.let(
            f"{site.module(f'nn.Dropout({p.dropout})', None, given.named('dropout'))}({x})"
        )
    if p.go_backwards:
        given = backwards(site, given._replace(x=x))
        x = given.x
    if given.mask is not None:
        x = valid_first(site, given._replace(x=x))
    x = site.let(f"{x}.movedim(-1, 2)") if last else x  # (batch, time, channels, *space)
    made = arguments(
        padded_convolution(p.of_inputs, weights["kernel"], around(p, site)),
        padded_convolution(p.of_state, weights["recurrent_kernel"], state_edges(p)),
        *(
            function(word, last=1 if last else -1)
            for word in (p.activation, p.recurrent_activation)
        ),
        **({"drop": p.recurrent_dropout} if p.recurrent_dropout else {}),
    )
    module = site.module(
        f"{site.piece('ConvLSTM')}({made})", state_of(p, site, weights), given.part
    )
    starts = [f"{one}.movedim(-1, 1)" if last else one for one in given.states]
    more = f", [{', '.join(starts)}]" if starts else ""
    each = site.writer.several(f"{module}({x}{more})", "", ["~hiddens", "~cells"])
    if last:
        each = [f"{one}.movedim(2, -1)" for one in each]
    return traced(p, site, each, given, zero_masked)


def state_of(p: ConvLSTM, site: Site, weights: Weights) -> Weights:
    """The weights by the names that `padded_convolution` gives them."""
    first = "input" if is_even(around(p, site)) else "input.1"
    then = "recurrent" if is_even(state_edges(p)) else "recurrent.1"
    state = {
        f"{first}.weight": turned(weights["kernel"]),
        f"{then}.weight": turned(weights["recurrent_kernel"]),
    }
    return state | ({f"{first}.bias": weights["bias"]} if p.use_bias else {})


def around(p: ConvLSTM, site: Site) -> Edges:
    """The cells before and after that `padding: same` adds to each image."""
    shape = site.shape()
    space: Any = shape[1:-1] if p.data_format == "channels_last" else shape[2:]
    if p.padding != "same":
        return [(0, 0)] * p.rank
    axes = zip(space, p.kernel_size, p.strides, p.dilation_rate, strict=True)
    return [same(*axis) for axis in axes]


def state_edges(p: ConvLSTM) -> Edges:
    """The state keeps its size."""
    return [same(1, size, 1) for size in p.kernel_size]


def is_even(edges: Edges) -> bool:
    """Whether a convolution can add these cells itself."""
    return all(before == after for before, after in edges)


def padded_convolution(p: Convolution, kernel: Tensor, edges: Edges) -> str:
    padding: Any = sizes([before for before, _ in edges]) if is_even(edges) else 0
    named = altered(
        stride=sizes(p.strides),
        padding=padding,
        dilation=sizes(p.dilation_rate),
        bias=bool(p.use_bias),
    )
    made = arguments(kernel.shape[-2], kernel.shape[-1], sizes(p.kernel_size), **named)
    text = f"nn.Conv{p.rank}d({made})"
    if is_even(edges):
        return text
    cells = tuple(one for pair in reversed(edges) for one in pair)
    return f"nn.Sequential(nn.ZeroPad{p.rank}d({cells}), {text})"


def conv_lstm(p: ConvLSTM, site: Site) -> list[Out]:
    return handed_on(p, site, read_images(p, site, site.weights, given_to(site), False))


GENERATORS: dict[type, Callable[[Any, Site], Any]] = dict.fromkeys(
    (conv_recurrent.ConvLSTM1D, conv_recurrent.ConvLSTM2D, conv_recurrent.ConvLSTM3D), conv_lstm
)
