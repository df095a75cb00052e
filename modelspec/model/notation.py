"""A picture in the notations of other tools: Graphviz's DOT, and Mermaid."""

from __future__ import annotations

from collections.abc import Iterator

from modelspec.model.drawing import Box, Group
from modelspec.model.svg import COLOURS, OTHER


def dot(root: Group) -> str:
    """The picture for Graphviz."""
    lines = [
        "digraph {",
        '  graph [fontname="Helvetica", fontsize=11, style="rounded,dashed", color="#94a3b8"]',
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11]',
        '  edge [color="#64748b"]',
        *_dot(root, "  "),
        *(f"  {arrow}" for arrow in _arrows(root, "->")),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _dot(group: Group, margin: str) -> Iterator[str]:
    for member in group.members:
        if isinstance(member, Group):
            yield f"{margin}subgraph cluster_{member.id} {{"
            yield f"{margin}  label={_dot_text([' · '.join(member.lines)])}"
            yield from _dot(member, margin + "  ")
            yield margin + "}"
        else:
            fill, border = COLOURS.get(member.family, OTHER)
            yield (
                f"{margin}{member.id} "
                f'[label={_dot_text(member.lines)}, fillcolor="{fill}", color="{border}"]'
            )


def _dot_text(lines: list[str]) -> str:
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'


def mermaid(root: Group) -> str:
    """The picture for Mermaid, which GitHub and others draw inside Markdown."""
    families = dict.fromkeys(box.family for box in _boxes(root))
    styles = []
    for family in families:
        fill, border = COLOURS.get(family, OTHER)
        styles.append(f"  classDef {family} fill:{fill},stroke:{border},color:#0f172a")
    lines = ["flowchart TD", *_mermaid(root, "  "), *(f"  {a}" for a in _arrows(root, "-->"))]
    return "\n".join([*lines, *styles]) + "\n"


def _mermaid(group: Group, margin: str) -> Iterator[str]:
    for member in group.members:
        if isinstance(member, Group):
            yield f"{margin}subgraph {member.id}[{_mermaid_text([' · '.join(member.lines)])}]"
            yield from _mermaid(member, margin + "  ")
            yield f"{margin}end"
        else:
            opened, closed = "([", "])"
            if member.family not in ("input", "output"):
                opened, closed = "[", "]"
            text = _mermaid_text(member.lines)
            yield f"{margin}{member.id}{opened}{text}{closed}:::{member.family}"


def _mermaid_text(lines: list[str]) -> str:
    escaped = [
        line.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
        for line in lines
    ]
    return '"' + "<br>".join(escaped) + '"'


def _boxes(group: Group) -> Iterator[Box]:
    for member in group.members:
        if isinstance(member, Group):
            yield from _boxes(member)
        else:
            yield member


def _arrows(group: Group, sign: str) -> Iterator[str]:
    for arrow in group.arrows:
        yield f"{arrow.start.id} {sign} {arrow.end.id}"
    for member in group.members:
        if isinstance(member, Group):
            yield from _arrows(member, sign)
