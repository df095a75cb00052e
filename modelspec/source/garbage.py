"""Python's garbage search, put off while something is built that stays alive as a whole."""

from __future__ import annotations

import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")


def kept(build: Callable[P, R]) -> Callable[P, R]:
    """A function without garbage searches inside: on a large tree they take most of the time."""

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return build(*args, **kwargs)
        finally:
            if collecting:
                gc.enable()

    run.__doc__, run.__name__ = build.__doc__, build.__name__
    return run
