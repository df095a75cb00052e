"""The sections beside the layers: outputs with what is asked of them, data, training."""

from __future__ import annotations

import os
import re
from typing import Any

from modelspec.catalog.words import Words
from modelspec.language.kinds import Float
from modelspec.model.reading import is_null, read_allow, read_number, read_word, unknown_key
from modelspec.model.scope import Scope
from modelspec.model.spec import Body, Ref, Spec, Target
from modelspec.source.diagnostics import Report
from modelspec.source.tree import Mapping, Node, Scalar, Sequence

OUTPUT_NAME = re.compile(r"[^\W\d][\w.@-]*")
OUTPUT_KEYS = ("from", "loss", "loss_weight", "metrics", "class_weight", "allow")
WEIGHT = Float("What the loss is multiplied by.", min=0)
CLASS_WEIGHT = Float("What a sample of the class counts.", min=0)


def version(tree: Mapping, report: Report) -> None:
    node = tree.get("modelspec")
    if node is None or (isinstance(node, Scalar) and node.value == 1):
        return
    report.error(
        "wrong-value",
        "`modelspec` is the version of the language: 1",
        node.span,
        f"this is {node.text}" if isinstance(node, Scalar) else "this is not",
    )


def name(tree: Mapping, report: Report) -> str:
    """The spec's name: its own, or the file's stem."""
    node = tree.get("name")
    if node is None:
        path = tree.span.source.path
        stem = os.path.splitext(os.path.basename(path))[0]
        return stem if not path.startswith("<") and stem else "model"
    if (
        isinstance(node, Scalar)
        and isinstance(node.value, str)
        and node.value not in ("", ".", "..")
        and not set(node.value) & set("/\\\0")
    ):
        return node.value
    report.error(
        "wrong-value", "a spec's name is a word, fit for a folder's name", node.span, "not a name"
    )
    return "model"


# -- outputs -------------------------------------------------------------------------------


def outputs(node: Node | None, body: Body, scope: Scope) -> dict[str, Ref]:
    """The tensors that leave a graph, by name; its last entry by default."""
    found: dict[str, Ref] = {}
    if node is None:
        if body.calls:
            last = Ref(body.calls[-1].name, body.calls[-1].span)
            last.chain = (body.calls[-1],)
            scope.unread.discard(last.text)
            found[last.text] = last
        return found
    if isinstance(node, Mapping | Sequence) and len(node) == 0:
        scope.report.error(
            "no-output", "a graph has at least one output", node.span, "none here",
            help="without `outputs`, the last entry is the output",
        )  # fmt: skip
        return found
    if isinstance(node, Mapping):
        return named(node, body, scope)
    for item in node.items if isinstance(node, Sequence) else [node]:
        if isinstance(item, Scalar) and isinstance(item.value, str):
            found[item.value] = scope.tensor(item.value, item.span)
        else:
            scope.report.error(
                "wrong-value", "`outputs` holds names of tensors", item.span, "not a name",
                help=f"with losses it is a mapping: outputs: {{{called(item)}: {{loss: ...}}}}",
            )  # fmt: skip
    return found


def named(node: Mapping, body: Body, scope: Scope) -> dict[str, Ref]:
    """The tensors that the keys of a mapping name, or `from` below them."""
    found: dict[str, Ref] = {}
    if nameless(node, body):
        scope.report.error(
            "wrong-value",
            "`outputs` holds names of tensors, and below each what is asked of it",
            node.entries[0].key.span,
            "not a tensor",
            help=f"outputs: {{{body.calls[-1].name}: {{loss: ..., metrics: [...]}}}}",
        )
        return found
    for entry in node.entries:
        source = entry.value.get("from") if isinstance(entry.value, Mapping) else None
        text = source if isinstance(source, Scalar) else entry.key
        if text is source and not OUTPUT_NAME.fullmatch(entry.key.text):
            scope.report.error(
                "wrong-value",
                "an output's name starts with a letter and holds letters, digits and `_-.@`",
                entry.key.span,
                "not a name",
            )
        found[entry.key.text] = scope.tensor(str(text.value), text.span)
    return found


def nameless(node: Mapping, body: Body) -> bool:
    """Whether it says what is asked without saying of which tensor: {loss: mse}."""
    tensors = {call.name for call in body.calls} | {one.name for one in body.inputs}
    keys = [entry.key.text for entry in node.entries]
    return bool(body.calls) and all(key in OUTPUT_KEYS and key not in tensors for key in keys)


def called(item: Node) -> str:
    """The tensor that an item of a list may mean: `{name: y, loss: mse}`, `{y: {loss: mse}}`."""
    if not isinstance(item, Mapping):
        return "name"
    name = item.get("name") or item.get("from")
    return name.text if isinstance(name, Scalar) else "".join(item.keys()[:1])


def targets(spec: Spec, tree: Mapping, words: Words) -> None:
    """What is asked of each output, where `outputs` is a mapping."""
    node = tree.get("outputs")
    if not isinstance(node, Mapping) or nameless(node, spec.body):
        return
    for entry in node.entries:
        target = Target(entry.key.text, entry.key.span)
        spec.targets[target.name] = target
        if isinstance(entry.value, Mapping):
            _target(target, entry.value, words)
        elif not (isinstance(entry.value, Scalar) and entry.value.value is None):
            words.report.error(
                "wrong-value",
                "an output is a mapping with its loss",
                entry.value.span,
                "not a mapping",
                help=f"{target.name}: {{loss: "
                + (entry.value.text if isinstance(entry.value, Scalar) else "...")
                + "}",
            )


def _target(target: Target, node: Mapping, words: Words) -> None:
    for entry in node.entries:
        target.spans[entry.key.text] = entry.value.span
        if entry.key.text not in OUTPUT_KEYS:
            unknown_key(entry, OUTPUT_KEYS, words.report, node)
    target.allow = read_allow(node, words.report)
    loss, metrics = node.get("loss"), node.get("metrics")
    if isinstance(loss, Sequence):
        for item in loss.items:
            _loss(target, item, words)
    elif loss is not None and not is_null(loss):
        _loss(target, loss, words)
    weight = node.get("loss_weight")
    if weight is not None:
        if isinstance(weight, Sequence):
            words.report.error(
                "wrong-value",
                "`loss_weight` is a number; of several losses each has one of its own",
                weight.span,
                "this is a list",
                help="loss: [{type: mse, loss_weight: 0.5}, {type: mae, loss_weight: 2.0}]",
            )
            return
        value = read_number(WEIGHT, weight, "loss_weight", words)
        if value is not None:
            target.loss_weights = [one * value for one in target.loss_weights]
        if not target.losses and loss is None:
            words.report.error(
                "missing-key", "`loss_weight` weighs a loss", weight.span, "there is no `loss`"
            )
    listed = metrics.items if isinstance(metrics, Sequence) else [metrics] if metrics else []
    for item in listed:
        if not is_null(item):
            _metric(target, item, words)
    weights = node.get("class_weight")
    if weights is not None:
        target.class_weight = _class_weights(weights, words)


def _loss(target: Target, node: Node, words: Words) -> None:
    """One loss; in a list each may have a `loss_weight` of its own."""
    weight = 1.0
    if isinstance(node, Mapping) and node.get("loss_weight") is not None:
        inner: Any = node.get("loss_weight")
        weight = read_number(WEIGHT, inner, "loss_weight", words) or 0.0
        node = Mapping([e for e in node.entries if e.key.text != "loss_weight"], node.span)
    found = read_word(words, "losses", node)
    if found is not None:
        target.losses.append(found)
        target.loss_weights.append(weight)


def _metric(target: Target, node: Node, words: Words) -> None:
    """One metric; the history calls it as it is written here, or by `name`."""
    name = node.text if isinstance(node, Scalar) else None
    if name in ("accuracy", "acc"):
        target.metrics.append("accuracy")
        target.metric_names.append(name)
        return
    if isinstance(node, Mapping) and node.get("name") is not None:
        given: Any = node.get("name")
        is_text = isinstance(given, Scalar) and isinstance(given.value, str)
        if not is_text or not given.value.isprintable() or not given.value:
            words.report.error(
                "wrong-value", "a metric's `name` is a printable string", given.span, "not a name"
            )
            return
        name = given.value
        node = Mapping([e for e in node.entries if e.key.text != "name"], node.span)
    found = read_word(words, "metrics", node)
    if found is not None:
        target.metrics.append(found)
        target.metric_names.append(name or found.name)


def _class_weights(node: Node, words: Words) -> dict[int, float] | None:
    if not isinstance(node, Mapping):
        words.report.error(
            "wrong-value",
            "`class_weight` is a mapping from class numbers to weights",
            node.span,
            "not a mapping",
            help="class_weight: {0: 1.0, 1: 3.0}",
        )
        return None
    found = {}
    for entry in node.entries:
        number = entry.key.value
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            words.report.error(
                "wrong-value", "a class is a number from 0", entry.key.span, "not a class"
            )
            continue
        value = read_number(CLASS_WEIGHT, entry.value, "class_weight", words)
        if value is not None:
            found[number] = value
    return found
