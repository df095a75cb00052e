"""The memory of this machine, and sizes as people write them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
WRITTEN = re.compile(r"(\d+\.?\d*(?:e\d+)?)\s*([a-z]*)")
GROUPS, CONTROL = "/proc/self/cgroup", "/sys/fs/cgroup"


def read_size(text: str) -> int | None:
    """The bytes of `24GB`, `512MiB` or `1.5e9`; None for what is no size above 0."""
    found = WRITTEN.fullmatch(text.strip().lower())
    if found is None or found[2] not in UNITS or len(text) > 30:
        return None
    count = float(found[1]) * UNITS[found[2]]
    return int(count) if 1 <= count < 1e18 else None


def bytes_of(count: int) -> str:
    """A size as people write it: 312 B, 20.8 MiB."""
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{count} B" if unit == "B" else f"{size:,.1f} {unit}"


def physical_memory() -> int:
    """What the machine has, or less where a control group gives this process less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([whole, *limits()])


def limits() -> Iterator[int]:
    """The limits of the control groups around this process, of version 2 and of version 1."""
    for line in lines(GROUPS):
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = (f"{CONTROL}/memory", "memory.limit_in_bytes") if controllers else (
            CONTROL, "memory.max"
        )  # fmt: skip
        while True:
            for text in lines(f"{root}{path.rstrip('/')}/{name}"):
                if text.isdigit():
                    yield int(text)
            if path in ("", "/"):
                break
            path = os.path.dirname(path)


def lines(path: str) -> list[str]:
    """The lines of a file of the kernel; none where there is no such file."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(1 << 16).splitlines()
    except OSError:
        return []
