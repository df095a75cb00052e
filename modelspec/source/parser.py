"""From libyaml's events to the tree. What YAML has and the language has not is refused here."""

from __future__ import annotations

from .diagnostics import Rejected, Report
from .garbage import kept
from .nodes import Entry, Mapping, Scalar, Sequence
from .refused import Refusals
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


@kept
def parse(source: Source) -> Node:
    """The tree of a text. Raises Rejected with every error that could be found."""
    source.refuse_forbidden_characters()
    builder = Builder(source)
    builder.run()
    builder.refused.report.raise_if_errors()
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

    __slots__ = ("source", "refused", "root", "stack", "count", "documents", "last")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.refused = Refusals()
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
            self.refused.report.error("syntax", "a spec is YAML", help=str(error))
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
            self.refused.anchor(self.word(event.start_mark, len(event.anchor) + 1))
        if event.tag is not None:
            self.refused.tag(self.tag_word(event.start_mark))
        if len(text) > MAX_SCALAR:
            self.refused.stop(
                "too-large", "a text is at most 1 MiB long", span, f"{len(text):,} long"
            )
        self.last = node
        self.place(node)

    def value(self, text: str, span: Span) -> Any:
        try:
            return resolve(text)
        except TooLong as error:
            self.refused.huge_number(span, str(error))
            return 0

    def start_sequence(self, event: Any) -> None:
        self.open(Sequence([], self.span(event)), event)

    def start_mapping(self, event: Any) -> None:
        self.open(Mapping([], self.span(event)), event)

    def open(self, node: Sequence | Mapping, event: Any) -> None:
        if event.anchor is not None:
            self.refused.anchor(self.word(event.start_mark, len(event.anchor) + 1))
        if event.tag is not None:
            self.refused.tag(self.tag_word(event.start_mark))
        self.stack.append(Open(node, bool(event.flow_style)))
        if len(self.stack) > MAX_DEPTH:
            self.refused.stop(
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
            self.refused.stop(
                "several-documents",
                "a spec is one YAML document",
                Span(self.source, event.start_mark.line + 1, 1, event.start_mark.line + 1, 4),
                "a second one begins here",
                help="put it into a file of its own; `file:` names another file as a graph",
            )

    def alias(self, event: Any) -> None:
        span = self.span(event)
        self.refused.alias(span, event.anchor)
        self.place(Scalar(None, "", False, span))

    # -- the tree

    def place(self, node: Node) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            self.refused.stop(
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
                self.refused.missing_space(top.key, node)
                self.refused.tuple(top.key, [entry.value for entry in top.node.entries])
            top.node.entries.append(Entry(top.key, node))
            top.key = None

    def key(self, top: Open, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            self.refused.bad_key(node)
            return Scalar("", "", True, node.span)
        text = node.text
        earlier = top.seen.setdefault(text, node)
        if earlier is node and not isinstance(node.value, str):
            earlier = top.seen.setdefault((node.value,), node)
        if earlier is not node:
            self.refused.duplicate(earlier, node)
        elif text == "<<" and not node.quoted:
            self.refused.merge_key(node)
        return node

    # -- places

    def span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def word(self, mark: Any, length: int) -> Span:
        line, column = mark.line + 1, mark.column + 1
        return Span(self.source, line, column, line, column + length)

    def tag_word(self, mark: Any) -> Span:
        word = self.source.lines[mark.line][mark.column :].split(" ")[0].rstrip(",]}")
        return self.word(mark, max(1, len(word)))

    def trimmed(self, span: Span) -> Span:
        """A block of text ends with its last line; libyaml says, where the next thing begins."""
        lines, last = self.source.lines, min(span.end_line, len(self.source.lines))
        if span.end_column == 1 or not lines[last - 1][: span.end_column - 1].strip():
            last -= 1
        while last > span.line and not lines[last - 1].strip():
            last -= 1
        return Span(self.source, span.line, span.column, last, len(lines[last - 1]) + 1)


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
