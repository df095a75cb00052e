"""`--set KEY=VALUE`: keys given from the shell, put into the tree before it is resolved."""

from __future__ import annotations

from collections.abc import Iterable

from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source, Span
from modelspec.source.tree import Entry, Mapping, Node, Scalar, Sequence, parse

MOST_KEYS = 100


class BadOverride(ValueError):
    """A `--set` that cannot be applied; says which and why."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"--set {setting}: {reason}")
        self.setting, self.reason = setting, reason


def override(tree: Node, settings: Iterable[str]) -> Node:
    """The tree with each `KEY=VALUE` set, in order; the tree that was given stays as it is.

    KEY is a dotted path, with numbers for places in a list; VALUE is YAML. Mappings that are
    missing on the way are made. Raises BadOverride.
    """
    for setting in settings:
        path, equals, _ = setting.partition("=")
        if not equals:
            raise BadOverride(setting, "a setting is KEY=VALUE, such as train.epochs=3")
        keys = path.strip().split(".")
        if not all(keys):
            raise BadOverride(setting, "KEY is names with a dot between them")
        if len(keys) > MOST_KEYS:
            raise BadOverride(setting[:80] + "...", f"KEY is at most {MOST_KEYS} names deep")
        place = Setting(setting, keys, path)
        tree = place.put(tree, 0)
    return tree


class Setting:
    """One `KEY=VALUE`. What it makes stands in a text of its own, `--set`."""

    def __init__(self, setting: str, keys: list[str], path: str) -> None:
        self.setting, self.keys = setting, keys
        self.source = Source("--set", setting)
        self.key_span = Span(self.source, 1, 1, 1, len(path) + 1)
        self.value = self.parsed(setting, len(path) + 1)

    def parsed(self, setting: str, start: int) -> Node:
        """VALUE's tree, whose places are those in KEY=VALUE."""
        if not setting[start:].strip():
            return Scalar(None, "", False, Span(self.source, 1, start, 1, start + 1))
        # The key is blanked out while parsing, so that columns come out right.
        padded = Source("--set", " " * start + setting[start:])
        try:
            tree = parse(padded)
        except Rejected as rejected:
            first = rejected.diagnostics[0]
            fact = f" ({first.label.text})" if first.label and first.label.text else ""
            raise BadOverride(setting, f"VALUE is YAML: {first.message}{fact}") from None
        return moved(tree, self.source)

    def put(self, node: Node | None, at: int) -> Node:
        """The node with VALUE under the keys from the `at`-th on."""
        if at == len(self.keys):
            return self.value
        if isinstance(node, Sequence):
            return self.put_in_list(node, at)
        return self.put_in_mapping(self.as_mapping(node, at), at)

    def put_in_list(self, node: Sequence, at: int) -> Sequence:
        key, items = self.keys[at], list(node.items)
        if not key.isdecimal() or int(key) >= len(items):
            places = f"0 to {len(items) - 1}" if items else "none, it is empty"
            raise BadOverride(
                self.setting,
                f"`{self.shown(at)}` is a list, and `{key}` is no place in it ({places})",
            )
        items[int(key)] = self.put(items[int(key)], at + 1)
        return Sequence(items, node.span)

    def put_in_mapping(self, node: Mapping, at: int) -> Mapping:
        key = self.keys[at]
        entries = list(node.entries)
        for place, entry in enumerate(entries):
            if entry.key.text == key:
                entries[place] = Entry(entry.key, self.put(entry.value, at + 1))
                return Mapping(entries, node.span)
        made = Entry(self.key(key), self.put(None, at + 1))
        return Mapping([*entries, made], node.span)

    def key(self, text: str) -> Scalar:
        number = int(text) if text.isdecimal() and len(text) < 19 else None
        return Scalar(text if number is None else number, text, False, self.key_span)

    def as_mapping(self, node: Node | None, at: int) -> Mapping:
        if isinstance(node, Mapping):
            return node
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return Mapping([], self.key_span)
        # A bare name means its defaults: `optimizer: adam` is {type: adam}.
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.isidentifier():
            kind = Scalar("type", "type", False, node.span)
            return Mapping([Entry(kind, node)], node.span)
        what = node.text if isinstance(node, Scalar) else "a list"
        raise BadOverride(self.setting, f"`{self.shown(at)}` is {what}: it has no keys")

    def shown(self, at: int) -> str:
        return ".".join(self.keys[:at]) or "the spec"


def moved(node: Node, source: Source) -> Node:
    """The tree at the same places of another text."""
    old = node.span
    span = Span(source, old.line, old.column, old.end_line, old.end_column)
    if isinstance(node, Scalar):
        return Scalar(node.value, node.text, node.quoted, span)
    if isinstance(node, Sequence):
        return Sequence([moved(item, source) for item in node.items], span)
    entries = []
    for entry in node.entries:
        key = moved(entry.key, source)
        assert isinstance(key, Scalar)
        entries.append(Entry(key, moved(entry.value, source)))
    return Mapping(entries, span)
