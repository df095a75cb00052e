"""A picture as SVG: text, boxes by family, arrows; no fonts or files of its own."""

from __future__ import annotations

from collections.abc import Iterator

from modelspec.model.drawing import Arrow, Box, Group
from modelspec.model.layout import LINE, LONGEST, Frame, Place

#: family -> fill and border
COLOURS = {
    "input": ("#eef2f7", "#64748b"),
    "output": ("#ffffff", "#0f172a"),
    "graph": ("#f1f5f9", "#475569"),
    "core": ("#dbeafe", "#2563eb"),
    "convolution": ("#dcfce7", "#16a34a"),
    "pooling": ("#d1fae5", "#059669"),
    "recurrent": ("#fef3c7", "#d97706"),
    "attention": ("#fee2e2", "#dc2626"),
    "normalization": ("#f3e8ff", "#9333ea"),
    "regularization": ("#f3f4f6", "#6b7280"),
    "merging": ("#fce7f3", "#db2777"),
    "wrappers": ("#ffedd5", "#ea580c"),
    "reshaping": ("#ecfeff", "#0891b2"),
    "activation": ("#e0e7ff", "#4f46e5"),
}
OTHER = ("#f8fafc", "#334155")
Point = tuple[float, float]

STYLE = """<style>
text { font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; \
font-size: 12px; text-anchor: middle; fill: #0f172a }
.name { font-weight: 600 } .more { fill: #475569; font-size: 11px }
.group { fill: #94a3b8; fill-opacity: .09; stroke: #94a3b8; stroke-dasharray: 4 3 }
.title { text-anchor: start; fill: #475569; font-size: 11px; paint-order: stroke; \
stroke: #f8fafc; stroke-width: 4px }
.arrow { fill: none; stroke: #64748b; stroke-width: 1.3 }
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0.8 L7.5 4 L0 7.2 z" fill="#64748b"/></marker></defs>"""


def svg(root: Group) -> str:
    """The picture as one SVG document."""
    frame = Frame(root)
    width, height = round(frame.width), round(frame.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escaped(root.lines[0])}</title>",
        STYLE,
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *groups(frame, 0, 0),
        *arrows(frame, 0, 0),
        *boxes(frame, 0, 0),
        *titles(frame, 0, 0),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def groups(frame: Frame, x: float, y: float) -> Iterator[str]:
    """The borders of groups, the outer ones first."""
    for group, inner in frame.frames.items():
        left, top = corner(frame.places[group], x, y)
        yield (
            f'<rect class="group" x="{left:.1f}" y="{top:.1f}" width="{inner.width:.1f}" '
            f'height="{inner.height:.1f}" rx="10"/>'
        )
        yield from groups(inner, left, top)


def titles(frame: Frame, x: float, y: float) -> Iterator[str]:
    """The titles of groups, over the arrows that pass behind them."""
    for group, inner in frame.frames.items():
        left, top = corner(frame.places[group], x, y)
        title = " · ".join(group.lines)
        yield f'<text class="title" x="{left + 12:.1f}" y="{top + 18:.1f}">{escaped(title)}</text>'
        yield from titles(inner, left, top)


def boxes(frame: Frame, x: float, y: float) -> Iterator[str]:
    for member, place in frame.places.items():
        left, top = corner(place, x, y)
        if isinstance(member, Group):
            yield from boxes(frame.frames[member], left, top)
        else:
            yield from box(member, place, left, top)


def box(made: Box, place: Place, left: float, top: float) -> Iterator[str]:
    fill, border = COLOURS.get(made.family, OTHER)
    radius = place.height / 2 if made.family in ("input", "output") else 6
    yield (
        f'<g><title>{escaped(", ".join(made.lines))}</title><rect x="{left:.1f}" y="{top:.1f}" '
        f'width="{place.width:.1f}" height="{place.height:.1f}" rx="{min(radius, 16):.1f}" '
        f'fill="{fill}" stroke="{border}"/>'
    )
    middle = left + place.width / 2
    for at, line in enumerate(made.lines):
        base = top + LINE * (at + 1) + 2
        kind = "more" if at else "name"
        yield f'<text class="{kind}" x="{middle:.1f}" y="{base:.1f}">{escaped(short(line))}</text>'
    yield "</g>"


def arrows(frame: Frame, x: float, y: float) -> Iterator[str]:
    for arrow in frame.group.arrows:
        points = [*leaving(frame, arrow.source, arrow.start, x, y)]
        for place in frame.bends[arrow]:
            points += through(place, x, y)
        points += entering(frame, arrow, x, y)
        yield f'<path class="arrow" d="{curve(points)}" marker-end="url(#head)"/>'
    for group, inner in frame.frames.items():
        yield from arrows(inner, *corner(frame.places[group], x, y))


def leaving(frame: Frame, member: Box | Group, start: Box, x: float, y: float) -> list[Point]:
    """From the bottom of the box where an arrow starts, out of the groups around it."""
    place = frame.places[member]
    left, top = corner(place, x, y)
    if isinstance(member, Box):
        return [(left + place.width / 2, top + place.height), (x + place.x, y + place.bottom)]
    inner = frame.frames[member]
    points = leaving(inner, inner.group.member(start), start, left, top)
    for bend in inner.bends[start]:
        points += through(bend, left, top)
    right = left + inner.exits[start].x
    return [*points, (right, top + inner.height), (right, y + place.bottom)]


def entering(frame: Frame, arrow: Arrow, x: float, y: float) -> list[Point]:
    """To the top of the box where an arrow ends, into the group that it is an input of."""
    place = frame.places[arrow.target]
    left, top = corner(place, x, y)
    if isinstance(arrow.target, Box):
        return [(x + place.x, y + place.top), (x + place.x, top)]
    inside = frame.frames[arrow.target].places[arrow.end]
    right = left + inside.x
    return [(right, y + place.top), (right, top), (right, top + inside.y)]


def through(place: Place, x: float, y: float) -> list[Point]:
    return [(x + place.x, y + place.top), (x + place.x, y + place.bottom)]


def corner(place: Place, x: float, y: float) -> Point:
    return x + place.x - place.width / 2, y + place.y


def curve(points: list[Point]) -> str:
    """A path that leaves and arrives straight down at every point."""
    (x, y), *rest = points
    parts = [f"M{x:.1f} {y:.1f}"]
    for right, below in rest:
        if abs(right - x) < 0.5:
            parts.append(f"L{right:.1f} {below:.1f}")
        else:
            half = (y + below) / 2
            parts.append(f"C{x:.1f} {half:.1f} {right:.1f} {half:.1f} {right:.1f} {below:.1f}")
        x, y = right, below
    return " ".join(parts)


def short(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def escaped(text: str) -> str:
    """As XML text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
