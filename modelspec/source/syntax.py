"""libyaml's syntax errors, in words that say what to do."""

from __future__ import annotations

import re

from .diagnostics import Edit
from .spot import Spot
from .text import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .parser import Builder, Open

_CLOSES = {"{": "}", "[": "]"}
_INDICATED = (
    "while scanning an alias",
    "while scanning an anchor",
    "while scanning a block scalar",
)
_NO_COLON = re.compile(r"\s*(?:- )?([\w.-]+) +([\[{])")
_NO_MAPPING = re.compile(r"\s*(?:- )?([\w.-]+)\s*[=\uff1a]?\s*([\[{])")
_NO_SPACE = re.compile(r"\s*-(?=[\[{])")
_ESCAPE_PROBLEMS = ("escape", "hexdecimal", "hexadecimal")


def explain(error: Any, builder: Builder) -> None:
    """Adds the diagnostic of a syntax error, at which parsing ends."""
    mark = error.problem_mark or error.context_mark
    Fault(error, mark, builder).report()


class Fault(Spot):
    """One syntax error, in words."""

    def report(self) -> None:
        """Finds the words for it."""
        flow = self.open_bracket()
        if "\t" in (self.char, *self.head.strip(" ")[:1]) and not self.head.strip():
            self.tab()
        elif "quoted scalar" in self.context:
            self.quoted()
        elif self.begins_with_indicator():
            self.reserved()
        elif flow is not None:
            self.in_brackets(flow)
        elif (dash := _NO_SPACE.match(self.text)) is not None:
            self.dash(dash.end())
        elif "could not find expected ':'" in self.problem and self.opening is not None:
            self.no_entry(self.source.whole_line(self.opening.line))
        elif self.char and self.char in "]}":
            self.closes_nothing()
        elif "mapping values are not allowed" in self.problem:
            self.second_colon()
        elif "block sequence entries are not allowed" in self.problem:
            self.add("syntax", "a list begins on a line of its own, or stands in brackets",
                     self.here(), "no list can begin here",
                     help="put `- ` on the next line, or write [a, b]")  # fmt: skip
        elif "block collection" in self.context or "block mapping" in self.context:
            self.misfit()
        else:
            self.other()

    def begins_with_indicator(self) -> bool:
        """Whether a text starts with a character that YAML keeps for itself: @ ` % * & ? | >."""
        if "cannot start any token" in self.problem:
            return bool(self.char) and self.char in "@`%"
        return "mapping keys are not allowed" in self.problem or self.context in _INDICATED

    # -- the faults

    def tab(self) -> None:
        stop = len(self.text) - len(self.text.lstrip(" \t"))
        start = self.text.index("\t") + 1
        span = Span(self.source, self.line, start, self.line, stop + 1)
        self.add(
            "tab-indent",
            "YAML is indented with spaces",
            span,
            "this is a tab" if stop - start == 0 else "here is a tab",
            help="replace it with spaces; most editors can do so for the whole file",
            fix=Edit(span, "  " * self.text[start - 1 : stop].count("\t")),
        )

    def quoted(self) -> None:
        opening = self.opening or self.here()
        if any(word in self.problem for word in _ESCAPE_PROBLEMS):
            start = self.text.rfind("\\", 0, self.column) + 1
            self.add(
                "syntax",
                "a backslash in double quotes begins an escape",
                Span(self.source, self.line, start, self.line, start + 2),
                f"`{self.text[start - 1 : start + 1]}` begins none here",
                help="use single quotes, where a backslash is a backslash, or write `\\\\`",
            )
            return
        self.add("unclosed-quote", "a quoted text needs its closing quote", opening,
                 "this quote is never closed")  # fmt: skip

    def reserved(self) -> None:
        word = self.word_here()
        text = self.source.lines[word.line - 1][word.column - 1 : word.end_column - 1]
        quoted = f'"{text}"'
        self.add(
            "needs-quotes",
            f"a text that starts with `{text[:1]}` stands in quotes",
            word,
            "this means something else in YAML",
            help=f"write {quoted}",
            fix=Edit(word, quoted),
        )

    def in_brackets(self, opened: Open) -> None:
        start = opened.node.span
        bracket = self.source.lines[start.line - 1][start.column - 1 : start.column]
        closing = _CLOSES.get(bracket, "]")
        if self.head.endswith("$") and self.char == "{":
            self.dollar()
            return
        if self.char == ":" and (word := self.word_behind_a_space()) is not None:
            self.missing_comma(word)
            return
        place = self.here()
        if self.at_end():
            label, place = "the text ends here", self.source.end_above(len(self.source.lines) + 1)
        elif self.line > start.line and (not self.head.strip() or self.begins_an_entry()):
            label, place = f"`,` or `{closing}` is missing here", self.source.end_above(self.line)
        elif self.char and self.char in "]}":
            label = f"`{self.char}` does not close `{bracket}`"
        else:
            label = f"expected `,` or `{closing}` before this"
        self.add(
            "unclosed-bracket",
            f"`{bracket}` needs its `{closing}`",
            place,
            label,
            also=((Span(self.source, start.line, start.column, start.line, start.column + 1),
                   f"`{bracket}` is opened here"),),
            help=f"close it with `{closing}`, or put a comma between the entries"
            if "," in label else f"close it with `{closing}`",
        )  # fmt: skip

    def begins_an_entry(self) -> bool:
        """Whether the line's first key ends at the fault."""
        return self.char == ":" and ":" not in self.head

    def word_behind_a_space(self) -> Span | None:
        """In `{type: Dense units: 3}`, YAML took `Dense units` for one text: the place of `units`.

        The key of a line of its own is no such word; there the bracket may well be left open.
        """
        last = self.builder.last
        if last is None or last.quoted or last.span.line != self.line:
            return None
        key = last.text.rpartition(" ")[2]
        if key == last.text or last.span.end_column != self.column:
            return None
        return Span(self.source, self.line, self.column - len(key), self.line, self.column)

    def missing_comma(self, word: Span) -> None:
        key = self.text[word.column - 1 : word.end_column - 1]
        gap = Span(self.source, word.line, word.column - 1, word.line, word.column)
        self.add("syntax", "entries in brackets are separated by commas", word,
                 "no comma before this key", help=f"write `, {key}: ...`",
                 fix=Edit(gap, ", "))  # fmt: skip

    def dollar(self) -> None:
        start = self.column - 1
        stop = self.text.find("}", start)
        stop = len(self.text) if stop < 0 else stop + 1
        span = Span(self.source, self.line, start, self.line, stop + 1)
        quoted = f'"{self.text[start - 1 : stop]}"'
        self.add("needs-quotes", "`${...}` inside brackets stands in quotes", span,
                 "YAML takes this brace for its own", help=f"write {quoted}",
                 fix=Edit(span, quoted))  # fmt: skip

    def closes_nothing(self) -> None:
        key = _NO_MAPPING.match(self.text)
        if key is not None:  # `inputs = {x: [8]}` is a text up to the bracket
            place = Span(self.source, self.line, key.start(1) + 1, self.line, key.end() + 1)
            right = f"{key[1]}: {key[2]}"
            self.add("syntax", "an entry is `key: value`", place, "no `:` behind this key",
                     help=f"write `{right}...`", fix=Edit(place, right))  # fmt: skip
            return
        self.add("syntax", f"every `{self.char}` closes a bracket", self.here(),
                 "this one closes nothing", help="delete it")  # fmt: skip

    def dash(self, column: int) -> None:
        place = self.at(self.line, column)
        self.add("syntax", "an entry of a list begins with `- `", place, "no space behind this",
                 help="put a space behind the dash", fix=Edit(place, "- "))  # fmt: skip

    def second_colon(self) -> None:
        last = self.builder.last
        if last is not None and last.span.line < self.line:
            self.runs_on(last.span)
            return
        key = _NO_COLON.match(self.text)
        if key is not None and key.end() < self.column:
            word = Span(self.source, self.line, key.start(1) + 1, self.line, key.end(1) + 1)
            self.add("syntax", "an entry is `key: value`", word, "no `:` behind this key",
                     help=f"write `{key[1]}: {key[2]}...`",
                     fix=Edit(word, f"{key[1]}:"))  # fmt: skip
            return
        self.add(
            "syntax",
            "a line holds one `key: value`",
            self.here(),
            "a second `:` on this line",
            help=(
                "put a text that holds `: ` in quotes",
                "put a mapping in braces, {key: value}, or on lines of its own",
            ),
        )

    def runs_on(self, start: Span) -> None:
        """A line was taken for the continuation of the text above it."""
        whole = self.source.whole_line(start.line)
        if start.column == whole.column:
            self.no_entry(whole)
            return
        self.add(
            "bad-indent",
            "entries of one mapping begin in the same column",
            self.entry_before(),
            "this is indented deeper than the entry above",
            also=((Span(start.source, start.line, start.column, start.line, whole.end_column),
                   "and continues this value"),),
            help="align it with the entry above; or leave that one's value empty to nest this one",
        )  # fmt: skip

    def no_entry(self, place: Span) -> None:
        """A line that should be an entry, and lacks the colon or the space after it."""
        text = self.source.lines[place.line - 1].strip()
        key, colon, value = text.partition(":")
        fact, help = "this line is no entry", ""
        if not colon and "=" in text:
            fact, help = "this line has no `:`", f"write `{re.sub(' *= *', ': ', text, count=1)}`"
        elif not colon:
            name, _, rest = text.partition(" ")
            added = f"{name}: {rest}" if rest and " " not in rest else f"{text}:"
            fact, help = "this line has no `:`", f"add a colon: `{added}`"
        elif value and not value[0].isspace():
            fact = "the `:` here is followed by no space"
            help = f"put a space after the colon: `{key}: {value}`"
        self.add("syntax", "an entry is `key: value`", place, fact, help=help or ())

    def misfit(self) -> None:
        if self.head.strip() and not self.head.strip().startswith("-"):
            rest = self.source.whole_line(self.line)
            self.add("syntax", "a value ends where its quote or bracket closes",
                     Span(self.source, self.line, self.column, self.line, rest.end_column),
                     "this stands after it",
                     help="delete it, or put all of it inside the quotes")  # fmt: skip
            return
        kind = "mapping" if "mapping" in self.context else "list"
        also = () if self.opening is None else (
            (self.opening, f"the {kind} begins in column {self.opening.column}"),
        )  # fmt: skip
        if self.char == "-" and "block mapping" in self.context and self.aligned():
            self.add("syntax", "a mapping holds entries `key: value`", self.here(),
                     "a list entry", also=also)  # fmt: skip
        elif "'-' indicator" in self.problem and self.aligned():
            self.add("syntax", "every entry of a list begins with `- `", self.entry_before(),
                     "no `- `", also=also)  # fmt: skip
        else:
            self.add("bad-indent", "a line begins in the column of an entry above it",
                     self.entry_before(), f"nothing above begins in column {self.column}",
                     also=() if self.aligned() else also)  # fmt: skip

    def other(self) -> None:
        if "<document start>" in self.problem:
            self.add(
                "several-documents",
                "a spec is one YAML document",
                self.entry_before(),
                "this stands after the document's end",
                help="delete the line `...`",
            )
            return
        problem = self.problem.replace("did not find expected", "expected").removeprefix("found ")
        self.add("syntax", "this is not YAML", self.here(), problem or "not understood")

    def add(self, code: str, message: str, span: Span, label: str, **rest: Any) -> None:
        self.builder.refused.report.error(code, message, span, label, **rest)
