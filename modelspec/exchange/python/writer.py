"""The text of one class: attributes, statements, and names for what they make.

While a forward pass is written its values are tokens, `‹7›`. Names come at the end, when it is
known who reads what: a value that the spec names keeps that name, and what merely passes on is `x`.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from modelspec.exchange.python.layout import laid_out, quoted
from modelspec.exchange.python.pieces import CONSTANTS, PIECES

#: Numbers that Python writes and does not read.
NUMBER = re.compile(r"(?<![\w.'\"])(inf|nan)\b")
TOKEN = re.compile(r"‹(\d+)›")
TAKEN = {"self", "torch", "nn", "F", "json", "Tensor", "load", "read_safetensors", "layer",
         *dir(builtins), *CONSTANTS}  # fmt: skip
#: What values are called that merely pass on, the second where the first is still needed.
PASSING = ("x", "y", "z")


def identifier(name: str) -> str:
    """A name as Python takes it, that hides nothing."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII) or "_"
    if plain[0].isdigit():
        plain = f"_{plain}"
    taken = keyword.iskeyword(plain) or keyword.issoftkeyword(plain) or plain in ("l", "O", "I")
    return f"{plain}_" if taken else plain


class Statement:
    """`targets = text`, with the shape of what is made beside it."""

    __slots__ = ("comment", "module", "pattern", "targets", "text")

    def __init__(self, targets: list[int], text: str, comment: str, module: str | None = None,
                 pattern: str = ""):  # fmt: skip
        self.pattern = pattern or ", ".join(["{}"] * len(targets))
        self.targets, self.text, self.comment = targets, text, comment
        #: The attribute, where the text is a call of it and nothing else.
        self.module = module

    def reads(self) -> list[int]:
        return [int(one) for one in TOKEN.findall(self.text)]


class Attribute:
    """`self.name = text`, with the tensors that it holds, by their names below it; `note` stands
    above it.
    """

    __slots__ = ("name", "note", "state", "text")

    def __init__(self, name: str, text: str, state: dict[str, Tensor], note: str = "") -> None:
        self.name, self.text, self.state, self.note = name, text, state, note


class Writer:
    """One class as it is written: `attributes` of `__init__`, `statements` of `forward`."""

    def __init__(self) -> None:
        self.attributes: dict[str, Attribute] = {}
        self.statements: list[Statement] = []
        self.parameters: list[int] = []
        self.wishes: list[str] = []  # by token: the name it should have, "" for none
        self.result: list[tuple[str, str]] = []  # name, token
        self.held: dict[Any, str] = {}  # what an attribute was made for -> its name
        #: Results that are no outputs yet: by name, the last activation, `torch.sigmoid({})`.
        self.undone: dict[str, str] = {}
        self.masked: list[str] = []  # results that carry a mask
        self.takes: list[str] = []  # what the parameters are called in the spec
        self.readings: list[Any] = []  # those parameters that layers over texts make

    def token(self, wish: str = "") -> int:
        self.wishes.append(wish)
        return len(self.wishes) - 1

    def let(self, text: str, comment: str = "", wish: str = "", module: str | None = None) -> str:
        """A statement; the token of what it makes."""
        token = self.token(wish)
        self.statements.append(Statement([token], text, comment, module))
        return f"‹{token}›"

    def named(self, text: str, comment: str, wish: str) -> str:
        """The same; what is a token already keeps it, and takes the name if it has none."""
        alone = re.fullmatch(TOKEN, text)
        if alone is None:
            return self.let(text, comment, wish)
        token = int(alone[1])
        old = self.wishes[token]
        if token not in self.parameters and (not old or (old[0] == "~" and wish[:1] != "~")):
            self.wishes[token] = wish
            for statement in self.statements:
                if statement.targets[:1] == [token] and not statement.comment:
                    statement.comment = comment
        return text

    def several(self, text: str, comment: str, wishes: list[str], pattern: str = "") -> list[str]:
        """A statement that makes several values; `pattern` is how they are nested."""
        tokens = [self.token(wish) for wish in wishes]
        self.statements.append(Statement(tokens, text, comment, pattern=pattern))
        return [f"‹{token}›" for token in tokens]

    def parameter(self, wish: str) -> str:
        token = self.token(wish)
        self.parameters.append(token)
        return f"‹{token}›"

    def turns(self, token: int) -> bool:
        """Whether a value is read once alone, to bring its last axis before the others."""
        readers = [one for one in self.statements if token in one.reads()]
        turned = rf"‹{token}›\.permute\(0, (\d+), 1(, \d+)*\)"
        found = re.fullmatch(turned, readers[0].text) if len(readers) == 1 else None
        return found is not None and int(found[1]) == found[0].count(",")

    def attribute(
        self, key: Any, wish: str, text: str, state: dict[str, Tensor], note: str = ""
    ) -> str:
        """The name of the attribute that stands for `key`, made at its first use."""
        if key not in self.held:
            base = identifier(wish)
            if hasattr(nn.Module, base) or base in ("T_destination", "training"):
                base += "_"
            name, count = base, 1
            while name in self.attributes:
                count += 1
                name = f"{base}_{count}"
            self.attributes[name] = Attribute(name, text, state, note)
            self.held[key] = name
        return self.held[key]

    # -- at the end -----------------------------------------------------------------------

    def prune(self) -> None:
        """Leave out what nobody reads."""
        wanted = {int(n) for _, text in self.result for n in TOKEN.findall(text)}
        kept: list[Statement] = []
        for statement in reversed(self.statements):
            if wanted.isdisjoint(statement.targets):
                continue
            wanted.update(statement.reads())
            kept.append(statement)
        self.statements = kept[::-1]

    def names(self) -> dict[int, str]:
        """A name for each token: its own, or one of `PASSING` that is read no more."""
        last = self.last_reads()
        taken = TAKEN | self.called()
        named: dict[int, str] = {}

        def own(wish: str) -> str:
            base = identifier(wish or "x")
            name, count = (f"{base}_1" if base in PASSING else base), 1
            while name in taken:
                count += 1
                name = f"{base}_{count}"
            taken.add(name)
            return name

        #: The statement from which on each of these may be overwritten.
        free_from = dict.fromkeys(PASSING, -1)

        def name_of(token: int, at: int, several: bool) -> str:
            wish = self.wishes[token]
            says_nothing = wish.startswith("~") or not wish
            fits = PASSING if says_nothing and not several else (wish.lstrip("~"),)
            for name in fits:
                if free_from.get(name, at + 1) <= at:
                    free_from[name] = last[token]
                    return name
            name = own(wish.lstrip("~"))
            if says_nothing and several:  # `hidden` of one layer after that of another
                free_from[name] = last[token]
            return name

        for token in self.parameters:
            last.setdefault(token, -1)
            named[token] = name_of(token, -1, several=True)
        for at, statement in enumerate(self.statements):
            for token in statement.targets:
                if token in named:
                    continue  # a loop goes on with it
                several = len(statement.targets) > 1
                named[token] = name_of(token, at, several) if token in last else "_"
        return named

    def called(self) -> set[str]:
        """The pieces that a forward pass calls by name."""
        texts = [one.text for one in self.statements]
        return {name for text in texts for name in re.findall(r"(?<![\w.])\w+(?=\()", text)} & set(
            PIECES
        )

    def last_reads(self) -> dict[int, int]:
        """The last statement that reads each token."""
        last: dict[int, int] = {}
        for at, statement in enumerate(self.statements):
            last.update(dict.fromkeys(statement.reads(), at))
        for _, text in self.result:
            last.update(dict.fromkeys(map(int, TOKEN.findall(text)), len(self.statements)))
        return last

    def body(self, tight: str) -> str:
        """`__init__` and `forward`, indented; `tight` is what `forward` is said to give."""
        named = self.names()

        def plain(text: str) -> str:
            text = NUMBER.sub(r'float("\1")', text)
            return TOKEN.sub(lambda found: named[int(found[1])], text)

        lines = ["    def __init__(self) -> None:", "        super().__init__()"]
        lines = lines if self.attributes else []
        for one in self.attributes.values():
            lines += [f"        # {one.note}"] * bool(one.note)
            lines += laid_out(f"        self.{one.name} = {plain(one.text)}")
        inputs = "".join(f", {named[token]}: Tensor" for token in self.parameters)
        lines += [""] * bool(lines)
        if self.undone:
            lines += [*self.finish(f"self{inputs}", tight), ""]
        name = self.before if self.undone else "forward"
        lines += laid_out(f"    def {name}(self{inputs}) -> {tight}:")
        if self.undone:
            lines.append('        """What the last activations are given: losses start there."""')
        statements, result = self.returned(named)
        for statement in statements:
            lines += self.written(statement, named, plain)
        if result is not None:
            return "\n".join(
                [*lines, *laid_out(f"        return {plain(result.text)}", result.comment)]
            )
        shown = [plain(text) for _, text in self.result]
        if tight.startswith("dict"):
            pairs = zip(self.result, shown, strict=True)
            shown = [f"{{{', '.join(f'{quoted(name)}: {text}' for (name, _), text in pairs)}}}"]
        return "\n".join([*lines, *laid_out(f"        return {', '.join(shown)}")])

    @property
    def before(self) -> str:
        """The method that gives what the last activations are given."""
        return "logits" if "logits" not in self.attributes else "before_activations"

    def finish(self, signature: str, tight: str) -> list[str]:
        """`forward`, where another method does all but the last activations."""
        read = ", ".join(one.split(":")[0] for one in signature.split(", ")[1:])
        called = f"self.{self.before}({read})"
        lines = laid_out(f"    def forward({signature}) -> {tight}:")
        if not tight.startswith("dict"):
            (last,) = self.undone.values()
            return [*lines, *laid_out(f"        return {last.format(called)}")]
        parts = [
            f"{quoted(name)}: " + self.undone.get(name, "{}").format(f"outputs[{quoted(name)}]")
            for name, _ in self.result
        ]
        lines += laid_out(f"        outputs = {called}")
        return [*lines, *laid_out(f"        return {{{', '.join(parts)}}}")]

    def returned(self, named: dict[int, str]) -> tuple[list[Statement], Statement | None]:
        """The statements, without the last one where what it makes is the result and has no name of
        its own.
        """
        if not self.statements or len(self.result) != 1:
            return self.statements, None
        last = self.statements[-1]
        is_result = [f"‹{token}›" for token in last.targets] == [self.result[0][1]]
        if is_result and named[last.targets[0]] in PASSING and not last.text.startswith("for "):
            return self.statements[:-1], last
        return self.statements, None

    @staticmethod
    def written(
        statement: Statement, named: dict[int, str], plain: Callable[[str], str]
    ) -> list[str]:
        """A statement's lines."""
        targets = statement.pattern.format(*(named[token] for token in statement.targets))
        targets = targets.replace("(_, _)", "_")
        if statement.text.startswith("for "):
            start, inside = plain(statement.text).split("\n")
            return [f"        {start}", *laid_out(f"        {inside}", statement.comment)]
        text = plain(statement.text)
        return [] if text == targets else laid_out(f"        {targets} = {text}", statement.comment)

    def state(self) -> dict[str, Tensor]:
        """Every tensor, by its name below the class."""
        return {
            f"{one.name}.{name}" if name else one.name: value
            for one in self.attributes.values()
            for name, value in one.state.items()
        }
