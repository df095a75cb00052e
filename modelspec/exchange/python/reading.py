"""Layers that read texts, as functions of one row: the model takes what they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from modelspec.catalog.layers.categories import HashedCrossing, Hashing
from modelspec.catalog.layers.lookup import StringLookup
from modelspec.catalog.layers.text import TextVectorization
from modelspec.engine import hashing, tokens
from modelspec.engine.vocabulary import Vocabulary, vocabulary_of
from modelspec.exchange.python.training.lines import broken
from modelspec.exchange.python.writer import identifier
from modelspec.model.graph import Graph, Program, Step

if TYPE_CHECKING:
    from modelspec.exchange.python.encoding import Encoding

READERS = (TextVectorization, StringLookup, Hashing, HashedCrossing)


class Reading(NamedTuple):
    """A step that reads texts: the tensor that it gives is a parameter of the model."""

    name: str
    step: Step
    inputs: list[str]  # the model's inputs that it reads

    def columns(self, graph: Graph) -> list[str]:
        """The columns of rows that it is given."""
        fields = graph.spec.data.fields if graph.spec.data else {}
        found: list[str] = []
        for name in self.inputs:
            field = fields.get(name)
            found += [name] if field is None else field.columns or [field.column or name]
        return found


def reads_texts(step: Step, program: Program) -> bool:
    return any(program.tensors[id].dtype == "string" for id in step.reads())


def reading(step: Step, program: Program, name: str) -> Reading | str:
    """The reading of a step; what is in the way where there is none."""
    names = {id: name for name, id in program.inputs.items()}
    layer: Any = step.layer
    if not isinstance(layer, READERS) or layer.__dict__.get("invert"):
        return "it works on texts, and torch's tensors hold none"
    if any(id not in names for id in step.reads()):
        return "it reads texts that another layer made"
    if any(len(program.tensors[id].shape or ()) > 1 for id in step.reads()):
        return "it reads texts in more than one axis"
    return Reading(name, step, [names[id] for id in step.reads()])


def readings(program: Program) -> list[Reading]:
    """All steps that read texts, in their order: what the model takes after its other inputs."""
    found: list[Reading] = []
    for step in program.steps:
        if not reads_texts(step, program):
            continue
        name = step.call.name
        while name in program.inputs or any(name == one.name for one in found):
            name += "_"
        made = reading(step, program, name)
        found += [made] if isinstance(made, Reading) else []
    return found


def takes(program: Program) -> list[str]:
    """What the written model takes, by the names that it has in the spec."""
    tensors = program.tensors
    numbers = [name for name, id in program.inputs.items() if tensors[id].dtype != "string"]
    return numbers + [one.name for one in readings(program)]


def reader(one: Reading, to: Encoding) -> str:
    """An expression of what the layer gives for one `row`; its function is added."""
    cells = [f"row[{column!r}]" for column in one.columns(to.graph)]
    name = to.plain.add(function_of(one.name), Lines(one, to))
    return f"{name}({', '.join(cells)})"


def function_of(name: str) -> str:
    """What the function of a reading is called."""
    return identifier(f"{name}_of")


class Lines:
    """The text of a function that reads."""

    layer: Any

    def __init__(self, one: Reading, to: Encoding) -> None:
        self.layer = one.step.layer
        self.to, self.name = to, one.name
        listed = to.take("flat")
        kind: type = type(self.layer)
        if kind is HashedCrossing:
            self.body = self.crossing()
        elif kind is Hashing:
            self.body = [f"texts = {listed}(cells)", *self.hashing()]
        else:
            self.definition = one.step.definition
            self.body = [f"texts = {listed}(cells)", *self.looking_up(kind)]
        splits = kind is TextVectorization and self.layer.split is not None
        shapes = [to.graph.program.tensors[id].shape for id in one.step.reads()]
        self.single = not splits and not shapes[0]  # one value, and no list of one
        self.body += self.shaped()

    def __call__(self, own: str) -> str:
        lines = [f"def {own}(*cells) -> Tensor:", f'    """{self.told()}"""']
        for line in self.body:
            lines += broken(f"    {line}")
        return "\n".join(lines)

    def told(self) -> str:
        return f"What `{self.layer.title()}` makes of texts."

    # -- vocabularies -----------------------------------------------------------------------

    def looking_up(self, kind: type) -> list[str]:
        """Texts to tokens to places."""
        p, to = self.layer, self.to
        state = to.learnt.vocabularies.get(self.definition.path)
        vocabulary = vocabulary_of(self.definition, state)
        assert vocabulary is not None, "a run has learnt what its layers know"
        self.vocabulary = vocabulary
        lines = self.cut() if kind is TextVectorization else ["tokens = texts"]
        known = to.constant(f"{self.name}_tokens", vocabulary.tokens)
        own = f"{known.removesuffix('_TOKENS')}_PLACES"
        text = f"{own} = {{token: place for place, token in enumerate({known}, {p.token_start})}}"
        if p.mask_token is not None:
            text += f" | {{{p.mask_token!r}: {vocabulary.places_of[p.mask_token]}}}"
        to.constants[own] = text
        return [*lines, f"places = [{self.place(own, vocabulary)} for token in tokens]"]

    def place(self, known: str, vocabulary: Vocabulary) -> str:
        p = self.layer
        if p.num_oov_indices == 0:
            return f"{known}[token]"
        if p.num_oov_indices == 1:
            return f"{known}.get(token, {p.oov_start})"
        unknown = f"{self.hash('token')} % {p.num_oov_indices}"
        start = f"{p.oov_start} + " if p.oov_start else ""
        return f"{known}[token] if token in {known} else {start}{unknown}"

    def cut(self) -> list[str]:
        """Texts to tokens, as TextVectorization does."""
        p, plain = self.layer, self.to.plain
        standard = plain.take(tokens.standard, p)
        text = f"{standard}(text)" if p.standardize else "text"
        if p.split is None:
            lines = [f"tokens = [{text} for text in texts]"]
        else:
            pieces = plain.take(tokens.pieces, p)
            lines = ["(text,) = texts", f"tokens = {pieces}({text})"]
        if p.widths:
            lines.append(f"tokens = {plain.take(tokens.runs, p)}(tokens)")
        length = p.output_sequence_length
        if length is not None:
            lines.append(f'tokens = tokens[:{length}] + [""] * ({length} - len(tokens))')
        elif p.split is not None:
            lines.append('tokens = tokens or [""]')
        return lines

    # -- hashes -----------------------------------------------------------------------------

    def hash(self, token: str) -> str:
        """The hash of a token, as an expression."""
        plain, salt = self.to.plain, self.layer.salt
        data = f'str({token}).encode("utf-8", "surrogatepass")'
        if salt is None:
            return f"{plain.take(hashing.farmhash64)}({data})"
        halves = [salt, salt] if isinstance(salt, int) else salt
        key = tuple(half & hashing.MASK for half in halves)
        return f"{plain.take(hashing.siphash64)}({data}, {key})"

    def hashing(self) -> list[str]:
        p = self.layer
        reserved = int(p.mask_value is not None and p.num_bins > 1)
        start = f"{reserved} + " if reserved else ""
        place = f"{start}{self.hash('text')} % {p.num_bins - reserved}"
        if reserved:
            place = f"0 if text == {p.mask_value!r} else {place}"
        return [f"places = [{place} for text in texts]"]

    def crossing(self) -> list[str]:
        plain = self.to.plain
        chain, farm = plain.take(hashing.chain), plain.take(hashing.farmhash64)
        mask = plain.number("MASK", hashing.MASK)
        listed = self.to.take("flat")
        return [
            "parts = [",
            f'    {farm}(one.encode("utf-8", "surrogatepass")) if isinstance(one, str)'
            f" else int(one) & {mask}",
            f"    for one in {listed}(cells)",
            "]",
            f"places = [{chain}(parts) % {self.layer.num_bins}]",
        ]

    # -- what comes out ---------------------------------------------------------------------

    def shaped(self) -> list[str]:
        p, to = self.layer, self.to
        mode = p.output_mode
        if mode == "int":
            return [f"return torch.tensor(places{'[0]' if self.single else ''})"]
        depth = p.num_bins if isinstance(p, Hashing | HashedCrossing) else p.width()
        functions = {"one_hot": "one_hot_places", "multi_hot": "multi_hot_places"}
        made = f"{to.take(functions.get(mode, 'counted_places'))}(places, {depth})"
        if mode == "tf_idf":
            rarity = self.vocabulary.rarity
            assert rarity is not None
            made += f" * torch.tensor({to.constant(f'{self.name}_rarity', rarity.tolist())})"
        return [f"return {made}"]
