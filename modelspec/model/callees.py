"""What `use:` and `part_of:` name: a layer or a graph of this scope, around it, or inside one."""

from __future__ import annotations

from modelspec.catalog.words import find
from modelspec.model.scope import Scope, Thing
from modelspec.model.spec import Call, Definition, Input
from modelspec.source.fixes import respelled
from modelspec.source.suggest import did_you_mean
from modelspec.source.text import Span


def callee(scope: Scope, text: str, span: Span) -> Definition | None:
    """The layer or graph that `text` names, `vqa.vision_model`; None, after reporting, if none."""
    head, *rest = text.split(".")
    home = holder(scope, head, span)
    if home is None:
        unknown(scope, text, head, span, reachable(scope))
        return None
    if head in home.pending or head in home.broken:
        return None
    home.unread.discard(head)
    found = owner(home.things[head])
    if found is None:
        unknown(scope, text, head, span, reachable(scope))
        return None
    for name in rest:
        if found.body is None and found.layer is None:
            return None  # broken, which has been reported
        inner = None if found.body is None else found.body.scope
        thing = None if inner is None else inner.things.get(name)
        found = None if thing is None else owner(thing)
        if found is None:
            unknown(scope, text, name, span, [] if inner is None else callables(inner))
            return None
    return found


def holder(scope: Scope | None, name: str, span: Span) -> Scope | None:
    """The nearest scope that knows the name; a graph that is being made may not call itself."""
    while scope is not None and name not in scope.things and name not in scope.broken:
        if name in scope.pending:
            scope.report.error(
                "cycle",
                "a graph cannot contain itself",
                span,
                f"`{name}` is inside itself",
                also=[(scope.pending[name], f"`{name}` begins here")],
            )
            return scope
        scope = scope.outer
    return scope


def owner(thing: Thing) -> Definition | None:
    if isinstance(thing, Definition):
        return thing
    return thing.definition if isinstance(thing, Call) else None


def callables(scope: Scope) -> list[str]:
    """The names of a scope's layers and graphs."""
    return [name for name, thing in scope.things.items() if not isinstance(thing, Input)]


def reachable(scope: Scope | None) -> list[str]:
    """Those of the scopes around it too."""
    return [] if scope is None else callables(scope) + reachable(scope.outer)


def unknown(scope: Scope, text: str, name: str, span: Span, known: list[str]) -> None:
    if name in scope.later and text.split(".")[0] == name:
        scope.report.error(
            "used-before",
            "`use` calls a layer of an entry above it",
            span,
            f"`{name}` comes further down",
            help=f"move the entry `{name}` above this one, or its layer to `shared`",
        )
        return
    is_type = find("layers", text) is not None or scope.block(text) is not None
    listed = ", ".join(f"`{one}`" for one in known[:12])
    scope.report.error(
        "unknown-name",
        f"no layer is called `{text}` here",
        span,
        "unknown",
        help=((f"`{text}` is a type: write `type: {text}`",) if is_type else ())
        or did_you_mean(name, known)
        or (f"the layers here: {listed}" if known else "`shared:` holds layers to be called"),
        fix=respelled(text, span, known),
    )
