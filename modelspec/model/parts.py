"""`part_of`: the sub-graph between tensors of a graph, with the same weights."""

from __future__ import annotations

from modelspec.model.callees import callee
from modelspec.model.scope import Scope
from modelspec.model.spec import Body, Call, Definition, Input, Ref
from modelspec.source.text import Span
from modelspec.source.tree import Mapping, Node, Scalar, Sequence


def cut(definition: Definition, written: Mapping, name: Scalar, scope: Scope) -> None:
    """Make `definition` the part of the graph called `name` between `inputs` and `outputs`."""
    whole = callee(scope, str(name.value), name.span)
    if whole is None or not _is_graph(whole, written, name, scope):
        return
    assert whole.body is not None
    inside = whole.body.scope
    starts = [inside.tensor(text, span) for text, span in _names(written.get("inputs"), scope)]
    ends = [inside.tensor(text, span) for text, span in _names(written.get("outputs"), scope)]
    if not starts or not ends or any(ref.broken for ref in (*starts, *ends)):
        return
    deep = next((ref for ref in starts if len(ref.chain) > 1), None)
    if deep is not None:
        scope.report.error(
            "wrong-value",
            "a part starts at tensors of the graph itself",
            deep.span,
            f"`{deep.text}` lies inside `{deep.chain[0].name}`",
        )
        return
    kept = _between(whole.body, starts, ends, written.span, scope)
    if kept is None:
        return
    body = Body(inside)
    body.inputs = [Cut(ref) for ref in starts]
    for call in kept:
        body.add(call)
    body.outputs = {ref.text: ref for ref in ends}
    definition.body, definition.part = body, whole
    if not definition.trainable:
        for call in kept:
            call.definition.trainable = False


def _is_graph(whole: Definition, written: Mapping, name: Scalar, scope: Scope) -> bool:
    """Whether there is a graph to cut, and both ends are named; reports what is wrong."""
    if whole.body is None:
        if whole.layer is not None:
            scope.report.error(
                "wrong-value",
                "`part_of` names a shared graph",
                name.span,
                f"this is a {whole.kind} layer",
                also=[(whole.span, "defined here")],
            )
        return False
    for key in ("inputs", "outputs"):
        if written.get(key) is None:
            if key.rstrip("s") in written:
                return False  # a misspelt key is told as such
            scope.report.error(
                "missing-key",
                "a part has `inputs` and `outputs`: the tensors that it lies between",
                written.span,
                f"no `{key}`",
            )
            return False
    return True


def _names(node: Node | None, scope: Scope) -> list[tuple[str, Span]]:
    items = node.items if isinstance(node, Sequence) else [node]
    found = []
    for item in items:
        if isinstance(item, Scalar) and isinstance(item.value, str):
            found.append((item.value, item.span))
        elif item is not None:
            scope.report.error("wrong-value", "a name of a tensor stands here", item.span)
    return found


class Cut(Input):
    """An input of a part: what is given replaces the tensor `stands_for` of the whole."""

    __slots__ = ("stands_for",)

    def __init__(self, ref: Ref) -> None:
        source = ref.input
        if source is not None:
            super().__init__(source.name, source.shape, source.dtype, source.span)
        else:
            super().__init__(ref.text.replace(".", "_"), None, None, ref.span)
        self.stands_for = ref


def _between(
    whole: Body, starts: list[Ref], ends: list[Ref], span: Span, scope: Scope
) -> list[Call] | None:
    """The calls that lead from starts to ends; an input reached past the starts is an error."""
    cuts = {ref.origin for ref in starts}
    needed: set[Call] = set()
    waiting = list(ends)
    reached: set[object] = set()
    while waiting:
        ref = waiting.pop()
        source = ref.origin
        if source in cuts:
            reached.add(source)
            continue
        if ref.input is not None:
            listed = ", ".join(f"`{start.text}`" for start in starts)
            scope.report.error(
                "wrong-inputs",
                f"the outputs of this part also need `{ref.input.name}`",
                span,
                f"its inputs are {listed}",
                also=[(ref.input.span, f"`{ref.input.name}` is an input of the whole graph")],
                help=f"add `{ref.input.name}` to `inputs`",
            )
            return None
        call = ref.chain[0]
        if call not in needed:
            needed.add(call)
            waiting += call.refs()
    for start in starts:
        if start.origin not in reached:
            scope.report.error(
                "unused-input",
                "an input of a part leads to its outputs",
                start.span,
                f"nothing between depends on `{start.text}`",
            )
            return None
    return [call for call in whole.calls if call in needed]
