"""Pictures: every call and arrow is in them, nothing overlaps, and other tools can read them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import modelspec
from modelspec.model.drawing import Box, Group, draw
from modelspec.model.layout import Frame
from modelspec.model.notation import dot, mermaid
from modelspec.model.svg import svg
from tests.cli.specs import EVERYTHING, TWEETS

SPECS = sorted((Path(__file__).resolve().parents[2] / "specs").glob("*.yaml"))


def boxes(group):
    for member in group.members:
        if isinstance(member, Group):
            yield from boxes(member)
        else:
            yield member


def test_every_call_has_a_box_with_name_type_and_shape():
    found = {box.lines[0]: box.lines[1:] for box in boxes(draw(modelspec.check(TWEETS)))}
    assert found["tweet_a"] == ["(28, 16)"]
    assert found["encoded_b"] == ["LSTM of encoder", "(8)"]
    assert found["same"] == ["binary_crossentropy"]  # the output, last


def test_a_graph_is_a_frame_around_its_calls_at_its_first_call_alone():
    root = draw(modelspec.check(EVERYTHING))
    groups = {m.lines[0]: m for m in root.members if isinstance(m, Group)}
    assert groups["seen_left"].lines[1] == "vision"
    assert [m.lines[0] for m in groups["seen_left"].members if isinstance(m, Group)] == [
        "residual_1", "residual_2",
    ]  # fmt: skip
    assert groups["edges"].lines[1] == "part of vision"
    assert "seen_right" in [m.lines[0] for m in root.members if isinstance(m, Box)]


def test_an_arrow_may_start_inside_a_graph():
    text = """\
inputs: {x: [4]}
shared:
  g:
    inputs: {i: [4]}
    layers: {a: {type: Dense, units: 3}, b: {type: Dense, units: 2}}
layers:
  called: {use: g}
  joined: {type: Concatenate, from: [called, called.a]}
"""
    root = draw(modelspec.check(text))
    starts = [arrow.start.lines[0] for arrow in root.arrows if arrow.end.lines[0] == "joined"]
    assert starts[:2] == ["b", "a"]
    ElementTree.fromstring(svg(root))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_nothing_overlaps_and_everything_is_within_the_picture(path):
    def check(frame):
        places = list(frame.places.values())
        for at, one in enumerate(places):
            assert one.x - one.width / 2 >= -0.01
            assert one.x + one.width / 2 <= frame.width + 0.01
            assert one.y + one.height <= frame.height + 0.01
            for other in places[at + 1 :]:
                apart = abs(one.x - other.x) >= (one.width + other.width) / 2
                above = one.y + one.height <= other.y or other.y + other.height <= one.y
                assert apart or above
        for inner in frame.frames.values():
            check(inner)

    root = draw(modelspec.check(path))
    check(Frame(root))
    drawn = ElementTree.fromstring(svg(root))
    names = {one.lines[0] for one in boxes(root)}
    texts = {t.text for t in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {name for name in names if len(name) < 30} <= texts


def test_arrows_point_down():
    frame = Frame(draw(modelspec.check(EVERYTHING)))
    for arrow in frame.group.arrows:
        source, target = frame.places[arrow.source], frame.places[arrow.target]
        assert source.y + source.height < target.y


def test_names_cannot_break_out_of_a_picture():
    text = 'name: "<script>&"\ninputs: {x: [4]}\nlayers: [{type: Dense, units: 1}]\n'
    root = draw(modelspec.check(text))
    assert "<script>" not in svg(root)
    assert ElementTree.fromstring(svg(root)) is not None


def test_dot_and_mermaid_name_every_box_and_arrow():
    root = draw(modelspec.check(EVERYTHING))
    ids = {box.id for box in boxes(root)}
    for text, sign in ((dot(root), "->"), (mermaid(root), "-->")):
        arrows = re.findall(rf"^  (n\d+) {sign} (n\d+)$", text, re.M)
        assert {end for arrow in arrows for end in arrow} <= ids
        assert len(arrows) > 20
        assert text.count("subgraph") == 4
