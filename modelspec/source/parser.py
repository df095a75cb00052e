"""From libyaml's events to the tree. What YAML has and the language has not is refused here."""

from __future__ import annotations

from .diagnostics import Edit, Rejected, Report
from .nodes import Entry, Mapping, Scalar, Sequence
from .scalars import TooLong, resolve
from .syntax import explain
from .text import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .nodes import Node
    from .text import Source

MAX_DEPTH = 100
MAX_NODES = 1_000_000
MAX_SCALAR = 1024 * 1024
MAX_ERRORS = 100


def parse(source: Source) -> Node:
    """The tree of a text. Raises Rejected with every error that could be found."""
    source.refuse_forbidden_characters()
    builder = Builder(source)
    builder.run()
    builder.report.raise_if_errors()
    if builder.root is None or _is_blank(builder.root):
        raise Rejected(_empty(source))
    return builder.root


class Open:
    """A collection whose end has not come yet, and in a mapping the key that awaits its value."""

    __slots__ = ("node", "key", "seen", "flow")

    def __init__(self, node: Sequence | Mapping, flow: bool) -> None:
        self.node = node
        self.flow = flow
        self.key: Scalar | None = None
        self.seen: dict[object, Scalar] = {}


class Builder:
    """Takes the events one by one. Collects errors and goes on while that makes sense."""

    __slots__ = ("source", "report", "root", "stack", "count", "documents", "last")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.report = Report()
        self.root: Node | None = None
        self.stack: list[Open] = []
        self.count = 0
        self.documents = 0
        self.last: Scalar | None = None  # the scalar before a syntax error often explains it

    def run(self) -> None:
        """All events, to the end of the text or to the first syntax error."""
        import yaml

        from .events import parser_class

        events = yaml.events
        take = {
            events.ScalarEvent: self.scalar,
            events.SequenceStartEvent: self.start_sequence,
            events.MappingStartEvent: self.start_mapping,
            events.SequenceEndEvent: self.end,
            events.MappingEndEvent: self.end,
            events.AliasEvent: self.alias,
            events.DocumentStartEvent: self.start_document,
        }
        parser = parser_class()(self.source.text)
        try:
            while (event := parser.get_event()) is not None:
                handler = take.get(type(event))
                if handler is not None:
                    handler(event)
        except yaml.MarkedYAMLError as error:
            explain(error, self)
        except yaml.YAMLError as error:  # the reader's, which the check of characters foresaw
            self.report.error("syntax", "a spec is YAML", help=str(error))
        finally:
            if hasattr(parser, "dispose"):
                parser.dispose()

    # -- events

    def scalar(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        span = Span(self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        text, style = event.value, event.style
        if style:
            if style in "|>":
                span = self.trimmed(span)
            node = Scalar(text, text, True, span)
        else:
            node = Scalar(self.value(text, span), text, False, span)
        if event.anchor is not None:
            self.anchor(event)
        if event.tag is not None:
            self.tag(event)
        if len(text) > MAX_SCALAR:
            self.stop("too-large", "a text is at most 1 MiB long", span, f"{len(text):,} long")
        self.last = node
        self.place(node)

    def value(self, text: str, span: Span) -> Any:
        try:
            return resolve(text)
        except TooLong as error:
            self.report.error("huge-number", "a number this large cannot be read", span, str(error))
            return 0

    def start_sequence(self, event: Any) -> None:
        self.open(Sequence([], self.span(event)), event)

    def start_mapping(self, event: Any) -> None:
        self.open(Mapping([], self.span(event)), event)

    def open(self, node: Sequence | Mapping, event: Any) -> None:
        if event.anchor is not None:
            self.anchor(event)
        if event.tag is not None:
            self.tag(event)
        self.stack.append(Open(node, bool(event.flow_style)))
        if len(self.stack) > MAX_DEPTH:
            self.stop(
                "too-deep",
                f"a spec is nested at most {MAX_DEPTH} levels deep",
                node.span,
                f"level {len(self.stack)} opens here",
                help="a block or a file of its own holds what is nested",
            )

    def end(self, event: Any) -> None:
        opened = self.stack.pop()
        node = opened.node
        if opened.flow:
            node.span = node.span.to(self.span(event))
        elif isinstance(node, Sequence):
            if node.items:
                node.span = node.span.to(node.items[-1].span)
        elif node.entries:
            node.span = node.span.to(node.entries[-1].value.span)
        self.place(node)

    def start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.stop(
                "several-documents",
                "a spec is one YAML document",
                Span(self.source, event.start_mark.line + 1, 1, event.start_mark.line + 1, 4),
                "a second one begins here",
                help="put it into a file of its own; `file:` names another file as a graph",
            )

    # -- the tree

    def place(self, node: Node) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            self.stop(
                "too-large",
                f"a spec holds at most {MAX_NODES:,} values",
                node.span,
                "this is one more",
                help="data belongs in files of its own, which `data` names",
            )
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
        elif top.key is None:
            top.key = self.key(top, node)
        else:
            if top.flow and isinstance(node, Scalar) and not node.text and not node.quoted:
                self.missing_space(top.key, node)
            top.node.entries.append(Entry(top.key, node))
            top.key = None

    def key(self, top: Open, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            self.bad_key(node)
            return Scalar("", "", True, node.span)
        text = node.text
        earlier = top.seen.setdefault(text, node)
        if earlier is node and not isinstance(node.value, str):
            earlier = top.seen.setdefault((node.value,), node)
        if earlier is not node:
            self.duplicate(earlier, node)
        elif text == "<<" and not node.quoted:
            self.merge_key(node)
        return node

    # -- what is refused

    def stop(
        self, code: str, message: str, span: Span, label: str, *, help: str | tuple[str, ...] = ()
    ) -> None:
        self.report.error(code, message, span, label, help=help)
        self.report.raise_if_errors()

    def refuse(
        self,
        code: str,
        message: str,
        span: Span,
        label: str,
        *,
        also: tuple[tuple[Span, str], ...] = (),
        help: str | tuple[str, ...] = (),
        fix: Edit | None = None,
    ) -> None:
        self.report.error(code, message, span, label, also=also, help=help, fix=fix)
        if len(self.report.errors) >= MAX_ERRORS:
            self.report.raise_if_errors()

    def duplicate(self, earlier: Scalar, node: Scalar) -> None:
        self.refuse(
            "duplicate-key",
            f"the key `{_short(node.text)}` is given twice",
            node.span,
            "here again",
            also=((earlier.span, "first given here"),),
            help="keep one of the two",
        )

    def missing_space(self, key: Scalar, value: Scalar) -> None:
        """`{units:32}` is one word to YAML, and would be a key without a value."""
        name, colon, rest = key.text.partition(":")
        if key.quoted or not (name and colon and rest) or value.span.column != key.span.end_column:
            return
        self.refuse(
            "syntax",
            "an entry is `key: value`",
            key.span,
            "the `:` here is followed by no space",
            help=f"write `{_short(name)}: {_short(rest)}`",
            fix=Edit(key.span, f"{name}: {rest}"),
        )

    def bad_key(self, node: Node) -> None:
        kind = "a list" if isinstance(node, Sequence) else "a mapping"
        self.refuse(
            "bad-key",
            "a key is one word or number",
            node.span,
            f"this is {kind}",
            help='`${...}` inside brackets stands in quotes: {filters: "${filters}"}'
            if self._dollar_before(node.span)
            else (),
        )

    def _dollar_before(self, span: Span) -> bool:
        line = self.source.lines[span.line - 1]
        return line[: span.column - 1].endswith("$")

    def anchor(self, event: Any) -> None:
        mark, anchor = event.start_mark, event.anchor
        self.refuse(
            "alias",
            "anchors are not part of the language",
            self.word(mark, len(anchor) + 1),
            "this is an anchor",
            help=_INSTEAD_OF_ALIASES,
        )

    def alias(self, event: Any) -> None:
        span = self.span(event)
        self.refuse(
            "alias",
            "aliases are not part of the language",
            span,
            "this is an alias",
            help=(
                *_INSTEAD_OF_ALIASES,
                f'if this is meant as text, put it in quotes: "*{_short(event.anchor)}"',
            ),
        )
        self.place(Scalar(None, "", False, span))

    def tag(self, event: Any) -> None:
        line = self.source.lines[event.start_mark.line]
        word = line[event.start_mark.column :].split(" ")[0].rstrip(",]}")
        self.refuse(
            "tag",
            "tags are not part of the language",
            self.word(event.start_mark, max(1, len(word))),
            "this is a tag",
            help=(
                "leave it out: a value is what it looks like, and quotes make it text",
                "a layer of your own is {type: python, class: mypackage.layers:MyLayer}",
            ),
        )

    def merge_key(self, node: Scalar) -> None:
        self.refuse(
            "merge-key",
            "merge keys are not part of the language",
            node.span,
            "this merges another mapping in YAML 1.1",
            help=(
                "`blocks` is for the same layers twice, with parameters for what differs",
                "`params` is for a value used twice",
            ),
        )

    # -- places

    def span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def word(self, mark: Any, length: int) -> Span:
        line, column = mark.line + 1, mark.column + 1
        return Span(self.source, line, column, line, column + length)

    def trimmed(self, span: Span) -> Span:
        """A block of text ends with its last line; libyaml says, where the next thing begins."""
        lines, last = self.source.lines, min(span.end_line, len(self.source.lines))
        if span.end_column == 1 or not lines[last - 1][: span.end_column - 1].strip():
            last -= 1
        while last > span.line and not lines[last - 1].strip():
            last -= 1
        return Span(self.source, span.line, span.column, last, len(lines[last - 1]) + 1)


_INSTEAD_OF_ALIASES = (
    "`params` is for a value used twice, `blocks` for the same shape twice, "
    "`shared` for the same weights twice",
)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _is_blank(root: Node) -> bool:
    return isinstance(root, Scalar) and root.text == "" and not root.quoted


def _empty(source: Source) -> list[Any]:
    report = Report()
    report.error(
        "empty-spec",
        "a spec holds inputs, layers and outputs",
        Span(source, 1, 1, 1, 1),
        "this file is empty" if not source.text.strip() else "this file holds comments alone",
        help="`modelspec init` writes a first spec that trains at once",
    )
    return report.errors
