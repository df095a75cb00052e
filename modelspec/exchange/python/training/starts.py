"""How a script starts weights anew: the spec's distributions, by `torch.nn.init`."""

from __future__ import annotations

import math
from typing import Any

from modelspec.catalog import initializers as starts
from modelspec.engine.initializers import CUT_STDDEV, INITIALIZERS, fans, scaled
from modelspec.exchange.python.training.parameters import Parameter, Parameters
from modelspec.model.graph import Graph


def fresh(graph: Graph, parameters: Parameters, model: str) -> str:
    """The function that starts all trained weights anew."""
    lines, kept = [], []
    for owner in graph.owners.values():
        for weight in owner.weights:
            for one in parameters.of(owner.name(weight)):
                started = initial(weight.initializer, one)
                lines += [f"    {line}" for line in started]
                kept += [] if started else [one.weight]
    note = f" Exported ones stay for {', '.join(kept)}." if kept else ""
    if any("running_var" in name for name in parameters.fixed):
        lines += ["    for module in model.modules():",
                  "        if isinstance(module, nn.modules.batchnorm._BatchNorm):",
                  "            module.reset_running_stats()"]  # fmt: skip
    return "\n".join([
        "@torch.no_grad()", f"def start_anew(model: {model}) -> None:",
        f'    """Weights drawn as the spec says, but not the same ones.{note}"""', *lines,
    ])  # fmt: skip


def initial(word: Any, one: Parameter) -> list[str]:
    """The lines that start a parameter anew; none where that is not a plain distribution."""
    p = one.access
    match word:
        case starts.Zeros():
            return [f"nn.init.zeros_({p})"]
        case starts.Ones():
            return [f"nn.init.ones_({p})"]
        case starts.Constant():
            return [f"nn.init.constant_({p}, {word.value})"]
        case starts.RandomNormal():
            return [f"nn.init.normal_({p}, {word.mean}, {word.stddev})"]
        case starts.RandomUniform():
            return [f"nn.init.uniform_({p}, {word.minval}, {word.maxval})"]
        case starts.TruncatedNormal():
            return [truncated(p, word.mean, word.stddev)]
        case starts.Orthogonal():
            rows = math.prod(one.shape[:-1])
            drawn = f"nn.init.orthogonal_(torch.empty({rows}, {one.shape[-1]}), {word.gain})"
            return [f"{one.laid_out}.copy_({drawn}.view{one.shape})"]
        case starts.UnitForgetBias() if isinstance(word.inner, starts.Zeros):
            units = one.shape[0] // 4
            return [f"nn.init.zeros_({p})", f"{p}[{units}:{2 * units}] = 1.0  # the forget gate"]
    return [varied(word, one)] if INITIALIZERS[type(word)] is scaled else []


def varied(word: Any, one: Parameter) -> str:
    """Random, with a variance that goes by the counts of inputs and outputs."""
    inputs, outputs = fans(one.shape, word.input_axes, word.output_axes)
    count = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[word.mode]
    deviation = math.sqrt(word.scale / max(1.0, count))
    if word.distribution == "uniform":
        limit = f"{math.sqrt(3.0) * deviation:.8g}"
        return f"nn.init.uniform_({one.access}, -{limit}, {limit})"
    if word.distribution == "untruncated_normal":
        return f"nn.init.normal_({one.access}, 0.0, {deviation:.8g})"
    return truncated(one.access, 0.0, deviation / CUT_STDDEV)


def truncated(p: str, mean: float, deviation: float) -> str:
    low, high = mean - 2 * deviation, mean + 2 * deviation
    return f"nn.init.trunc_normal_({p}, {mean}, {deviation:.8g}, {low:.8g}, {high:.8g})"
