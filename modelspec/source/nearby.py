"""Which file was meant by a path that leads to none."""

from __future__ import annotations

import os

from .suggest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 10_000  # a folder of more is not looked through


def near(path: str, base: str = "", fits: Callable[[str], bool] = bool) -> tuple[str, ...]:
    """A help line with the path that was probably meant: its first step that is not there, spelled
    as one that is. It is told as `base`, the folder of a spec, sees it; `fits` says which names
    may be meant. Empty where nothing is near.
    """
    folder, name, rest = first_missing(path)
    listed = names_in(folder)
    for one in nearest(name, listed if rest else [one for one in listed if fits(one)]):
        found = os.path.join(folder, one, rest) if rest else os.path.join(folder, one)
        if os.path.exists(found) and alike(name, one):
            start = os.path.join(base, "") if base else ""
            return (f"did you mean `{found.removeprefix(start)}`?",)
    return (f"there is no folder `{os.path.join(folder, name)}`",) if rest else ()


def alike(name: str, other: str) -> bool:
    """Whether two names are near without their endings, which make `a.yaml` look like `b.yaml`."""
    stem, theirs = os.path.splitext(name)[0], os.path.splitext(other)[0]
    return stem == theirs or bool(nearest(stem, [theirs]))


def first_missing(path: str) -> tuple[str, str, str]:
    """The folder that is there, the name that is not in it, and what stands behind that."""
    folder, rest = path.rstrip("/"), ""
    while True:
        folder, name = os.path.split(folder)
        if not name or os.path.isdir(folder or "."):
            return folder, name, rest
        rest = os.path.join(name, rest) if rest else name


def names_in(folder: str) -> list[str]:
    """The names in a folder, in order; none where it cannot be read."""
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(entry.name for entry, _ in zip(entries, range(MOST), strict=False))
    except (OSError, ValueError):
        return []
