"""Neural networks written in YAML, checked, trained and exported."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Any

    from modelspec.model.graph import Graph
    from modelspec.source.diagnostics import Rejected as Rejected

__version__ = "0.1.0"
__all__ = ["Rejected", "__version__", "check"]


def check(
    spec: str | os.PathLike[str],
    *,
    set: Iterable[str] = (),
    allow_path: Iterable[str] = (),
    trust_code: bool = False,
) -> Graph:
    """The checked graph of a spec: a path, a run folder, or a text of several lines.

    `set` holds `KEY=VALUE` overrides. Raises `Rejected` with everything that is wrong, and
    `Unreadable` where there is no such file. Torch is not imported.
    """
    from modelspec.compiler import compile
    from modelspec.model.runs import spec_source

    return compile(spec_source(spec), set, allow_path, trust_code)


def __getattr__(name: str) -> Any:
    if name == "Rejected":
        from modelspec.source.diagnostics import Rejected

        return Rejected
    raise AttributeError(f"module 'modelspec' has no attribute {name!r}")
