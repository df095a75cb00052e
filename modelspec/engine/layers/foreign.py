"""Modules of PyTorch's, and of the user's own, as layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from modelspec.catalog.layers.foreign import Foreign, PythonModule, TorchModule
from modelspec.engine.foreign import first_tensor, on_meta
from modelspec.engine.lowering import lowers
from modelspec.engine.random import Random

#: torch.nn's modules that may draw in training; a class of the user's own is taken to.
DRAWING = (
    nn.modules.dropout._DropoutNd,
    nn.RReLU,
    nn.FractionalMaxPool2d,
    nn.FractionalMaxPool3d,
    nn.MultiheadAttention,
    nn.RNNBase,
)


@lowers(PythonModule)
@lowers(TorchModule)
def foreign(
    p: Foreign,
    w: Any,
    xs: list[Tensor],
    *,
    training: bool,
    random: Random,
    update: Callable[[str, Tensor], None],
) -> Tensor:
    module = on_meta(p).train(training)
    state = dict(flattened(w))
    buffers = [name for name, _ in module.named_buffers()]
    compute = float_of(xs)
    wide = float_of([state[name] for name in buffers])
    if compute is not None and wide is not None and compute != wide:
        # Running statistics stay float32, and torch's modules want one dtype throughout.
        xs, state = (
            [as_float(x, wide) for x in xs],
            {k: as_float(t, wide) for k, t in state.items()},
        )
    state |= {name: state[name].detach() for name in buffers}
    if training:
        # A module writes into its buffers: into copies, which then go to `update`.
        state |= {name: state[name].clone() for name in buffers}
    with drawing_from(random, xs[0].device) if training and draws(module) else unchanged():
        given = torch.func.functional_call(module, state, tuple(xs))
    for name in buffers if training else ():
        update(name, state[name].detach())
    y = first_tensor(given)
    return y if compute is None else as_float(y, compute)


def float_of(tensors: Sequence[Tensor]) -> torch.dtype | None:
    """The dtype of the first float among them."""
    return next((t.dtype for t in tensors if t.is_floating_point()), None)


def as_float(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) if x.is_floating_point() else x


def flattened(w: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The weights under the names that the module has for them: `linear1.weight`."""
    for name, value in vars(w).items():
        if isinstance(value, SimpleNamespace):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def draws(module: nn.Module) -> bool:
    inner = module.modules()
    return any(isinstance(m, DRAWING) or not type(m).__module__.startswith("torch.") for m in inner)


@contextmanager
def drawing_from(random: Random, device: torch.device) -> Iterator[None]:
    """Starts torch's own generators from a draw of the layer's, and puts them back afterwards."""
    seed = int(random.integers((), 0, 2**62))
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def unchanged() -> Iterator[None]:
    yield
