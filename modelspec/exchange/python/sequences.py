"""Recurrent layers, attention and torch.nn's own modules as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from modelspec.catalog import activations as words
from modelspec.catalog.layers import attention, foreign, recurrent, wrappers
from modelspec.engine.layers.recurrent import fuses
from modelspec.exchange.python.activations import ALONG, SIMPLE, WITH
from modelspec.exchange.python.calls import Out, Site, Unwritten, arguments

TORCHS: dict[type, str] = {
    recurrent.LSTM: "LSTM", recurrent.GRU: "GRU", recurrent.SimpleRNN: "RNN",
}  # fmt: skip
STEPPED: dict[type, str] = {
    recurrent.LSTM: "SteppedLSTM", recurrent.GRU: "SteppedGRU", recurrent.SimpleRNN: "SteppedRNN",
}  # fmt: skip


class Read:
    """What reading a sequence gave: expressions."""

    def __init__(self, output: str, states: list[str]) -> None:
        self.output, self.states = output, states


def reader(
    p: recurrent.Recurrent, site: Site, weights: dict[str, Tensor], x: str, mask: str | None,
    states: list[str], *, part: str = "", zero_masked: bool = False,
) -> Read:  # fmt: skip
    """The layer over a sequence `x`, outputs in reading order."""
    if p.dropout:
        drop = site.module(f"nn.Dropout1d({p.dropout})", None, f"{part}_dropout".lstrip("_"))
        x = site.let(f"{drop}({x}.transpose(1, 2)).transpose(1, 2)")
    if p.go_backwards:
        x = site.let(f"{x}.flip(1)")
        mask = site.let(f"{mask}.flip(1)") if mask else None
    own = fuses(p) and not p.recurrent_dropout
    if own and not (mask and isinstance(p, recurrent.LSTM) and p.return_state):
        return fused(p, site, weights, x, mask, states, part, zero_masked)
    return stepped(p, site, weights, x, mask, states, part, zero_masked)


def fused(p: Any, site: Site, weights: dict[str, Tensor], x: str, mask: str | None,
          states: list[str], part: str, zero_masked: bool) -> Read:  # fmt: skip
    """By torch's own module."""
    kind, kernel = TORCHS[type(p)], weights["kernel"]
    named = {"bias": "False"} if not p.use_bias else {}
    made = arguments(kernel.shape[0], p.units, **named, batch_first=True)
    module = site.module(f"nn.{kind}({made})", torch_state(p, weights), part)
    two = isinstance(p, recurrent.LSTM)
    more = ""
    if states:
        parts = [f"{state}[None]" for state in states]
        more = f", ({', '.join(parts)})" if two else f", {parts[0]}"
    if mask:
        first = site.let(f"{site.piece('valid_steps_first')}({x}, {mask})")
        outputs = site.writer.several(f"{module}({first}{more})", "", ["~outputs", "~_"])[0]
        return masked(p, site, [outputs], mask, states, zero_masked)
    if two:
        called = f"{module}({x}{more})"
        wishes, nested = ["~outputs", "~hidden", "~cell"], "{}, ({}, {})"
        outputs, hidden, cell = site.writer.several(called, "", wishes, nested)
        finals = [f"{hidden}[0]", f"{cell}[0]"]
    else:
        outputs, last = site.writer.several(f"{module}({x}{more})", "", ["~outputs", "~state"])
        finals = [f"{last}[0]"]
    return Read(outputs if p.return_sequences else finals[0], finals)


def torch_state(p: Any, weights: dict[str, Tensor], end: str = "") -> dict[str, Tensor]:
    """Kernels and biases as torch lays them out: a GRU's gates are reset, update, candidate."""
    kernels = [weights["kernel"], weights["recurrent_kernel"]]
    biases = []
    if p.use_bias:
        bias = weights["bias"]
        biases = list(bias) if bias.ndim == 2 else [bias, torch.zeros_like(bias)]
    tensors = [one.T for one in kernels] + biases
    if isinstance(p, recurrent.GRU):
        tensors = [torch.cat([t.chunk(3)[i] for i in (1, 0, 2)]) for t in tensors]
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return {f"{name}{end}": tensor for name, tensor in zip(names, tensors, strict=False)}


def stepped(p: Any, site: Site, weights: dict[str, Tensor], x: str, mask: str | None,
            states: list[str], part: str, zero_masked: bool) -> Read:  # fmt: skip
    """Step by step: other activations, dropped states, or all states over time."""
    kernel, recurrent_kernel = weights["kernel"], weights["recurrent_kernel"]
    kind = STEPPED[type(p)]
    if isinstance(p, recurrent.GRU) and not p.reset_after:
        kind = "ResetFirstGRU"
    gate = function(getattr(p, "recurrent_activation", None))
    named = {"drop": p.recurrent_dropout} if p.recurrent_dropout else {}
    made = arguments(kernel.shape[0], p.units, function(p.activation), gate, **named)
    zeros = torch.zeros(kernel.shape[1])
    bias = weights.get("bias", zeros)
    both = list(bias) if bias.ndim == 2 else [bias, zeros]
    state = {"input.weight": kernel.T, "input.bias": both[0],
             "recurrent.weight": recurrent_kernel.T, "recurrent.bias": both[1]}  # fmt: skip
    module = site.module(f"{site.piece(kind)}({made})", state, part)
    more = f", [{', '.join(states)}]" if states else ""
    if mask:
        x = site.let(f"{site.piece('valid_steps_first')}({x}, {mask})")
    traces = site.let(f"{module}({x}{more})", wish="~states")
    each = [f"{traces}[{at}]" for at in range(len(p.states))]
    if mask:
        return masked(p, site, each, mask, states, zero_masked)
    finals = [f"{one}[:, -1]" for one in each]
    return Read(each[0] if p.return_sequences else finals[0], finals)


def function(word: Any) -> str:
    """An activation as a function of one tensor."""
    if word is None or isinstance(word, words.Linear):
        return "nn.Identity()"
    if type(word) in SIMPLE:
        return SIMPLE[type(word)]
    if type(word) in ALONG:
        return f"lambda x: {ALONG[type(word)]}(x, dim={word.axis})"
    if type(word) in WITH:
        called, *names = WITH[type(word)]
        given = arguments("x", *(repr(getattr(word, name)) for name in names))
        return f"lambda x: {called}({given})"
    plain = isinstance(word, words.Relu) and not (word.negative_slope or word.threshold)
    if plain and word.max_value is None:
        return "torch.relu"
    raise Unwritten(f"its activation is {type(word).__name__}")


def masked(p: Any, site: Site, traces: list[str], mask: str, states: list[str],
           zero_masked: bool) -> Read:  # fmt: skip
    """The outputs of valid steps, which ran first, back where they belong."""
    held = []
    for at, trace in enumerate(traces):
        start = f", {states[at]}" if states else ""
        held.append(site.let(f"{site.piece('held_over_masked')}({trace}, {mask}{start})"))
    if states and p.return_sequences:
        raise Unwritten("it starts from given states and has a mask over a sequence of outputs")
    finals = [f"{one}[:, -1]" for one in held]
    if not p.return_sequences:
        if zero_masked:
            finals[0] = f"{finals[0]}.where({mask}[:, -1:], 0)"
        return Read(finals[0], [f"{one}[:, -1]" for one in held])
    output = f"{held[0]}.where({mask}[..., None], 0)" if zero_masked else held[0]
    return Read(output, finals)


def sequence_mask(site: Site) -> str | None:
    mask = site.mask()
    if mask is not None and len(site.shape()) != 2:
        raise Unwritten("its mask has other axes than (time)")
    return mask


def states_of(site: Site) -> list[str]:
    given = site.inputs[1] if len(site.inputs) > 1 else None
    return [site.read(value) for value in given or []]


def read_once(p: recurrent.Recurrent, site: Site) -> Any:
    mask = sequence_mask(site)
    read = reader(p, site, site.weights, site.floats(), mask, states_of(site),
                  zero_masked=p.zero_output_for_mask)  # fmt: skip
    kept = mask if p.return_sequences else None
    if not p.return_state:
        return Out(read.output, mask=kept)
    return [Out(read.output, mask=kept), *(Out(one, mask=None) for one in read.states)]


def bidirectional(p: wrappers.Bidirectional, site: Site) -> Any:
    layers: list[Any] = [p.forward, p.backward]
    if not all(type(layer) in TORCHS for layer in layers):
        raise Unwritten("it wraps another layer than LSTM, GRU and SimpleRNN")
    mask, x = sequence_mask(site), site.floats()
    starts = p.halves(states_of(site) or None)
    reads = []
    for layer, part, states in zip(layers, ("forward", "backward"), starts, strict=True):
        own = {n.removeprefix(f"{part}."): w for n, w in site.weights.items() if n.startswith(part)}
        reads.append(reader(layer, site, own, x, mask, states or [], part=part,
                            zero_masked=layer.return_sequences))  # fmt: skip
    ahead, behind = reads[0].output, reads[1].output
    if p.forward.return_sequences:
        behind = f"{behind}.flip(1)"
    kept = mask if p.forward.return_sequences else None
    if p.merge_mode is None:
        outs = [Out(ahead, mask=kept), Out(behind, mask=kept)]
    else:
        merged = {
            "concat": f"torch.cat([{ahead}, {behind}], dim=-1)", "sum": f"{ahead} + {behind}",
            "mul": f"{ahead} * {behind}", "ave": f"({ahead} + {behind}) / 2",
        }  # fmt: skip
        outs = [Out(merged[p.merge_mode], mask=kept)]
    if p.forward.return_state:
        outs += [Out(state, mask=None) for read in reads for state in read.states]
    return outs if len(outs) > 1 else outs[0]


# -- attention ----------------------------------------------------------------------------


def multi_head_attention(p: attention.MultiHeadAttention, site: Site) -> Any:
    if len(site.shape()) != 2 or (p.output_shape and len(p.output_shape) != 1):
        raise Unwritten("it attends over more axes than time")
    key = site.inputs[2] if len(site.inputs) > 2 and site.inputs[2] is not None else None
    made = attention_module(p, site, key)
    mask = attention_mask(p, site)
    exact = bool(p.dropout or p.return_attention_scores)
    causal = p.use_causal_mask and not mask and not exact
    named = {} if mask is None else {"mask": mask}
    given = [site.x(0), site.x(1), *([] if key is None else [site.read(key)])]
    named |= {"causal": "True"} if causal else {}
    output, scores = site.writer.several(
        f"{made}({arguments(*given, **named)})", "", ["~attended", "~scores"]
    )
    if not p.return_attention_scores:
        return Out(output, mask=site.mask(0))
    return [Out(output, mask=site.mask(0)), Out(scores, mask=None)]


def attention_module(p: attention.MultiHeadAttention, site: Site, key: Any) -> str:
    weights = site.weights
    state = {}
    for name in ("query", "key", "value", "gate"):
        if f"{name}.kernel" in weights:
            state[f"{name}.weight"] = weights[f"{name}.kernel"].flatten(1).T
            if p.use_bias:
                state[f"{name}.bias"] = weights[f"{name}.bias"].flatten()
    state["output.weight"] = weights["attention_output.kernel"].flatten(0, 1).T
    if p.use_bias:
        state["output.bias"] = weights["attention_output.bias"]
    widths = tuple(weights[f"{n}.kernel"].shape[0] for n in ("query", "value", "key"))
    made = (*widths, state["output.weight"].shape[0])
    named: dict[str, Any] = {} if p.use_bias else {"bias": False}
    if p.dropout:
        named["dropout"] = p.dropout
    if p.dropout or p.return_attention_scores:
        named["exact"] = True
    if p.use_gate:
        named["gate"] = True
    text = arguments(made, p.num_heads, p.key_dim, p.size_of_value, **named)
    return site.module(f"{site.piece('MultiHeadAttention')}({text})", state)


def attention_mask(p: attention.MultiHeadAttention, site: Site) -> str | None:
    """All that says what may see what, as (batch, 1, queries, values); None where all may."""
    parts = [f"{site.mask(0)}[:, None, :, None]"] if site.mask(0) else []
    parts += [f"{m}[:, None, None, :]" for m in (site.mask(1), site.mask(2)) if m]
    if len(site.inputs) > 3 and site.inputs[3] is not None:
        rank = len(site.inputs[3].shape)
        more = "[:, None]" if rank == 2 else ""
        parts.append(f"{site.read(site.inputs[3])}.bool(){more}")
    exact = p.dropout or p.return_attention_scores
    if p.sliding_window or (p.use_causal_mask and (parts or exact)):
        reach = p.sliding_window
        near = f"{site.piece('band')}({site.x(0)}, {site.x(1)}, {p.use_causal_mask}, {reach})"
        parts.append(near if not parts else f"{near}[None, None]")
    return site.let(" & ".join(dict.fromkeys(parts)), wish="~mask") if parts else None


# -- torch.nn -----------------------------------------------------------------------------


def torch_module(p: foreign.TorchModule, site: Site) -> Out:
    given = p.args if isinstance(p.args, dict) else {}
    listed = p.args if isinstance(p.args, list) else []
    made = arguments(*map(repr, listed), **{name: repr(v) for name, v in given.items()})
    module = site.module(f"nn.{p.class_.removeprefix('torch.nn.')}({made})", dict(site.weights))
    called = f"{module}({', '.join(site.read(value) for value in site.values())})"
    kind = vars(nn).get(p.class_.rpartition(".")[2])
    tupled = isinstance(kind, type) and issubclass(
        kind, nn.RNNBase | nn.RNNCellBase | nn.MultiheadAttention
    )
    if (tupled and p.class_.endswith("LSTMCell")) or (tupled and not p.class_.endswith("Cell")):
        called += "[0]"
    return Out(called, mask=None)


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    recurrent.LSTM: read_once, recurrent.GRU: read_once, recurrent.SimpleRNN: read_once,
    wrappers.Bidirectional: bidirectional,
    attention.MultiHeadAttention: multi_head_attention,
    foreign.TorchModule: torch_module,
}  # fmt: skip
