"""What YAML has and the language has not, each refusal with a word on what says it here."""

from __future__ import annotations

from .diagnostics import Edit, Report
from .nodes import Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .nodes import Node
    from .text import Span

MAX_ERRORS = 100

_INSTEAD_OF_ALIASES = (
    "`params` is for a value used twice, `blocks` for the same shape twice, "
    "`shared` for the same weights twice",
)


class Refusals:
    """The report of one text. Gives up at the hundredth error, or at one that is past all sense."""

    __slots__ = ("report",)

    def __init__(self) -> None:
        self.report = Report()

    def stop(
        self, code: str, message: str, span: Span, label: str, *, help: str | tuple[str, ...] = ()
    ) -> None:
        """An error at which reading ends."""
        self.report.error(code, message, span, label, help=help)
        self.report.raise_if_errors()

    def add(
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

    def huge_number(self, span: Span, reason: str) -> None:
        self.add("huge-number", "a number this large cannot be read", span, reason)

    def duplicate(self, earlier: Scalar, node: Scalar) -> None:
        self.add(
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
        self.add(
            "syntax",
            "an entry is `key: value`",
            key.span,
            "the `:` here is followed by no space",
            help=f"write `{_short(name)}: {_short(rest)}`",
            fix=Edit(key.span, f"{name}: {rest}"),
        )

    def tuple(self, key: Scalar, before: list[Node]) -> None:
        """`{size: (3, 3)}` is `size: (3` and a key `3)` to YAML."""
        opened = [n for n in before if isinstance(n, Scalar) and n.text.startswith("(")]
        if key.quoted or not key.text.endswith(")") or not opened:
            return
        span = opened[-1].span.to(key.span)
        listed = f"[{span.text[1:-1].strip()}]"
        self.add("syntax", "a list stands in square brackets", span, "these are round",
                 help=f"write {listed}", fix=Edit(span, listed))  # fmt: skip

    def bad_key(self, node: Node) -> None:
        kind = "a list" if isinstance(node, Sequence) else "a mapping"
        line = node.span.source.lines[node.span.line - 1]
        is_parameter = line[: node.span.column - 1].endswith("$")
        self.add(
            "bad-key",
            "a key is one word or number",
            node.span,
            f"this is {kind}",
            help='`${...}` inside brackets stands in quotes: {filters: "${filters}"}'
            if is_parameter
            else (),
        )

    def anchor(self, span: Span) -> None:
        self.add(
            "alias",
            "anchors are not part of the language",
            span,
            "this is an anchor",
            help=_INSTEAD_OF_ALIASES,
        )

    def alias(self, span: Span, name: str) -> None:
        merged = [one.span for one in self.report.errors[-1:] if one.code == "merge-key"]
        if merged and merged[0] is not None and merged[0].line == span.line:
            return  # `<<: *base` is one fault
        self.add(
            "alias",
            "aliases are not part of the language",
            span,
            "this is an alias",
            help=(
                *_INSTEAD_OF_ALIASES,
                f'if this is meant as text, put it in quotes: "*{_short(name)}"',
            ),
        )

    def tag(self, span: Span) -> None:
        self.add(
            "tag",
            "tags are not part of the language",
            span,
            "this is a tag",
            help=(
                "leave it out: a value is what it looks like, and quotes make it text",
                "a layer of your own is {type: python, class: mypackage.layers:MyLayer}",
            ),
        )

    def merge_key(self, node: Scalar) -> None:
        self.add(
            "merge-key",
            "merge keys are not part of the language",
            node.span,
            "this merges another mapping in YAML 1.1",
            help=(
                "`blocks` is for the same layers twice, with parameters for what differs",
                "`params` is for a value used twice",
            ),
        )


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
