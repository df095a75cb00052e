"""Where boxes go: layers from top to bottom, groups laid out from the inside out.

After Sugiyama, Tagawa and Toda, 1981: assign layers, order them by barycentres, then place each
layer as near to its neighbours as the order allows (isotonic regression).
"""

from __future__ import annotations

from collections.abc import Sequence

from modelspec.model.drawing import Arrow, Box, Group

GAP_X, GAP_Y, PADDING, TITLE, LINE, CHARACTER = 28.0, 44.0, 18.0, 22.0, 16.0, 7.7
SWEEPS = 8
LONGEST = 34  # characters that a box shows


class Place:
    """A rectangle in a layer: a member of a group, or a bend of a long arrow (`member` None).

    `top` and `bottom` are those of its layer: arrows run straight between there and the rectangle.
    """

    __slots__ = (
        "above", "below", "bottom", "height", "layer", "member", "top", "width", "x", "y",
    )  # fmt: skip

    def __init__(self, member: Box | Group | None, width: float, height: float) -> None:
        self.member, self.width, self.height = member, width, height
        self.x = self.y = 0.0  # the centre of its top
        self.top = self.bottom = 0.0
        self.layer = 0
        self.above: list[tuple[Place, float]] = []  # neighbour, and how far apart the ends are
        self.below: list[tuple[Place, float]] = []


class Frame:
    """A group with everything in it placed; positions count from its own left top corner."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.width = self.height = 0.0
        self.frames = {m: Frame(m) for m in group.members if isinstance(m, Group)}
        self.places: dict[Box | Group, Place] = {}
        for member in group.members:
            inner = self.frames.get(member)  # type: ignore[arg-type]
            width, height = (inner.width, inner.height) if inner else box_size(member.lines)
            self.places[member] = Place(member, width, height)
        self.exits = {box: Place(None, 2, 2) for box in group.exits}
        self.bends: dict[Arrow | Box, list[Place]] = {}
        self.lay_out()

    def lay_out(self) -> None:
        chains: list[tuple[Arrow | Box, Place, Place, float, float]] = []
        for arrow in self.group.arrows:
            source, target = self.places[arrow.source], self.places[arrow.target]
            chains.append((arrow, source, target, self.leaves(arrow), self.enters(arrow)))
        for box, place in self.exits.items():
            member = self.group.member(box)
            chains.append((box, self.places[member], place, self.offset(member, box), 0.0))
        everything = [*self.places.values(), *self.exits.values()]
        assign(everything, [(source, target) for _, source, target, _, _ in chains])
        if self.exits:
            last = max(place.layer for place in everything)
            for place in self.exits.values():
                place.layer = max(last, 1)
        for key, source, target, out, into in chains:
            self.bends[key] = bends = bend(source, target, out, into)
            everything += bends
        layers = by_layer(everything)
        order(layers)
        self.width, self.height = position(layers, self.title_width())
        if self.exits:
            self.height -= GAP_Y / 2  # their layer holds ends of arrows alone

    def title_width(self) -> float:
        return 0.0 if self.group.parent is None else box_size([" · ".join(self.group.lines)])[0]

    def leaves(self, arrow: Arrow) -> float:
        return self.offset(arrow.source, arrow.start)

    def offset(self, member: Box | Group, box: Box) -> float:
        """How far from the middle of a member an arrow from `box` leaves it."""
        if isinstance(member, Box):
            return 0.0
        frame = self.frames[member]
        return frame.exits[box].x - frame.width / 2

    def enters(self, arrow: Arrow) -> float:
        if isinstance(arrow.target, Box):
            return 0.0
        frame = self.frames[arrow.target]
        return frame.places[arrow.end].x - frame.width / 2


def box_size(lines: Sequence[str]) -> tuple[float, float]:
    """Room for text: width and height."""
    widest = max((min(len(line), LONGEST) for line in lines), default=1)
    return max(64.0, widest * CHARACTER + 22), LINE * len(lines) + 12


def assign(places: list[Place], edges: list[tuple[Place, Place]]) -> None:
    """A layer for each place: below all that leads to it, and sources just above what they feed."""
    below: dict[Place, list[Place]] = {place: [] for place in places}
    waiting = dict.fromkeys(places, 0)
    for source, target in edges:
        below[source].append(target)
        waiting[target] += 1
    sources = ready = [place for place in places if not waiting[place]]
    while ready:
        following = []
        for place in ready:
            for target in below[place]:
                target.layer = max(target.layer, place.layer + 1)
                waiting[target] -= 1
                if not waiting[target]:
                    following.append(target)
        ready = following
    for place in sources:
        if below[place]:
            place.layer = min(target.layer for target in below[place]) - 1


def bend(source: Place, target: Place, out: float, into: float) -> list[Place]:
    """Joins two places by neighbours one layer apart; gives the bends in between."""
    bends = []
    at, shift = source, out
    for layer in range(source.layer + 1, target.layer):
        made = Place(None, 2, 2)
        made.layer = layer
        at.below.append((made, shift))
        made.above.append((at, shift))
        bends.append(made)
        at, shift = made, 0.0
    at.below.append((target, shift - into))
    target.above.append((at, shift - into))
    return bends


def by_layer(places: list[Place]) -> list[list[Place]]:
    layers: list[list[Place]] = [[] for _ in range(max((p.layer for p in places), default=0) + 1)]
    for place in places:
        layers[place.layer].append(place)
    return layers


def order(layers: list[list[Place]]) -> None:
    """Sort each layer by where its neighbours stand, down and up again: arrows cross little."""
    for layer in layers:
        for at, place in enumerate(layer):
            place.x = float(at)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers[1:] if down else layers[-2::-1]:
            rank = {place: mean(place, down) for place in layer}
            layer.sort(key=rank.__getitem__)
            for at, place in enumerate(layer):
                place.x = float(at)


def mean(place: Place, down: bool) -> float:
    near = place.above if down else place.below
    if not near:
        return place.x
    return sum(other.x for other, _ in near) / len(near)


def position(layers: list[list[Place]], least: float) -> tuple[float, float]:
    """Give every place its x and y; the size that all of it takes, with a margin around."""
    for layer in layers:
        spread(layer, [0.0] * len(layer))
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else layers[::-1]:
            spread(layer, [wanted(place, down) for place in layer])
    everything = [place for layer in layers for place in layer]
    left = min((p.x - p.width / 2 for p in everything), default=0.0)
    right = max((p.x + p.width / 2 for p in everything), default=0.0)
    room = max(right - left, least)
    shift = PADDING - left + (room - (right - left)) / 2
    y = PADDING + (TITLE if least else 0.0)
    for layer in layers:
        tallest = max((place.height for place in layer), default=0.0)
        for place in layer:
            place.x += shift
            place.y = y + (tallest - place.height) / 2
            place.top, place.bottom = y, y + tallest
        y += tallest + GAP_Y
    return room + 2 * PADDING, y - GAP_Y + PADDING


def wanted(place: Place, down: bool) -> float:
    """Where a place would stand if it were alone in its layer."""
    near = place.above if down else place.below
    if not near:
        near = place.below if down else place.above
        down = not down
    if not near:
        return place.x
    sign = 1.0 if down else -1.0
    return sum(other.x + sign * shift for other, shift in near) / len(near)


def spread(layer: list[Place], wants: list[float]) -> None:
    """The nearest places to what is wanted that keep the order and the gaps."""
    starts, edge = [], 0.0
    for at, place in enumerate(layer):
        if at:
            edge += (layer[at - 1].width + place.width) / 2 + GAP_X
        starts.append(edge)
    pools: list[tuple[float, int]] = []  # mean, how many
    for want, start in zip(wants, starts, strict=True):
        pools.append((want - start, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, n) = pools[-2:]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n)]
    at = 0
    for value, count in pools:
        for _ in range(count):
            layer[at].x = value + starts[at]
            at += 1
