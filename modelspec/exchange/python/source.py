"""A model as plain PyTorch: one readable file that imports nothing but torch, and its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from modelspec.exchange.python.alike import joined
from modelspec.exchange.python.calls import Again, File
from modelspec.exchange.python.classes import Class, Classes
from modelspec.exchange.python.encoding import Encoding, Learnt, takes_rows
from modelspec.exchange.python.layout import laid_out
from modelspec.exchange.python.pieces import Pieces
from modelspec.exchange.python.reading import Reading
from modelspec.exchange.python.whole import root
from modelspec.exchange.python.writer import identifier
from modelspec.exchange.walk import settled
from modelspec.model.graph import Graph
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Report


class PythonSource(NamedTuple):
    """The file's text, and its tensors by the names of its `state_dict`.

    `model` is the class's name, `takes` what its parameters are called in the spec. The method
    `before` gives the outputs without the activations that are in `undone`, by output:
    `torch.sigmoid({})`. `masked` are outputs that carry a mask. With `rows`, the file takes raw
    rows; `held` is what it reads from a JSON file of its own name for that.
    """

    text: str
    state: dict[str, Tensor]
    model: str
    before: str
    undone: dict[str, str]
    masked: tuple[str, ...]
    takes: list[str]
    rows: bool
    held: dict[str, Any]
    readings: list[Reading]


HEADER = '''"""{title}

Use it so:

    model = load({weights})
    {called}
"""

from __future__ import annotations
'''

LOADER = '''{signature}
    """The model with the weights of a .safetensors file, ready for inference."""
    model = {name}()
    model.load_state_dict(read_safetensors(path))
    return model.eval()


DTYPES = {{
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}}


def read_safetensors(path: str) -> dict[str, Tensor]:
    """The tensors of a .safetensors file: a header in JSON, then the bytes of all of them."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    tensors = {{}}
    for name, told in header.items():
        start, end = told["data_offsets"]
        flat = torch.frombuffer(data[start:end], dtype=DTYPES[told["dtype"]])
        tensors[name] = flat.reshape(told["shape"])
    return tensors'''


def python_source(
    graph: Graph,
    weights: Mapping[str, Tensor],
    file: str = "model.safetensors",
    vocabularies: Mapping[str, Any] | None = None,
    parted: frozenset[int] = frozenset(),
    learnt: Learnt | None = None,
) -> PythonSource:
    """The source of a graph and its tensors; `file` is what its weights are called, `vocabularies`
    are those of its layers by their paths (`engine.vocabulary.Vocabulary`). Outputs that are
    `parted` come without their last activation from a method of their own. With what a run has
    `learnt` besides weights, the file takes raw rows.

    Raises `Rejected` with every layer that cannot be written.
    """
    classes, top = written(graph, weights, vocabularies or {}, parted)
    needed = Pieces(classes.file.pieces)
    writer, encoding = top.writer, None
    if learnt is not None and takes_rows(graph, learnt):
        names = {*classes.taken, *needed.texts, *needed.constants}
        encoding = Encoding(graph, learnt, names)
    # A docstring ends at its quotes, whatever a spec or a file is called.
    file = re.sub(r"[^\w.-]", "_", file)
    body = [*needed.texts.values(), *joined(classes.order, classes.taken)]
    signature = "\n".join(laid_out(f'def load(path: str = "{file}") -> {top.name}:'))
    body.append(LOADER.format(signature=signature, name=top.name))
    if encoding is not None:
        body.append(encoding.text(writer.takes, writer.readings, top.name))
    if needed.constants:
        body.insert(0, "\n".join(needed.constants.values()))
    text = "\n\n\n".join(body) + "\n"
    first = "\n" if needed.constants else "\n\n"  # two lines before a class, one before a name
    whole = f"{head(graph, writer.takes, file, encoding)}\n{imports(text, encoding)}{first}{text}"
    return PythonSource(
        whole, writer.state(), top.name, writer.before if writer.undone else "forward",
        writer.undone, tuple(writer.masked), writer.takes, encoding is not None,
        {} if encoding is None else encoding.held, writer.readings,
    )  # fmt: skip


def head(graph: Graph, takes: list[str], file: str, encoding: Encoding | None) -> str:
    """The docstring."""
    inputs = ", ".join(map(identifier, takes))
    outputs = list(graph.program.outputs)
    called = [f"{identifier(outputs[0]) if len(outputs) == 1 else 'outputs'} = model({inputs})"]
    called += [] if encoding is None else ["answers = predict(model, rows)"]
    return HEADER.format(
        title=f"{plain(graph.name)}, as a torch.nn.Module.",
        weights=f'"{file}"',
        called="\n    ".join(line for one in called for line in laid_out(plain(one))),
    )


def imports(text: str, encoding: Encoding | None) -> str:
    """The imports that a text needs."""
    abstract = [
        name for name in ("Callable", "Iterable", "Sequence") if re.search(rf"\b{name}\[", text)
    ]
    plain_ones = set() if encoding is None else encoding.plain.modules - {"torch"}
    lines = sorted({"import json", *(f"import {name}" for name in plain_ones)})
    lines += [f"from collections.abc import {', '.join(abstract)}"] if abstract else []
    lines += ["from pathlib import Path"] if "Path(" in text else []
    lines += ["from typing import NamedTuple"] if "(NamedTuple)" in text else []
    lines += ["", "import torch"]
    lines += ["import torch.nn.functional as F"] if re.search(r"\bF\.", text) else []
    return "\n".join([*lines, "from torch import Tensor, nn", ""])


def plain(text: str) -> str:
    """What may stand in a docstring."""
    return re.sub(r"[^\w .,=()@-]", "_", text)


def written(
    graph: Graph,
    weights: Mapping[str, Tensor],
    vocabularies: Mapping[str, Any],
    parted: frozenset[int] = frozenset(),
) -> tuple[Classes, Class]:
    """The classes of a graph: those that cannot be classes are inlined, layers whose calls want
    different paddings pad as they run, and blocks take images as they want them.
    """
    file = File(set(), vocabularies, set(), set())

    def write(inlined: set[Definition]) -> tuple[Classes, Class]:
        report = Report()
        file.pieces.clear()
        classes = Classes(graph, weights, inlined, report, file)
        top = root(classes, parted)
        report.raise_if_errors()
        return classes, top

    while True:
        try:
            return settled(write)
        except Again:
            continue
