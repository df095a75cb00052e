"""`import`: a Keras file becomes a run folder, a spec that reads well and its weights."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save_file

from modelspec.compiler import compile
from modelspec.exchange.keras.assets import learnt, read_vocabularies
from modelspec.exchange.keras.entries import PRECISIONS, policy
from modelspec.exchange.keras.faults import Faults, Odd, rejected
from modelspec.exchange.keras.files import Saved, read
from modelspec.exchange.keras.graphs import Writer, listed
from modelspec.exchange.keras.hdf5 import Array
from modelspec.exchange.keras.model import MODELS, Model, Part, tensors
from modelspec.exchange.keras.names import legal
from modelspec.exchange.keras.sharing import every
from modelspec.exchange.keras.training import Compiled
from modelspec.exchange.keras.weights import Matched
from modelspec.exchange.motifs.spec import folded
from modelspec.language.word import Reject
from modelspec.model.graph import Graph
from modelspec.model.run_folder import put_aside, system_errors
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source
from modelspec.source.tree import write

#: What a model of Keras's may be compiled with, and a spec may not.
MISFITS = ("loss-misfit", "metric-misfit")


class Imported(NamedTuple):
    """What came of it: the folder, the checked graph, and what could not come along."""

    folder: str
    graph: Graph
    notes: list[str]
    has_weights: bool


def import_model(path: str, folder: str, description: str | None = None) -> Imported:
    """A Keras model as a run folder: `spec.yaml`, `weights.safetensors`, `run.json`.

    `description` is the JSON of the model where `path` holds weights alone. Raises Rejected with
    everything that a spec has no word for, and Unreadable. Torch is not imported.
    """
    saved = read(path, description)
    faults = Faults(path)
    try:
        model, flat, writer = spec_of(saved, faults)
    except Odd as odd:
        raise rejected("not-keras", "the file describes a model as Keras does",
                       notes=f"{path}: {odd}") from None  # fmt: skip
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise rejected("not-keras", "the file describes a model as Keras does",
                       notes=f"{path}: {type(error).__name__} {error}",
                       help="load the model in Keras and save it again") from error  # fmt: skip
    faults.stop()
    graph = fitting(flat, folder, faults)
    text, graph = with_blocks(flat, graph, header(saved, faults), folder, writer)
    arrays = None
    if saved.weights is not None:
        arrays = Matched(graph, writer, saved.weights, faults).arrays(model)
    states = vocabularies(graph, writer, faults)
    keep(folder, text, arrays, states, facts(graph, saved))
    return Imported(folder, graph, faults.notes, arrays is not None)


def fitting(flat: dict[str, Any], folder: str, faults: Faults) -> Graph:
    """The graph of a spec, without the losses and metrics of outputs that they do not fit."""
    try:
        return compiled(flat, folder)
    except Rejected as rejected:
        if not all(one.code in MISFITS for one in rejected.diagnostics):
            raise
    for name, asked in flat["outputs"].items():
        try:
            compiled({**flat, "outputs": {name: asked}}, folder)
        except Rejected as rejected:
            faults.note(f"the loss and metrics of `{name}` did not come along: "
                        + rejected.diagnostics[0].message)  # fmt: skip
            flat["outputs"][name] = {key: asked[key] for key in asked if key == "from"}
    if not any(set(asked) - {"from"} for asked in flat["outputs"].values()):
        flat["outputs"] = listed({n: one.get("from", n) for n, one in flat["outputs"].items()})
    if not trains(flat):
        flat.get("train", {}).pop("optimizer", None)
    if not flat.get("train", True):
        del flat["train"]
    return compiled(flat, folder)


def trains(flat: dict[str, Any]) -> bool:
    asked = flat["outputs"]
    return isinstance(asked, dict) and any("loss" in one for one in asked.values())


def compiled(flat: dict[str, Any], folder: str) -> Graph:
    return compile(Source(os.path.join(folder, "spec.yaml"), write(flat)))


def with_blocks(
    flat: dict[str, Any], graph: Graph, above: str, folder: str, writer: Writer
) -> tuple[str, Graph]:
    """The text of a spec with its motifs as blocks, and its graph."""
    made = folded(flat, graph)
    if made is None:
        return above + write(flat), graph
    writer.places = {part: made.path(place) for part, place in writer.places.items()}
    text = above + write(made.plain)
    return text, compile(Source(os.path.join(folder, "spec.yaml"), text))


def spec_of(saved: Saved, faults: Faults) -> tuple[Model, dict[str, Any], Writer]:
    """The model, its spec as plain data, and who wrote it: it knows where weights belong."""
    root = Part(saved.model, faults)
    if root.model is None:
        if root.kind not in MODELS:
            faults.refuse(
                root.name,
                f"`{root.kind}` is a class of its own, and its layers are known to its code alone",
                "build the model with keras.Model(inputs, outputs) or Sequential",
            )
            faults.stop()
        raise Odd("no model")
    if saved.archive is not None and saved.weights is not None:
        read_vocabularies(root.model, saved.archive, saved.weights)
    policies = {policy(part.config.get("dtype")) for part in every(root.model)}
    mixed = sorted(set(PRECISIONS) & policies)
    writer = Writer(root.model, faults, bool(mixed), saved.version)
    made, outputs = writer.spec()
    plain: dict[str, Any] = {"modelspec": 1, "name": legal(root.model.name), **made}
    plain |= ends(saved, faults, root.model, outputs)
    if writer.goes_on and isinstance(plain["outputs"], dict):
        plain.setdefault("train", {})["shuffle"] = False
    if mixed:
        plain.setdefault("train", {})["precision"] = PRECISIONS[mixed[0]]
    return root.model, plain, writer


def ends(saved: Saved, faults: Faults, model: Any, outputs: dict[str, str]) -> dict[str, Any]:
    """`outputs` with losses and metrics, and `train`."""
    if not saved.compiled:
        return {"outputs": listed(outputs)}
    compiled = Compiled(saved.compiled, faults, saved.version)
    keys = list(model.outputs) if isinstance(model.outputs, dict) else []
    ends = zip(outputs, tensors(model.outputs), strict=True)
    named = {name: [tensor.part] for name, tensor in ends}
    for name, key in zip(outputs, keys, strict=False):
        named[name].append(key)
    asked = compiled.outputs(named)
    optimizer = compiled.optimizer()
    made: dict[str, Any] = {"outputs": listed(outputs)}
    if any(asked.values()):
        made["outputs"] = {
            name: {**({} if name == text else {"from": text}), **asked.get(name, {})}
            for name, text in outputs.items()
        }
        if optimizer is not None and any("loss" in one for one in asked.values()):
            made["train"] = {"optimizer": optimizer}
    return made


def header(saved: Saved, faults: Faults) -> str:
    """The first lines: where the spec comes from, and what did not come along."""
    version = f", saved by Keras {saved.version}" if saved.version else ""
    lines = [
        f"Imported from {os.path.basename(saved.path)}{version}.",
        *map(sentence, faults.notes),
    ]
    return "".join(f"# {' '.join(line.split())}\n" for line in lines) + "\n"


def sentence(text: str) -> str:
    return f"Note: {text}."


def facts(graph: Graph, saved: Saved) -> dict[str, Any]:
    """What a run depends on besides its spec; the same for the same file."""
    from importlib.metadata import version

    return {
        "modelspec": version("modelspec-torch"), "numpy": np.__version__,
        "python": platform.python_version(), "machine": platform.machine(),
        "imported": os.path.basename(saved.path), "keras": saved.version,
        "spec": "spec.yaml", "seed": 0, "parameters": graph.parameters,
    }  # fmt: skip


def vocabularies(graph: Graph, writer: Writer, faults: Faults) -> dict[str, Any]:
    """What the run keeps of the vocabularies that came with the model."""
    found = {place: part.learnt for part, place in writer.places.items() if part.learnt is not None}
    try:
        return learnt(graph, found)
    except Reject as rejected:
        raise rejected_vocabulary(faults.path, rejected.message) from None


def rejected_vocabulary(path: str, what: str) -> Exception:
    return rejected(
        "bad-archive", "a vocabulary in an archive can be looked up in", notes=f"{path}: {what}",
        help="adapt the layer again in Keras, and save the model",
    )  # fmt: skip


def keep(
    folder: str,
    text: str,
    arrays: Mapping[str, Array] | None,
    states: dict[str, Any],
    known: dict[str, Any],
) -> None:
    """Write the folder; an earlier one of the name is put aside. The spec makes it a run."""
    put_aside(folder)
    os.makedirs(folder, exist_ok=True)
    put(os.path.join(folder, "encoders.json"), b"{}")
    put(os.path.join(folder, "run.json"), (json.dumps(known, indent=1) + "\n").encode())
    if states:
        put(os.path.join(folder, "learnt.json"), json.dumps(states).encode())
    if arrays is not None:
        file = os.path.join(folder, "weights.safetensors")
        plain = {name: np.array(value, order="C") for name, value in arrays.items()}
        with system_errors(file):
            save_file(plain, file, metadata={"format": "modelspec"})
    put(os.path.join(folder, "spec.yaml"), text.encode())


def put(path: str, content: bytes) -> None:
    """A small file, written aside and renamed into place."""
    with open(f"{path}.new", "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(f"{path}.new", path)
