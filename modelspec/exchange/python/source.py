"""A model as plain PyTorch: one readable file that imports nothing but torch, and its weights."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from modelspec.exchange.python import pieces
from modelspec.exchange.python.classes import Class, Classes
from modelspec.exchange.python.graphs import root
from modelspec.exchange.walk import settled
from modelspec.model.graph import Graph
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Report


class PythonSource(NamedTuple):
    """The file's text, and its tensors by the names of its `state_dict`."""

    text: str
    state: dict[str, Tensor]


HEADER = '''"""{title}

    model = load({weights})
    {called}
"""

from __future__ import annotations

import json

import torch
import torch.nn.functional as F
from torch import Tensor, nn
'''

LOADER = '''
def load(path: str = {weights}) -> {name}:
    """The model with the weights of a .safetensors file, ready for inference."""
    model = {name}()
    model.load_state_dict(read_safetensors(path))
    return model.eval()


def read_safetensors(path: str) -> dict[str, Tensor]:
    """The tensors of a .safetensors file: a header in JSON, then the bytes of all of them."""
    dtypes = {{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16,
              "BF16": torch.bfloat16, "I64": torch.int64, "I32": torch.int32,
              "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}}
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    tensors = {{}}
    for name, told in header.items():
        start, end = told["data_offsets"]
        flat = torch.frombuffer(data[start:end], dtype=dtypes[told["dtype"]])
        tensors[name] = flat.reshape(told["shape"])
    return tensors
'''


def python_source(
    graph: Graph, weights: Mapping[str, Tensor], file: str = "model.safetensors"
) -> PythonSource:
    """The source of a graph and its tensors; `file` is what its weights are called.

    Raises `Rejected` with every layer that cannot be written.
    """
    classes, top = written(graph, weights)
    needed = dict.fromkeys(
        name for one in sorted(classes.pieces) for name in (*pieces.NEEDS.get(one, ()), one)
    )
    own = [inspect.getsource(vars(pieces)[name]).rstrip() for name in needed]
    inputs = ", ".join(graph.program.inputs)
    outputs = list(graph.program.outputs)
    called = f"{outputs[0] if len(outputs) == 1 else 'outputs'} = model({inputs})"
    # A docstring ends at its quotes, whatever a spec or a file is called.
    file = re.sub(r"[^\w.-]", "_", file)
    title = plain(graph.name)
    head = HEADER.format(
        title=f"{title}, as a torch.nn.Module.", weights=f'"{file}"', called=plain(called)
    )
    if any("Function" in text for text in own):
        head = head.replace("import json\n", "import json\nfrom collections.abc import Callable\n")
        head += "\nFunction = Callable[[Tensor], Tensor]\n"
    loader = LOADER.format(weights=f'"{file}"', name=top.name)
    parts = [head.rstrip(), *own, *classes.order, loader.strip()]
    text = "\n\n\n".join(parts) + "\n"
    if "F." not in text.replace("F.", "F.", 1).split("from torch import", 1)[1]:
        text = text.replace("import torch.nn.functional as F\n", "", 1)
    return PythonSource(text, top.writer.state())


def plain(text: str) -> str:
    """What may stand in a docstring."""
    return re.sub(r"[^\w .,=()@-]", "_", text)


def written(graph: Graph, weights: Mapping[str, Tensor]) -> tuple[Classes, Class]:
    """The classes of a graph, those that cannot be classes inlined."""

    def write(inlined: set[Definition]) -> tuple[Classes, Class]:
        report = Report()
        classes = Classes(graph, weights, inlined, report)
        classes.taken |= {"Function", *pieces.NEEDS, "GaussianNoise", "GaussianDropout",
                          "SteppedRNN", "MultiHeadAttention"}  # fmt: skip
        top = root(classes)
        report.raise_if_errors()
        return classes, top

    return settled(write)
