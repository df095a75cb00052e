"""Weights: how they start, and how they are read from and written to files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from modelspec.engine.initializers import initial
from modelspec.engine.random import seed_of
from modelspec.engine.runner import TORCH
from modelspec.model.graph import Graph, Owner
from modelspec.model.run_folder import system_errors
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Report, Unreadable
from modelspec.source.nearby import near

LARGEST_HEADER = 100_000_000


def fresh(graph: Graph, seed: int) -> dict[str, Tensor]:
    """Every weight as its initializer makes it: a function of the seed and the weight's name,
    so that adding a layer leaves the others' weights as they were.
    """
    made: dict[str, Tensor] = {}
    for owner in graph.owners.values():
        layer: Any = owner.definition.layer
        if getattr(layer, "foreign", False):
            made |= _foreign(owner, layer, seed)
            continue
        for weight in owner.weights:
            name = owner.name(weight)
            dtype = TORCH[weight.dtype or owner.definition.dtype or "float32"]
            shape = tuple(int(dim) for dim in weight.shape if isinstance(dim, int))
            made[name] = initial(weight.initializer, shape, dtype, seed_of(seed, name))
    return made


def _foreign(owner: Owner, layer: Any, seed: int) -> dict[str, Tensor]:
    """A torch module's weights, as torch starts them."""
    from modelspec.engine import foreign

    started = foreign.initial(layer, seed_of(seed, owner.path))
    return {owner.name(weight): started[weight.name] for weight in owner.weights}


def trained(graph: Graph) -> dict[str, Tensor]:
    """The weights that `weights:` entries of the spec name, read from their files."""
    found: dict[str, Tensor] = {}
    report = Report()
    for definition in with_weights(graph):
        prefix = (definition.part or definition).path
        found |= _taken(graph, str(definition.weights), definition.weights_span, prefix, report)
    report.raise_if_errors()
    return found


def takes_weights(graph: Graph) -> bool:
    """Whether some of its weights start as a file has them."""
    return bool(with_weights(graph))


def with_weights(graph: Graph) -> list[Definition]:
    """The definitions that say `weights:`, the outer ones first: what lies inside has its own."""
    found: dict[Definition, int] = {}
    started = [owner.definition for owner in graph.owners.values()]
    for definition in started + [call.definition for call in graph.spec.body.calls]:
        at: Definition | None = definition
        while at is not None:
            if at.weights is not None:
                found[at] = at.path.count(".")
            at = at.parent
    return sorted(found, key=lambda one: found[one])


def _taken(graph: Graph, path: str, span: Any, prefix: str, report: Report) -> dict[str, Tensor]:
    """The weights under one definition, from a file whose names start there."""
    start = f"{prefix}." if prefix else ""
    wanted = {name: name.removeprefix(start) for name in graph.weights() if name.startswith(start)}
    try:
        return fitted(graph, wanted, path, span, report)
    except Unreadable as unreadable:
        base = span.source.folder if span is not None else ""
        helps = () if os.path.exists(path) else near(path, base)
        report.error("bad-weights", "`weights` names a run or a .safetensors file", span,
                     f"{unreadable.path}: {unreadable.reason}",
                     help=helps)  # fmt: skip
        return {}


def fitted(
    graph: Graph, wanted: Mapping[str, str], path: str, span: Any, report: Report
) -> dict[str, Tensor]:
    """The wanted tensors of a file, held to the shapes of the graph: `wanted` is own name -> file's
    name. None is read before all fit; raises `Unreadable` where the file is no such file.
    """
    weights = graph.weights()
    held = shapes_of(path)
    missing = [name for name in wanted.values() if name not in held]
    if missing:
        report.error(
            "bad-weights",
            "a file of weights has a tensor for every weight",
            span,
            "read for this",
            notes=[f"{path} has no " + some([f"`{name}`" for name in missing])],
            help="it holds " + some(list(held)),
        )
    present = {name: held[theirs] for name, theirs in wanted.items() if theirs in held}
    misshapen = [
        f"`{wanted[name]}` is {list(shape)} there, and `{name}` "
        f"{list(weights[name].shape)} in the spec"
        for name, shape in present.items()
        if shape != weights[name].shape
    ]
    if misshapen:
        report.error(
            "bad-weights",
            "a weight in a file has the shape that the spec gives it",
            span,
            "read for this",
            notes=[f"{path}: " + some(misshapen, "; ")],
        )
    if missing or misshapen:
        return {}
    tensors = read(path)
    return {name: tensors[theirs] for name, theirs in wanted.items()}


def some(names: list[str], between: str = ", ") -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return between.join(names[:6]) + more


def file_of(path: str) -> str:
    """The weights file of a run folder, or the file itself."""
    return os.path.join(path, "weights.safetensors") if os.path.isdir(path) else path


def read(path: str) -> dict[str, Tensor]:
    """The tensors of a .safetensors file or of a run; raises `Unreadable`."""
    from safetensors.torch import load_file

    file = file_of(path)
    with reading(file):
        header_of(file)
        return load_file(file)


def shapes_of(path: str) -> dict[str, tuple[int, ...]]:
    """The shapes of a file's tensors, none of which is read; raises `Unreadable`."""
    file = file_of(path)
    with reading(file):
        header = header_of(file)
        return {
            name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"
        }


@contextmanager
def reading(file: str) -> Iterator[None]:
    """What goes wrong with a file inside is raised as `Unreadable`."""
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        raise Unreadable(file, (error.strerror or str(error)).lower()) from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(file, f"no valid safetensors file ({error})") from None


def header_of(file: str) -> dict[str, Any]:
    """A file's header; refuses one that is huge, or says one name twice: raises ValueError."""
    if os.path.exists(file) and not os.path.isfile(file) and not os.path.isdir(file):
        raise ValueError("it is a pipe or a device")
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > LARGEST_HEADER or length > os.path.getsize(file):
            raise ValueError("its header is longer than the file or the limit")
        header = stream.read(length)
    if not header:
        raise ValueError("it is empty")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("its header says a name twice")
        return dict(pairs)

    try:
        found: dict[str, Any] = json.loads(header, object_pairs_hook=once)
        return found
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ValueError("its header is not JSON") from None


def write(weights: Mapping[str, Tensor], file: str) -> None:
    """A .safetensors file of these tensors, synced to the disk."""
    from safetensors.torch import save_file

    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    with open(file, "wb") as stream:
        mode = os.fstat(stream.fileno()).st_mode
    with system_errors(file):
        save_file(plain, file, metadata={"format": "modelspec"})
    os.chmod(file, mode)  # safetensors would let nobody but the owner read it
    with open(file, "rb") as stream:
        os.fsync(stream.fileno())


def trainables(graph: Graph) -> list[str]:
    """The names of the weights that training changes by gradients."""
    return [
        owner.name(weight)
        for owner in graph.owners.values()
        for weight in owner.weights
        if weight.trainable and owner.trainable
    ]
