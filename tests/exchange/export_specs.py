"""Specs of one layer, out of the catalogue's examples, and inputs drawn for any module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

import modelspec
from modelspec.catalog.words import find
from modelspec.engine.module import Module
from modelspec.exchange.random_inputs import vocabulary

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "modelspec" / "catalog" / "examples"


def examples(*families: str) -> list[tuple[str, dict[str, Any]]]:
    """`Dense-1` with the example, of these families."""
    found = []
    for family in families:
        written = yaml.safe_load((EXAMPLES / f"{family}.yaml").read_text(encoding="utf-8"))
        found += [
            (f"{name}-{number}", entry)
            for name, entries in written.items()
            for number, entry in enumerate(entries, 1)
        ]
    return found


def module_of(example: dict[str, Any]) -> Module:
    """The engine's module of a spec that holds the example's layer alone."""
    inputs: dict[str, Any] = {}
    layer, called = dict(example["layer"]), {}
    if layer["type"] == "TorchModule":
        args = layer.pop("args", {})
        layer = {"type": layer["class_"], **(args if isinstance(args, dict) else {"args": args})}
    for port, written in example["inputs"].items():
        several = isinstance(written, list) and written and isinstance(written[0], list | dict)
        names = []
        for number, one in enumerate(written if several else [written]):
            name = f"in_{port}_{number}" if several else f"in_{port}"
            told = {"shape": one} if isinstance(one, list) else one
            inputs[name] = {k: v for k, v in told.items() if k in ("shape", "dtype")}
            names.append(name)
        called[port] = names if several else names[0]
    cls = find("layers", layer["type"]) if "." not in layer["type"] else None
    is_named = cls is not None and isinstance(getattr(cls, "takes", ""), dict | property)
    many = not is_named or len(called) == 1
    layer["from"] = list(called.values()) if many and len(called) > 1 else called
    if many and len(called) == 1:
        (layer["from"],) = called.values()
    spec = {"inputs": inputs, "layers": {"made": layer}, "outputs": ["made"]}
    return randomised(modelspec.build(yaml.safe_dump(spec, sort_keys=False)))


def randomised(module: Module) -> Module:
    """Biases and statistics too, so that two swapped tensors show."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in module.weights().values():
            if value.is_floating_point():
                small = 0.2 if value.ndim < 2 else 0.02
                value.add_(small * torch.rand(value.shape, generator=generator))
    return module.eval()


def drawn(module: Module, batch: int, seed: int = 3) -> dict[str, Tensor]:
    """Random inputs; integers below 5 or what a table has, and sizes that the spec leaves open are
    7.
    """
    generator = torch.Generator().manual_seed(seed + batch)
    highest = min(5, vocabulary(module.graph.program))
    found = {}
    for name, id in module.graph.program.inputs.items():
        tensor = module.graph.program.tensors[id]
        dims = (batch, *(dim if isinstance(dim, int) else 7 for dim in tensor.shape or ()))
        dtype = getattr(torch, tensor.dtype)
        if dtype == torch.bool:
            found[name] = torch.rand(dims, generator=generator) < 0.6
        elif dtype.is_floating_point:
            found[name] = torch.randn(dims, generator=generator).to(dtype)
        else:
            low = int("x2" in name)  # a divisor
            found[name] = torch.randint(low, highest, dims, generator=generator).to(dtype)
    return found
