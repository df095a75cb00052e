"""What a word of torch, of older Kerases or of other tools means here: for suggestions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from modelspec.catalog.their_arguments import ARGUMENTS, NOTES, SECTIONS, TOP_NOTES, VALUES
from modelspec.catalog.theirs import FROM_LOGITS, LOGITS, TORCH, TYPES
from modelspec.language.kinds import Named, Sizes
from modelspec.source.suggest import did_you_mean, nearest
from modelspec.source.tree import Mapping, Scalar

if TYPE_CHECKING:
    from modelspec.language.kinds import Kind
    from modelspec.source.tree import Entry, Node

#: A name as it stands in Python: with the module before it, or the brackets of a call behind.
CALLED = re.compile(r"(?!ops\.)(?P<home>[\w.]*\.)?(?P<name>\w+)(?:\((?P<given>[^()]*)\)?)?")
#: What stands before a comma that was meant as part of a value.
COMMA = re.compile(r"(?P<name>[\w.]+): *(?P<first>[^\s,{}\[\]]+) *, *$")


CURLY = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb`"
#: What a number alone means where a word stands.
NUMBERED = {
    "regularizers": "{{type: L2, l2: {}}}",
    "initializers": "{{type: Constant, value: {}}}",
    "constraints": "{{type: MaxNorm, max_value: {}}}",
}


def word_meant(group: str, name: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help line for an unknown type: what others call so, else the nearest of the known."""
    if name in ("None", "none", "nil"):
        return ("write null, or leave it out",)
    if (bare := name.strip(CURLY)) != name:
        return (f"these quotes are no YAML: write {bare}",)
    called = CALLED.fullmatch(name)
    written = written_out(group, called, list(known)) if called and called["given"] else ()
    found = written or theirs(group, name) or did_you_mean(name, known)
    return found or (did_you_mean(called["name"], known) if called else ())


def written_out(group: str, called: re.Match[str], known: list[str]) -> tuple[str, ...]:
    """A help line for a call as Python has it: `Dense(units=64)` is {type: Dense, units: 64}."""
    from modelspec.catalog.words import find

    name = called["name"]
    near = nearest(name, [*known, *map(str.lower, known)])
    if not near:
        return ()
    own = name if name in known else near[0]
    cls = find(group, own)
    taken = list(cls.arguments) if cls is not None else []
    parts = [part for part in called["given"].split(",") if part.strip()]
    given = [part.split("=", 1) for part in parts if "=" in part]
    if len(parts) == 1 and not given and taken:  # Dense(64): its first argument
        given = [[taken[0], parts[0]]]
    if not given:
        return ()
    ours = [(next(iter(_theirs(key.strip(), taken)), key.strip()), value) for key, value in given]
    listed = ", ".join(f"{key}: {value.strip()}" for key, value in ours)
    return (f"write {{type: {own}, {listed}}}",)


def theirs(group: str, name: str) -> tuple[str, ...]:
    """A help line for a name that is another tool's, or another group's; none for a slip."""
    called = CALLED.fullmatch(name)
    bare = called["name"] if called else name
    foreign: tuple[str, ...] = ()
    if group == "layers" and (bare in TORCH or (called and called["home"] in ("nn.", "torch.nn."))):
        foreign = (f"torch.nn.{bare}",)
    ours = _by_folded(group).get(_folded(bare), ())
    if ours and bare[:1].islower() and group != "layers":
        ours = tuple(_snaked(group, one) for one in ours)
    if not ours and bare != name:
        own = _own_by_folded(group).get(_folded(bare))
        ours = () if own is None else (own,)
    if ours or foreign:
        logits = LOGITS if bare in FROM_LOGITS else ()
        return (*_or((*ours, *foreign)), *logits)
    return _of_another_group(bare) if group == "layers" else ()


def same(name: str) -> list[str]:
    """The layer that is called so in other letters: `leaky_relu`."""
    own = _own_by_folded("layers").get(_folded(name))
    return [] if own is None else [own]


@cache
def _own_by_folded(group: str) -> dict[str, str]:
    from modelspec.catalog.words import names

    return {_folded(own): own for own in names(group)}


def _of_another_group(name: str) -> tuple[str, ...]:
    """A layer's name that is an activation's or an operation's."""
    from modelspec.catalog.words import find, snake

    if same(name):
        return ()
    activation = _own_by_folded("activations").get(_folded(name))
    if activation is not None:
        return (f"write {{type: Activation, activation: {snake(activation)}}}",)
    return _or((f"ops.{name}",)) if find("layers", f"ops.{name}") is not None else ()


def type_meant(group: str, node: Mapping) -> tuple[str, ...]:
    """A help line for a mapping without `type`: a word is its key, `Adam: {...}`, or a value."""
    from modelspec.catalog.words import find

    named = [one for one in node.entries if find(group, one.key.text) is not None]
    listed = [
        _typed(one.key.text, one.value.entries) for one in named if isinstance(one.value, Mapping)
    ]
    if len(listed) > 1:
        return (f"write a list: [{', '.join(listed)}]",)
    for one in node.entries:
        rest = [other for other in node.entries if other is not one]
        if isinstance(one.value, Scalar) and find(group, one.value.text) is not None:
            return (f"write {_typed(one.value.text, rest)}",)
        if one in named:
            cls = find(group, one.key.text)
            own = cls is not None and one.key.text in cls.arguments and _is_value(one.value)
            given = one.value.entries if isinstance(one.value, Mapping) else rest
            given = node.entries if own else given  # {l2: 0.1} is {type: l2, l2: 0.1}
            return (f"write {_typed(one.key.text, given)}",)
    return ()


def _is_value(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.is_null


def _typed(name: str, entries: list[Entry]) -> str:
    """`{type: Adam, learning_rate: 0.1}`, with what stands on one line of the entries."""
    plain = [one for one in entries if one.value.span.line == one.value.span.end_line]
    given = [f"{one.key.text}: {one.value.span.text}" for one in plain]
    return "{" + ", ".join([f"type: {name}", *given]) + "}"


def argument_meant(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help line for an unknown argument or key, the same way."""
    known = list(known)
    ours = _theirs(name, known)
    if ours:
        return _or(ours)
    if "train" in known and "layers" in known and _is_trained_with(name):
        return (f"it stands in `train`: train: {{{name}: ...}}",)
    note = (TOP_NOTES.get(name) if "layers" in known else None) or NOTES.get(name)
    return (note,) if note is not None else did_you_mean(name, known)


def _is_trained_with(name: str) -> bool:
    from modelspec.catalog.training import Training

    return name in Training.arguments


def key_meant(name: str, known: Iterable[str]) -> list[str]:
    """The keys that an unknown one may stand for, the likeliest first."""
    known = list(known)
    return list(_theirs(name, known)) or nearest(name, known)


def _theirs(name: str, known: list[str]) -> tuple[str, ...]:
    ours = (*ARGUMENTS.get(name, ()), *SECTIONS.get(name, ()))
    return tuple(one for one in ours if one in known)


def comma_meant(entry: Entry) -> tuple[str, ...]:
    """A help line for a key that is the rest of a list, `from: a, b`, or of a number, `0,001`."""
    key, value = entry.key, entry.value
    if not isinstance(value, Scalar) or value.text or value.quoted:
        return ()
    before = COMMA.search(key.span.source.lines[key.span.line - 1][: key.span.column - 1])
    if before is None:
        return ()
    name, first = before["name"], before["first"]
    if re.fullmatch(r"\d{3}", key.text) and re.fullmatch(r"[1-9]\d{0,2}", first):
        return (f"write `{name}: {first}{key.text}`, or `{first}.{key.text}` if it is no thousand",)
    if key.text.isdigit() and first.isdigit():
        return (f"a decimal point is a point: write `{name}: {first}.{key.text}`",)
    return (f"a list stands in brackets: write `{name}: [{first}, {key.text}]`",)


def value_meant(key: str, kind: Kind[Any], node: Node) -> tuple[str, ...]:
    """A help line for a value as others write it, or as Python does."""
    if not isinstance(node, Scalar):
        return ()
    value, text = node.value, node.text
    ours = VALUES.get(key, {}).get(value) if not isinstance(value, bool) else None
    if ours is not None:
        return _or((ours,))
    if text in ("None", "none", "nil"):
        return ("write `null`" if kind.null else "leave it out",)
    sizes = re.fullmatch(r"(\d{1,9})[x×*](\d{1,9})", text)
    if sizes and isinstance(kind, Sizes):
        return (f"write [{sizes[1]}, {sizes[2]}]",)
    if isinstance(kind, Named) and _is_number(value) and kind.group in NUMBERED:
        short = {"0": "zeros", "1": "ones"} if kind.group == "initializers" else {}
        return (f"write {short.get(text, NUMBERED[kind.group].format(text))}",)
    if key == "padding" and _is_number(value):
        return ("`same` keeps the size; a number of cells is a ZeroPadding layer in front",)
    return ()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@cache
def _by_folded(group: str) -> dict[str, tuple[str, ...]]:
    return {_folded(name): ours for name, ours in TYPES.get(group, {}).items()}


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _snaked(group: str, name: str) -> str:
    """A name in small letters, where the word has such a spelling."""
    from modelspec.catalog.words import find, snake

    return snake(name) if find(group, snake(name)) is not None else name


def _or(names: tuple[str, ...]) -> tuple[str, ...]:
    *before, last = [f"`{name}`" for name in dict.fromkeys(names)]
    return (f"did you mean {', '.join(before)} or {last}?" if before else f"did you mean {last}?",)
