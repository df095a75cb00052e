"""Texts among tensors: arrays of Python's strings, which stay on the processor."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Texts = NDArray[np.object_]


def as_texts(value: Any) -> Texts:
    """Texts, in lists or arrays, as an array of Python's strings; raises TypeError at others."""
    array = np.asarray(value)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    whole = array.astype(object)
    for one in whole.reshape(-1).tolist():
        if not isinstance(one, str):
            raise TypeError(f"`{one}` is no text")
    return whole


def moved(batch: Mapping[str, Any], device: torch.device | str) -> Mapping[str, Any]:
    """A batch on a device; texts stay where they are."""
    if device == "cpu":
        return batch
    return {
        name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for name, value in batch.items()
    }


def placed_on(made: Any, weights: Mapping[str, Tensor]) -> Any:
    """What a layer made of texts, on the device of the weights; texts stay arrays."""
    first = next(iter(weights.values()), None)
    return made.to(first.device) if isinstance(made, Tensor) and first is not None else made


def tracing() -> bool:
    """Whether torch is writing down operations instead of only running them."""
    proxies = sys.modules.get("torch.fx.experimental.proxy_tensor")
    return torch.compiler.is_compiling() or (
        proxies is not None and proxies.get_proxy_mode() is not None
    )


def out_of_torch(x: Any) -> NDArray[Any]:
    """Values for Python to work on, texts as they are. Not in a graph that is written down: there
    the values of one batch would become part of it.
    """
    if tracing():
        raise RuntimeError("texts, hashes and vocabularies are worked on outside of torch")
    return x.cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)
