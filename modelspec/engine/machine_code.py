"""Graphs of torch operations as machine code, kept on disk so that the next run starts at once."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

#: A graph of more operations takes minutes to compile.
MOST = 4000


class Unsuited(Exception):
    """A graph that compiling would not help."""


def sure_to_help(graph: GraphModule) -> None:
    """Refuses graphs whose time goes into kernels that inductor cannot hold, or too large ones."""
    names = {str(node.target) for node in graph.graph.nodes if node.op == "call_function"}
    if any("rnn" in name or "lstm" in name or "gru" in name for name in names):
        raise Unsuited("its recurrent layers run in a kernel of their own")
    if len(graph.graph.nodes) > MOST:
        raise Unsuited(f"it has {len(graph.graph.nodes):,} operations (at most {MOST:,})")


def compiled(graph: GraphModule, given: list[Tensor]) -> Callable[..., list[Tensor]]:
    """The graph as machine code, from the cache where it is there."""
    from torch._inductor import standalone_compile
    from torch._inductor.standalone_compile import CompiledArtifact

    path = os.path.join(folder(), key(graph, given))
    made: Any
    if is_own(path):
        try:
            made = CompiledArtifact.load(path=path)
            return made  # type: ignore[no-any-return]
        except Exception:  # damaged, or of another build of torch: made again
            os.remove(path)
    example: list[Any] = list(given)
    made = standalone_compile(graph, example)
    keep(made, path)
    return made  # type: ignore[no-any-return]


def is_own(path: str) -> bool:
    """Whether there is such a file, and nobody else could have written it."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def keep(made: Any, path: str) -> None:
    """Writes machine code to the cache, aside and renamed; a full disk costs only the cache."""
    aside = f"{path}.{os.getpid()}"
    try:
        made.save(path=aside)
        os.chmod(aside, 0o600)
        os.replace(aside, path)
    except (OSError, RuntimeError):
        if os.path.exists(aside):
            os.remove(aside)


def folder() -> str:
    """The user's own cache, which nobody else can write to: what is in it is run."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = os.path.join(home, "modelspec")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def key(graph: GraphModule, given: list[Tensor]) -> str:
    """A name for the machine code: of the graph, its inputs, torch and the machine."""
    inputs = [(str(t.dtype), tuple(t.shape), t.stride(), str(t.device)) for t in given]
    facts = [graph.code, constants(graph), inputs, torch.__version__, torch.get_num_threads(),
             processor()]  # fmt: skip
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def constants(graph: GraphModule) -> list[Any]:
    """The tensors that a graph holds itself."""
    return [(name, value.tolist()) for name, value in sorted(graph.named_buffers())] + [
        (name, value.tolist())
        for name, value in sorted(vars(graph).items())
        if isinstance(value, Tensor)
    ]


def processor() -> str:
    """What machine code depends on."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            lines = [line for line in stream if line.startswith(("flags", "Features"))]
    except OSError:
        lines = []
    return "".join([platform.machine(), platform.processor(), *lines[:1]])
