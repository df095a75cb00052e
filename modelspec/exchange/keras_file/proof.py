"""A .keras file held to the run that it was written from: read again, and run in Keras."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelspec.compiler import compile
from modelspec.engine.learnt import steps_of
from modelspec.engine.run import as_array
from modelspec.engine.runner import TORCH
from modelspec.exchange.export import Untried
from modelspec.exchange.keras.faults import Faults, rejected
from modelspec.exchange.keras.files import read
from modelspec.exchange.keras.hdf5 import Array
from modelspec.exchange.keras.imported import spec_of
from modelspec.exchange.keras.weights import Matched
from modelspec.exchange.keras_file.entries import IN_TENSORFLOW
from modelspec.exchange.keras_file.weights import Placed
from modelspec.language.dtypes import sort
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source
from modelspec.source.tree import write as yaml

Tensors = dict[str, Tensor]


def read_again(path: str, weights: Mapping[str, Tensor], places: Placed) -> None:
    """Import the file, and hold every tensor of it to the weight that it was written from."""
    saved, faults = read(path), Faults(path)
    model, flat, writer = spec_of(saved, faults)
    faults.stop()
    graph = compile(Source(os.path.join(os.path.dirname(path), "spec.yaml"), yaml(flat)))
    assert saved.weights is not None
    matched = Matched(graph, writer, saved.weights, faults)
    found = matched.arrays(model)
    met = {places[place] for place in matched.found.values()}
    wrong = [f"`{name}` is not read back" for name in {*places.values()} - met]
    for theirs, place in matched.found.items():
        ours = weights[places[place]].detach().cpu()
        if not same(ours.float() if ours.dtype == torch.bfloat16 else ours, found[theirs]):
            wrong.append(f"`{places[place]}` is not what is read back as `{theirs}`")
    if wrong:
        raise rejected("cannot-export", "the file holds every weight as it is",
                       notes="; ".join(wrong[:6]))  # fmt: skip


def same(ours: Tensor, found: Array) -> bool:
    """Whether two tensors are the same bytes, whatever axes of size 1 they have."""
    mine = np.ascontiguousarray(ours.numpy())
    return mine.dtype == found.dtype and mine.tobytes() == np.ascontiguousarray(found).tobytes()


def in_keras(graph: Graph, path: str) -> Callable[[Tensors], Tensors]:
    """The model of a file as Keras itself loads it, called on inputs by name.

    Raises Untried where that cannot be tried here, and Rejected where Keras fails to.
    """
    if find_spec("keras") is None:
        raise Untried("Keras is not installed: the file was compared by its weights alone")
    for step in steps_of(graph.program):
        if type(step.layer).__name__ in IN_TENSORFLOW:
            raise Untried(
                f"Keras runs `{step.layer.title()}` on TensorFlow alone: "
                "the file was compared by its weights alone"
            )
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        model = loaded(path)
    except Exception as failed:  # of any kind: it is Keras that fails
        raise fault("Keras loads the file", failed) from None
    dtypes = {name: graph.program.tensors[id].dtype for name, id in graph.program.outputs.items()}

    def running(inputs: Tensors) -> Tensors:
        try:
            made = called(model, inputs)
        except Exception as failed:
            raise fault("Keras runs the file", failed) from None
        if not isinstance(made, dict):
            made = dict(zip(dtypes, made if isinstance(made, list) else [made], strict=True))
        return {name: tensor(made[name], dtype) for name, dtype in dtypes.items()}

    return running


def loaded(path: str) -> Any:
    import keras

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return keras.saving.load_model(path)


def called(model: Any, inputs: Tensors) -> Any:
    """The outputs of a model for inputs in their order."""
    import keras

    given = [as_array(value) for value in inputs.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = model(given[0] if len(given) == 1 else given, training=False)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, made)


def tensor(value: Any, dtype: str) -> Tensor:
    """An output, in the dtype that the graph has it in, where that is one of its sort: Keras has
    64-bit integers where it is asked for them, and narrower floats by its policy.
    """
    own = str(value.dtype)
    found = torch.from_numpy(np.array(value.astype("float32") if own == "bfloat16" else value))
    return found.to(TORCH[dtype]) if sort(own) == sort(dtype) else found


def fault(what: str, failed: Exception) -> Rejected:
    lines = [line for line in str(failed).splitlines() if line.strip()]
    return rejected(
        "cannot-export", what, notes=f"{type(failed).__name__}: {' '.join(lines)[-400:]}",
        help="`--to python` writes PyTorch, `--to onnx` and `--to pt2` take every layer",
    )  # fmt: skip
