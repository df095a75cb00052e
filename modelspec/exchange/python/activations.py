"""Activations as PyTorch: words and layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog import activations as words
from modelspec.catalog.layers import activation
from modelspec.exchange.python.calls import (
    FIRST,
    SPEC,
    Out,
    Site,
    Unwritten,
    arguments,
    cast,
)


def activated(site: Site, word: Any, text: str, layout: str = SPEC) -> str:
    """The activation of an expression."""
    if word is None or isinstance(word, words.Linear):
        return text
    axis = getattr(word, "axis", None)
    if axis is not None and layout == FIRST:
        if axis != -1:
            raise Unwritten("its activation works along another axis than the last")
        axis = 1
    kind = type(word)
    if kind in SIMPLE:
        return f"{SIMPLE[kind]}({text})"
    if kind in WITH:
        function, *names = WITH[kind]
        given = arguments(text, *(repr(getattr(word, name)) for name in names))
        return f"{function}({given})"
    if kind in ALONG:
        function = site.piece("sparsemax") if kind is words.Sparsemax else ALONG[kind]
        return f"{function}({text}, dim={axis})"
    if kind is words.Gelu:
        return f'F.gelu({text}, approximate="tanh")' if word.approximate else f"F.gelu({text})"
    if kind is words.Relu:
        return relu(site, word, text)
    if kind in WRITTEN:
        return WRITTEN[kind](word, site.let(text))
    raise Unwritten(f"its activation is {kind.__name__}")


SIMPLE: dict[type, str] = {
    words.Relu6: "F.relu6", words.Selu: "F.selu", words.Silu: "F.silu", words.Mish: "F.mish",
    words.Sigmoid: "torch.sigmoid", words.HardSigmoid: "F.hardsigmoid",
    words.HardSilu: "F.hardswish", words.Tanh: "torch.tanh", words.LogSigmoid: "F.logsigmoid",
    words.Softplus: "F.softplus", words.Softsign: "F.softsign", words.Exponential: "torch.exp",
    words.TanhShrink: "F.tanhshrink", words.HardTanh: "F.hardtanh",
}  # fmt: skip
WITH: dict[type, tuple[str, ...]] = {
    words.LeakyRelu: ("F.leaky_relu", "negative_slope"), words.Elu: ("F.elu", "alpha"),
    words.Celu: ("F.celu", "alpha"), words.HardShrink: ("F.hardshrink", "threshold"),
    words.SoftShrink: ("F.softshrink", "threshold"),
    words.Threshold: ("F.threshold", "threshold", "default_value"),
}  # fmt: skip
ALONG: dict[type, str] = {
    words.Softmax: "torch.softmax", words.LogSoftmax: "torch.log_softmax", words.Glu: "F.glu",
    words.Sparsemax: "sparsemax",
}  # fmt: skip
WRITTEN: dict[type, Callable[[Any, str], str]] = {
    words.SparsePlus: lambda word, x: (
        f"0.25 * ({x}.clamp(-1.0, 1.0) + 1).square() + torch.relu({x} - 1)"
    ),
    words.SparseSigmoid: lambda word, x: f"(0.5 * ({x} + 1)).clamp(0.0, 1.0)",
    words.Squareplus: lambda word, x: f"({x} + torch.sqrt({x}.square() + {word.b})) / 2",
}


def relu(site: Site, word: Any, text: str) -> str:
    """`Relu` with its arguments, as an activation or as a layer."""
    if not word.negative_slope and word.max_value is None and not word.threshold:
        return f"torch.relu({text})"
    x = site.let(text)
    y = f"torch.where({x} > {word.threshold}, {x}, 0)" if word.threshold else f"torch.relu({x})"
    if word.max_value is not None:
        y = f"torch.clamp({y}, 0.0, {word.max_value})"
    slope = word.negative_slope
    return f"{y} - {slope} * torch.relu({word.threshold} - {x})" if slope else y


def activation_layer(p: activation.Activation, site: Site) -> Out:
    axis = getattr(p.activation, "axis", None)
    if site.is_whole():
        whole = activated(site, p.activation, site.x() if p.whole else site.floats())
        return Out(as_before(site, whole) if p.whole else whole)
    text, layout = site.either() if axis in (None, -1) else (site.x(), SPEC)
    return Out(activated(site, p.activation, text, layout), layout)


def as_before(site: Site, text: str) -> str:
    """An expression in the dtype of the input."""
    return cast(site.let(text), site.value().known.dtype)


def relu_layer(p: activation.ReLU, site: Site) -> Out:
    if site.is_whole():
        whole = relu(site, p, site.x() if p.whole else site.floats())
        return Out(as_before(site, whole) if p.whole else whole)
    text, layout = site.either()
    return Out(relu(site, p, text), layout)


def leaky_relu(p: activation.LeakyReLU, site: Site) -> Out:
    return Out(f"F.leaky_relu({site.floats()}, {p.negative_slope})")


def elu(p: activation.ELU, site: Site) -> Out:
    return Out(f"F.elu({site.floats()}, {p.alpha})")


def prelu(p: activation.PReLU, site: Site) -> Out:
    x, alpha = site.floats(), site.parameter("alpha")
    return Out(f"torch.relu({x}) - {alpha} * torch.relu(-{x})")


def softmax(p: activation.Softmax, site: Site) -> Out:
    x, mask = site.floats(), site.mask()
    if mask is not None:
        more = ", None" * (len(site.shape()) - mask.axes)
        there = site.let(f"{mask}[...{more}]", wish="there") if more else mask
        x = f"{x}.where({there}, {'-3e4' if site.compute == 'float16' else '-1e9'})"
    if len(p.axes) == 1:
        y = f"torch.softmax({x}, dim={p.axes[0]})"
    else:
        held = site.let(x)
        y = f"torch.exp({held} - torch.logsumexp({held}, {tuple(p.axes)}, keepdim=True))"
    return Out(y if mask is None else f"{y}.where({there}, 0)")


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    activation.Activation: activation_layer,
    activation.ReLU: relu_layer,
    activation.LeakyReLU: leaky_relu,
    activation.ELU: elu,
    activation.PReLU: prelu,
    activation.Softmax: softmax,
}
