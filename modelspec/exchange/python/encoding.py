"""How a file takes raw rows: what a run's encoders and its layers over texts learnt, as functions.

`encode` makes tensors of one row, `predict` is the model on rows, with outputs in the terms of
their columns. What was learnt stands in the file, or in JSON beside it where it is long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from modelspec.catalog import encoders as words
from modelspec.catalog import sources
from modelspec.engine import wanted
from modelspec.engine.data import Wanted
from modelspec.exchange.python import rows
from modelspec.exchange.python.reading import Reading, reader
from modelspec.exchange.python.training.lines import broken
from modelspec.exchange.python.training.plain import Plain
from modelspec.exchange.python.writer import identifier
from modelspec.language import dtypes
from modelspec.model.graph import Graph

#: The most characters of what an encoder learnt that stand in the file itself.
SHORT = 2000
#: Sources of arrays, which a model without encoders takes as they are.
ARRAYS = (sources.NPZ, sources.NPY, sources.Digits, sources.DigitPairs, sources.Synthetic)


class Learnt(NamedTuple):
    """What a run learnt besides weights: its encoders' states, and vocabularies by layers' paths.

    `targets` are what a training script reads besides the inputs; `raw` is whether it reads any of
    them as rows.
    """

    encoders: Mapping[str, Any]
    vocabularies: Mapping[str, Any]
    targets: tuple[Wanted, ...] = ()
    raw: bool = False


class Encoding:
    """The part of a file that is about raw rows: `text`, and `held`, which goes to JSON."""

    def __init__(self, graph: Graph, learnt: Learnt, taken: set[str]) -> None:
        self.graph, self.learnt = graph, learnt
        self.plain = Plain(taken | set(vars(rows)))
        self.plain.taken -= set(vars(rows))
        self.constants: dict[str, str] = {}
        self.held: dict[str, Any] = {}

    def take(self, name: str) -> str:
        """The name of one of the functions in `rows`."""
        return self.plain.take(vars(rows)[name])

    def constant(self, name: str, value: Any) -> str:
        """The name of a constant, such as an encoder's classes."""
        own = identifier(name).upper()
        if len(repr(value)) > SHORT:
            self.held[own] = value
            text = f"LEARNT[{own!r}]"
        else:
            text = repr(value)
        self.constants[own] = "\n".join(broken(f"{own} = {text}"))
        return own

    def state_of(self, one: Wanted, *keys: str) -> str:
        """The names of constants that hold what an encoder learnt, as arguments."""
        state = self.learnt.encoders[one.name]
        return ", ".join(self.constant(f"{one.name}_{key}", state[key]) for key in keys)

    # -- rows to tensors --------------------------------------------------------------------

    def encoded(self, one: Wanted) -> str:
        """An expression of the tensor that a wanted one is, of `row`."""
        cells = ", ".join(f"row[{column!r}]" for column in one.columns)
        state = self.learnt.encoders.get(one.name)
        word = one.encode if state is not None else None
        if word is None:
            text = f"{self.take('numbers')}({cells})"
        else:
            text = ENCODED[type(word)](self, one, word, state, cells)
        if one.shape in ((), (1,)):
            text += f".reshape({', '.join(map(str, one.shape)) or '()'})"
        return f"{text}{cast(one.dtype)}"

    def places(self, name: str, classes: list[Any]) -> str:
        """The constant of classes' places, made of that of the classes."""
        listed = self.constant(f"{name}_classes", classes)
        own = f"{listed.removesuffix('_CLASSES')}_PLACES"
        self.constants[own] = f"{own} = {self.take('places_of')}({listed})"
        return own

    def vocabulary(self, name: str, state: Any) -> str:
        """The constant of words' places."""
        listed = self.constant(f"{name}_words", state["words"])
        own = f"{listed.removesuffix('_WORDS')}_VOCABULARY"
        text = f"{{word: place for place, word in enumerate({listed}, 2)}}"
        self.constants[own] = f"{own} = {text}"
        return own

    # -- tensors to what they stand for -----------------------------------------------------

    def decoded(self, one: Wanted, value: str) -> str:
        """An expression of an output in the terms of its column."""
        state = self.learnt.encoders.get(one.name)
        if state is None or one.encode is None:
            return f"{value}.tolist()"
        text: str = DECODED[type(one.encode)](self, one, one.encode, state, value)
        return text

    # -- the text ---------------------------------------------------------------------------

    def text(self, parameters: list[str], readings: list[Reading], model: str) -> str:
        """All of it, in the order in which Python wants it."""
        inputs = {one.name: one for one in wanted.inputs(self.graph) if one.dtype != "string"}
        parts = {name: self.encoded(inputs[name]) for name in parameters if name in inputs}
        parts |= {one.name: reader(one, self) for one in readings}
        functions = [mapping("encode", "The model's inputs from one raw row, without the batch.",
                             {name: parts[name] for name in parameters})]  # fmt: skip
        everything = wanted.everything(self.graph)
        if self.learnt.targets:
            targets = {one.name: self.encoded(one) for one in self.learnt.targets}
            functions.append(mapping("targets", "What the outputs are held against.", targets))
        known = {one.name: one for one in everything if one.role == "target"}
        shown = {}
        for name in self.graph.program.outputs:
            value = f"outputs[{name!r}]"
            shown[name] = self.decoded(known[name], value) if name in known else f"{value}.tolist()"
        functions.append(mapping("decode", "The outputs of one sample as what they stand for.",
                                 shown, "outputs: dict[str, Tensor]"))  # fmt: skip
        functions.append(self.predict(model))
        learnt = []
        if self.held:
            learnt = [LEARNT]
        return "\n\n\n".join([
            *learnt, *self.plain.texts.values(), "\n".join(self.constants.values()), *functions
        ])  # fmt: skip

    def predict(self, model: str) -> str:
        self.take("together")
        many = len(self.graph.program.outputs) != 1
        called = "model(*(together([one[name] for one in inputs]) for name in inputs[0]))"
        if not many:
            called = f"{{{next(iter(self.graph.program.outputs))!r}: {called}}}"
        return PREDICT.format(model=model, outputs="\n".join(broken(f"    outputs = {called}")))


LEARNT = """LEARNT = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))"""

PREDICT = '''@torch.no_grad()
def predict(model: {model}, rows: list[dict]) -> list[dict]:
    """The outputs for raw rows, each in the terms of its column."""
    inputs = [encode(row) for row in rows]
{outputs}
    return [
        decode({{name: values[at] for name, values in outputs.items()}}) for at in range(len(rows))
    ]'''


def mapping(name: str, told: str, parts: Mapping[str, str], given: str = "row: dict") -> str:
    """A function that gives a dict of these expressions."""
    gives = "dict" if name == "decode" else "dict[str, Tensor]"
    lines = [f"def {name}({given}) -> {gives}:", f'    """{told}"""', "    return {"]
    for key, text in parts.items():
        lines += broken(f"        {key!r}: {text},")
    return "\n".join([*lines, "    }"])


def cast(dtype: str) -> str:
    """How a tensor becomes one of that dtype."""
    if dtype == "float32":
        return ".float()"
    return f".to(torch.{dtype})" if dtypes.is_float(dtype) or dtype != "bool" else ".bool()"


def standardize(to: Encoding, one: Wanted, word: Any, state: Any, cells: str) -> str:
    learnt = to.state_of(one, "mean", "deviation")
    return f"{to.take('standardized')}({to.take('numbers')}({cells}), {learnt})"


def scale(to: Encoding, one: Wanted, word: Any, state: Any, cells: str) -> str:
    learnt, ends = to.state_of(one, "smallest", "largest"), tuple(word.range)
    return f"{to.take('scaled')}({to.take('numbers')}({cells}), {learnt}, {ends})"


def labels(to: Encoding, one: Wanted, word: Any, state: Any, cells: str) -> str:
    return f"{to.take('labels')}(({cells},), {to.places(one.name, state['classes'])})"


def one_hot(to: Encoding, one: Wanted, word: Any, state: Any, cells: str) -> str:
    columns = state["classes"]
    names = [one.name] if len(columns) == 1 else [f"{one.name}_{at}" for at in range(len(columns))]
    known = [to.places(name, column) for name, column in zip(names, columns, strict=True)]
    return f"{to.take('one_hot')}(({cells},), [{', '.join(known)}])"


def text(to: Encoding, one: Wanted, word: Any, state: Any, cells: str) -> str:
    length = state["length"]
    if word.length is None and len(one.shape) == 1 and isinstance(one.shape[0], int):
        length = one.shape[0]
    return f"{to.take('words')}(({cells},), {to.vocabulary(one.name, state)}, {length})"


ENCODED: dict[type, Any] = {
    words.Standardize: standardize, words.Scale: scale, words.Labels: labels,
    words.OneHot: one_hot, words.Words: text,
}  # fmt: skip


def as_classes(to: Encoding, one: Wanted, word: Any, state: Any, value: str) -> str:
    classes = state["classes"] if isinstance(word, words.Labels) else state["classes"][0]
    return f"{to.take('named')}({value}, {to.constant(f'{one.name}_classes', classes)})"


def as_raw(to: Encoding, one: Wanted, word: Any, state: Any, value: str) -> str:
    return f"{to.take('raw')}({value}, {to.state_of(one, 'mean', 'deviation')}).tolist()"


def as_unscaled(to: Encoding, one: Wanted, word: Any, state: Any, value: str) -> str:
    learnt, ends = to.state_of(one, "smallest", "largest"), tuple(word.range)
    return f"{to.take('unscaled')}({value}, {learnt}, {ends}).tolist()"


def as_text(to: Encoding, one: Wanted, word: Any, state: Any, value: str) -> str:
    return f"{to.take('text_of')}({value}, {to.vocabulary(one.name, state)})"


DECODED: dict[type, Any] = {
    words.Standardize: as_raw, words.Scale: as_unscaled, words.Labels: as_classes,
    words.OneHot: as_classes, words.Words: as_text,
}  # fmt: skip


def takes_rows(graph: Graph, learnt: Learnt) -> bool:
    """Whether raw rows are anything else than the arrays that the model takes."""
    if any(graph.program.tensors[id].dtype == "string" for id in graph.program.inputs.values()):
        return True
    data = graph.spec.data
    return (
        bool(learnt.encoders)
        or learnt.raw
        or (data is not None and data.train is not None and not isinstance(data.train, ARRAYS))
    )
