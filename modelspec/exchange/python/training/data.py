"""What a script reads: the run's own data, as tensors by name."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

import numpy as np

from modelspec.catalog import sources
from modelspec.engine import wanted
from modelspec.engine.data import Wanted
from modelspec.engine.data.images import ImageRows, holds_images
from modelspec.engine.data.paths import files
from modelspec.engine.data.prepare import split
from modelspec.engine.data.sources import open_source, present
from modelspec.exchange.python.encoding import cast
from modelspec.exchange.python.training import readers
from modelspec.exchange.python.training.lines import broken
from modelspec.language.dtypes import is_integer
from modelspec.model.graph import Graph

DEF = re.compile(r"^def (\w+)", re.MULTILINE)
#: What stands for a size that the model leaves open.
OPEN = 32
PACKAGED = (sources.Digits, sources.DigitPairs)
ARRAYS = (sources.NPZ, sources.NPY, *PACKAGED)


class Read(NamedTuple):
    """A function of the model's file that reads texts, and the columns that it is given."""

    name: str
    function: str
    columns: list[str]


class Data:
    """The sources of a spec: `wanted` is what each sample has, `count` how many are trained on.

    Opens what the spec names, and raises `Rejected` where that is gone.
    """

    spec: Any

    def __init__(self, graph: Graph, folder: str, stem: str) -> None:
        self.graph, self.folder, self.stem = graph, folder, stem
        self.readings: list[Read] = []
        self.spec = graph.spec.data
        everything = wanted.everything(graph)
        if isinstance(self.spec.train, sources.Synthetic):
            everything = [one for one in everything if one.role != "weight"]
        self.rows = open_source(self.spec.train, everything, graph.spec.training.seed)
        self.wanted = present(self.rows, everything)
        self.count = len(self.rows)
        self.share = self.spec.validation if isinstance(self.spec.validation, float) else None
        if self.share is not None:
            self.count = split(self.rows, self.spec)
        self.imports: set[str] = set()
        self.copied: dict[str, Any] | None = None  # arrays that come with the package

    @property
    def weights(self) -> set[str]:
        return {one.name for one in self.wanted if one.role == "weight"}

    @property
    def numpy(self) -> bool:
        """Whether the arrays are NumPy's, and so the order of samples is the engine's."""
        return isinstance(self.spec.train, ARRAYS) and not self.is_images(self.spec.train)

    @property
    def sources(self) -> list[Any]:
        """What is read: what it trains on, and what it validates on if that stands elsewhere."""
        apart = self.spec.validation is not None and self.share is None
        return [self.spec.train, self.spec.validation] if apart else [self.spec.train]

    @property
    def raw(self) -> bool:
        """Whether any of it comes as rows."""
        known = (*ARRAYS, sources.Synthetic)
        return any(not isinstance(one, known) or self.is_images(one) for one in self.sources)

    @staticmethod
    def is_images(word: Any) -> bool:
        if isinstance(word, sources.Images):
            return True
        return isinstance(word, sources.NPY) and all(map(holds_images, files(word)))

    def path(self, path: str) -> str:
        """A path as the script has it: from its own folder."""
        return repr(os.path.relpath(path, self.folder or "."))

    # -- the functions ----------------------------------------------------------------------

    def text(self) -> list[str]:
        """The functions that read, the last of them `data`."""
        texts: dict[str, str] = {}  # by the name of the function
        calls = []
        for word in self.sources:
            made, call = self.source(word)
            for text in made:
                name = own = DEF.findall(text)[0]
                while texts.setdefault(own, text) != text:
                    own += "_to_validate"
                    text, call = (re.sub(rf"\b{name}\b(?=\()", own, one) for one in (text, call))
            calls.append(call)
        return [*texts.values(), self.data(calls)]

    def data(self, calls: list[str]) -> str:
        lines = ["def data() -> tuple[Samples, Samples | None]:",
                 '    """Samples to train on, and those to validate on."""']  # fmt: skip
        if len(calls) == 2:
            lines += [*broken(f"    training = {calls[0]}"), *broken(f"    held_out = {calls[1]}"),
                      "    return training, held_out"]  # fmt: skip
        elif self.share is None:
            lines.append(f"    return {calls[0]}, None")
        else:
            self.imports.add("import math")
            lines += [
                *broken(f"    samples = {calls[0]}"),
                "    count = len(next(iter(samples.values())))",
                f"    cut = math.floor(count * (1 - {self.share}))  # the last ones validate",
                "    training = {name: values[:cut] for name, values in samples.items()}",
                "    held_out = {name: values[cut:] for name, values in samples.items()}",
                "    return training, held_out",
            ]
        return "\n".join(lines)

    def source(self, word: Any) -> tuple[list[str], str]:
        """The functions that read a source, and the call that gives its samples."""
        if isinstance(word, sources.Synthetic):
            return [self.synthetic()], f"synthetic({word.samples})"
        if self.is_images(word):
            places = ", ".join(f"HERE / {self.path(path)}" for path in files(word))
            return [self.images(word), readers.ENCODED], f"encoded(list(images({places})))"
        if isinstance(word, ARRAYS):
            reader, call = self.arrays(word)
            if self.encoded:
                more = [readers.JOINED] if call.startswith("joined") else []
                return [
                    reader,
                    *more,
                    readers.ROWS_OF,
                    readers.ENCODED,
                ], f"encoded(rows_of({call}))"
            more = [readers.JOINED] if call.startswith("joined") else []
            return [reader, *more, self.samples()], f"tensors_of({call})"
        kind = type(word)
        reader = {
            sources.CSV: self.delimited, sources.TSV: self.delimited, sources.JSONL: self.lines,
            sources.Parquet: self.table, sources.Arrow: self.table,
        }[kind](word)  # fmt: skip
        return [reader, readers.ENCODED], f"encoded({self.listed(word)})"

    def listed(self, word: Any) -> str:
        """The rows of all files of a source, as an expression."""
        calls = [f"*rows(HERE / {self.path(path)})" for path in files(word)]
        if len(calls) == 1:
            return f"list({calls[0][1:]})"
        return f"[{', '.join(calls)}]"

    @property
    def encoded(self) -> bool:
        """Whether arrays go through encoders, row by row."""
        texts = any(one.dtype == "string" for one in self.wanted)
        return texts or any(one.encode is not None for one in self.wanted)

    # -- arrays -----------------------------------------------------------------------------

    def arrays(self, word: Any) -> tuple[str, str]:
        """The function that reads arrays, and the call."""
        self.imports.add("import numpy as np")
        columns = list(dict.fromkeys(c for one in self.wanted for c in one.columns))
        if isinstance(word, PACKAGED):
            name = f"{self.stem}_data.npz"
            rows = open_source(word, self.wanted)
            self.copied = rows.take(np.arange(len(rows)), list(rows.columns))
            listed = [repr(name)]
        else:
            listed = [self.path(path) for path in files(word)]
        if isinstance(word, sources.NPY):
            loose = [path for path in listed if path.endswith(".npy'")]
            if loose:
                return (
                    readers.NPY_FILES,
                    f"arrays({', '.join(f'HERE / {path}' for path in listed)})",
                )
            reader = filled(readers.NPY, columns)
        else:
            reader = filled(readers.NPZ, columns)
        calls = [f"arrays(HERE / {path})" for path in listed]
        return reader, calls[0] if len(calls) == 1 else f"joined([{', '.join(calls)}])"

    def samples(self) -> str:
        """The function that makes tensors of arrays."""
        lines = ["def tensors_of(arrays: dict[str, np.ndarray]) -> Samples:",
                 '    """The arrays as the tensors that the model and its losses take."""',
                 "    return {"]  # fmt: skip
        for one in self.wanted:
            parts = [f"torch.from_numpy(arrays[{column!r}])" for column in one.columns]
            text = parts[0]
            if one.field is not None and one.field.columns:
                self.imports.add("import numpy as np")
                wide = ", ".join(f"arrays[{column!r}]" for column in one.columns)
                text = f"torch.from_numpy(np.stack([{wide}], -1))"
            if one.shape in ((), (1,)):
                text += f".reshape({', '.join(['-1', *map(str, one.shape)])})"
            lines += broken(f"        {one.name!r}: {text}{cast(one.dtype)},")
        return "\n".join([*lines, "    }"])

    # -- rows -------------------------------------------------------------------------------

    def delimited(self, word: Any) -> str:
        self.imports.add("import csv")
        names = "" if word.header else f", {list(self.rows.columns)}"
        delimiter = "" if word.delimiter == "," else f", delimiter={word.delimiter!r}"
        return readers.CSV.format(more=names + delimiter)

    def lines(self, word: Any) -> str:
        self.imports.add("import json")
        return readers.JSONL

    def table(self, word: Any) -> str:
        columns = list(dict.fromkeys(c for one in self.wanted for c in one.columns))
        if isinstance(word, sources.Parquet):
            self.imports.add("import pyarrow.parquet")
            return filled(readers.PARQUET, columns)
        self.imports.add("import pyarrow.ipc")
        return filled(readers.ARROW, columns)

    def images(self, word: Any) -> str:
        self.imports.add("from PIL import Image")
        settings = word if isinstance(word, sources.Images) else sources.Images.of(
            {"path": word.path, "size": None, "mode": "rgb"}
        )  # fmt: skip
        size: Any = settings.size  # may be None
        resized = "" if size is None else (
            f".resize(({size[1]}, {size[0]}), Image.Resampling.BILINEAR)"
        )  # fmt: skip
        assert isinstance(self.rows, ImageRows) or word is not self.spec.train
        named = all(one.encode is not None for one in self.wanted if "label" in one.columns)
        mode, channels = ("RGB", 3) if settings.mode == "rgb" else ("L", 1)
        label = "path.parent.name" if named else "names.index(path.parent.name)"
        classes = "" if named else readers.CLASSES
        return readers.IMAGES.format(
            mode=mode, channels=channels, resized=resized, label=label, classes=classes
        )

    # -- random numbers ---------------------------------------------------------------------

    def synthetic(self) -> str:
        lines = ["def synthetic(count: int) -> Samples:",
                 '    """Random samples of the right shapes; others than the engine\'s."""',
                 "    draw = torch.Generator().manual_seed(SEED)"]  # fmt: skip
        columns = [column for one in self.readings for column in one.columns]
        if columns:
            lines += readers.SENTENCES
            cells = ", ".join(f"{column!r}: sentence()" for column in dict.fromkeys(columns))
            lines.append(f"    rows = [{{{cells}}} for _ in range(count)]")
        lines.append("    return {")
        for one in self.readings:
            cells = ", ".join(f"row[{column!r}]" for column in one.columns)
            text = f"together([{one.function}({cells}) for row in rows])"
            lines += broken(f"        {one.name!r}: {text},")
        for wish in self.wanted:
            if wish.dtype != "string":
                lines += broken(f"        {wish.name!r}: {self.drawn(wish)},")
        return "\n".join([*lines, "    }"])

    def drawn(self, one: Wanted) -> str:
        """Random values of one tensor."""
        dims = [dim if isinstance(dim, int) else OPEN for dim in one.shape]
        size = ", ".join(["count", *map(str, dims)])
        if one.dtype == "bool" or is_integer(one.dtype):
            high = 2 if one.dtype == "bool" else one.high
            return f"torch.randint({high}, ({size},), generator=draw){cast(one.dtype)}"
        if one.role == "input":
            return f"torch.randn({size}, generator=draw){cast(one.dtype)}"
        if dims and dims[-1] > 1:
            outer = ", ".join(["count", *map(str, dims[:-1])])
            return f"torch.eye({dims[-1]})[torch.randint({dims[-1]}, ({outer},), generator=draw)]"
        return f"torch.randint(2, ({size},), generator=draw){cast(one.dtype)}"


def filled(reader: str, columns: list[str]) -> str:
    """A function that reads these columns."""
    lines = reader.format(columns=columns).split("\n")
    return "\n".join(part for line in lines for part in broken(line))
