"""Layers that read a sequence step by step, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.catalog import activations as words
from modelspec.catalog.layers import recurrent
from modelspec.engine.layers.recurrent import fuses
from modelspec.exchange.python.activations import ALONG, SIMPLE, WITH
from modelspec.exchange.python.calls import Mask, Out, Site, Unwritten, arguments

Weights = dict[str, Tensor]

TORCHS: dict[type, str] = {
    recurrent.LSTM: "LSTM", recurrent.GRU: "GRU", recurrent.SimpleRNN: "RNN",
}  # fmt: skip
STEPPED: dict[type, str] = {
    recurrent.LSTM: "SteppedLSTM", recurrent.GRU: "SteppedGRU", recurrent.SimpleRNN: "SteppedRNN",
}  # fmt: skip


class Reading(NamedTuple):
    """What a layer reads: expressions. `part` names its module where a layer has several."""

    x: str
    mask: Mask | None
    states: list[str]
    part: str = ""

    def named(self, name: str) -> str:
        return f"{self.part}_{name}" if self.part else name


class Read(NamedTuple):
    """What reading a sequence gave: its output and its last states, as expressions."""

    output: str
    states: list[str]


def reader(p: Any, site: Site, weights: Weights, given: Reading, zero_masked: bool) -> Read:
    """A layer over a sequence; outputs are in reading order."""
    if p.dropout:
        drop = site.module(f"nn.Dropout1d({p.dropout})", None, given.named("dropout"))
        dropped = site.let(f"{drop}({given.x}.transpose(1, 2)).transpose(1, 2)")
        given = given._replace(x=dropped)
    if p.go_backwards:
        given = backwards(site, given)
    whole = given.mask is not None and isinstance(p, recurrent.LSTM) and p.return_state
    if fuses(p) and not p.recurrent_dropout and not whole:
        return fused(p, site, weights, given, zero_masked)
    return stepped(p, site, weights, given, zero_masked)


def backwards(site: Site, given: Reading) -> Reading:
    mask = None if given.mask is None else site.mask_of(f"{given.mask}.flip(1)")
    return given._replace(x=site.let(f"{given.x}.flip(1)"), mask=mask)


def fused(p: Any, site: Site, weights: Weights, given: Reading, zero_masked: bool) -> Read:
    """By torch's own module."""
    kind, kernel = TORCHS[type(p)], weights["kernel"]
    named = {} if p.use_bias else {"bias": "False"}
    made = arguments(kernel.shape[0], p.units, **named, batch_first=True)
    module = site.module(f"nn.{kind}({made})", torch_state(p, weights), given.part)
    two = isinstance(p, recurrent.LSTM)
    more = "".join(f", {state}[None]" for state in given.states)
    if two and given.states:
        more = f", ({more.removeprefix(', ')})"
    if given.mask is not None:
        first = valid_first(site, given)
        outputs = site.writer.several(f"{module}({first}{more})", "", ["~outputs", "~_"])[0]
        return masked(p, site, [outputs], given, zero_masked)
    states, nested = (["~hidden", "~cell"], "{}, ({}, {})") if two else (["~state"], "")
    called = f"{module}({given.x}{more})"
    outputs, *last = site.writer.several(called, "", ["~outputs", *states], nested)
    finals = [f"{one}[0]" for one in last]
    return Read(outputs if p.return_sequences else finals[0], finals)


def torch_state(p: Any, weights: Weights, end: str = "") -> Weights:
    """Kernels and biases as torch lays them out: a GRU's gates are reset, update, candidate."""
    kernels = [weights["kernel"], weights["recurrent_kernel"]]
    biases = both_biases(p, weights) if p.use_bias else []
    tensors = [one.T for one in kernels] + biases
    if isinstance(p, recurrent.GRU):
        tensors = [torch.cat([t.chunk(3)[i] for i in (1, 0, 2)]) for t in tensors]
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return {f"{name}{end}": tensor for name, tensor in zip(names, tensors, strict=False)}


def both_biases(p: Any, weights: Weights) -> list[Tensor]:
    """Those of the inputs and of the state; a layer that has one adds no other to its state."""
    bias = weights["bias"]
    return list(bias) if bias.ndim == 2 else [bias, torch.zeros_like(bias)]


def stepped_module(p: Any, site: Site, weights: Weights, part: str) -> str:
    """A module that goes step by step: for other activations, dropped states, or all states."""
    kind = STEPPED[type(p)]
    if isinstance(p, recurrent.GRU) and not p.reset_after:
        kind = "ResetFirstGRU"
    given = [weights["kernel"].shape[0], p.units, function(p.activation)]
    gate = function(getattr(p, "recurrent_activation", None), "torch.sigmoid")
    given += [gate] if gate != "torch.sigmoid" else []
    named = {"drop": p.recurrent_dropout} if p.recurrent_dropout else {}
    named |= {} if p.use_bias else {"bias": False}
    state = {"input.weight": weights["kernel"].T, "recurrent.weight": weights["recurrent_kernel"].T}
    if p.use_bias:
        both = both_biases(p, weights)
        state["bias"] = both[0]
        state |= {"recurrent_bias": both[1]} if kind == "SteppedGRU" else {}
    return site.module(f"{site.piece(kind)}({arguments(*given, **named)})", state, part)


def stepped(p: Any, site: Site, weights: Weights, given: Reading, zero_masked: bool) -> Read:
    module = stepped_module(p, site, weights, given.part)
    more = f", [{', '.join(given.states)}]" if given.states else ""
    x = given.x if given.mask is None else valid_first(site, given)
    names = [f"~{state}s" for state in p.states]
    each = site.writer.several(f"{module}({x}{more})", "", names, unpacked(len(names)))
    return traced(p, site, each, given, zero_masked)


def unpacked(count: int) -> str:
    """A pattern that takes a list of one apart, too."""
    return "[{}]" if count == 1 else ""


def traced(p: Any, site: Site, traces: list[str], given: Reading, zero_masked: bool) -> Read:
    """All states over time as what the layer gives."""
    if given.mask is not None:
        return masked(p, site, traces, given, zero_masked)
    finals = [f"{one}[:, -1]" for one in traces]
    return Read(traces[0] if p.return_sequences else finals[0], finals)


def function(word: Any, usual: str = "nn.Identity()", *, last: int = -1) -> str:
    """An activation as a function of one tensor, whose `last` axis is the last one of the spec."""
    if word is None or isinstance(word, words.Linear):
        return usual if word is None else "nn.Identity()"
    if type(word) in SIMPLE:
        return SIMPLE[type(word)]
    if type(word) in ALONG and not isinstance(word, words.Sparsemax):
        if last != -1 and word.axis != -1:
            raise Unwritten("its activation works along another axis than the last")
        return f"lambda x: {ALONG[type(word)]}(x, dim={last if word.axis == -1 else word.axis})"
    if type(word) in WITH:
        called, *names = WITH[type(word)]
        given = arguments("x", *(repr(getattr(word, name)) for name in names))
        return f"lambda x: {called}({given})"
    if isinstance(word, words.Gelu):
        return 'nn.GELU("tanh")' if word.approximate else "F.gelu"
    plain = isinstance(word, words.Relu) and not (word.negative_slope or word.threshold)
    if plain and word.max_value is None:
        return "torch.relu"
    raise Unwritten(f"its activation is {type(word).__name__}")


def valid_first(site: Site, given: Reading) -> str:
    return site.let(f"{site.piece('valid_steps_first')}({given.x}, {given.mask})")


def masked(p: Any, site: Site, traces: list[str], given: Reading, zero_masked: bool) -> Read:
    """What valid steps gave, which ran first, back where it belongs."""
    finals = []
    for at, trace in enumerate(traces):
        start = f", {given.states[at]}" if given.states else ""
        finals.append(f"{site.piece('last_valid')}({trace}, {given.mask}{start})")
    piece = site.piece("held_over_masked" if p.return_sequences else "last_valid")
    output = f"{piece}({traces[0]}, {given.mask})"
    if zero_masked:
        more = ", None" * (len(site.shape()) - 1)
        output += f".where({given.mask}[{'...' if p.return_sequences else ':, -1'}{more}], 0)"
    return Read(output, finals)


def sequence_mask(site: Site) -> Mask | None:
    """The mask (batch, time); one of whole samples is for what comes after."""
    mask = site.mask()
    return mask if mask is not None and mask.axes else None


def states_of(site: Site, port: int = 1) -> list[str]:
    given = site.inputs[port] if len(site.inputs) > port else None
    return [site.read(value) for value in given or []]


def read_once(p: recurrent.Recurrent, site: Site) -> list[Out]:
    zeros = bool(p.zero_output_for_mask)
    return handed_on(p, site, reader(p, site, site.weights, given_to(site), zeros))


def given_to(site: Site) -> Reading:
    """What a layer over a sequence is called on."""
    return Reading(site.floats(), sequence_mask(site), states_of(site))


def handed_on(p: Any, site: Site, read: Read) -> list[Out]:
    kept = site.mask() if p.return_sequences else None
    outs = [Out(read.output, mask=kept)]
    return outs + [Out(one, mask=None) for one in read.states if p.return_state]


GENERATORS: dict[type, Callable[[Any, Site], Any]] = dict.fromkeys(
    (recurrent.LSTM, recurrent.GRU, recurrent.SimpleRNN), read_once
)
