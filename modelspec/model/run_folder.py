"""A run's folder as it is written: an earlier run steps aside, one process at a time writes, and
what the disk refuses is an OSError.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

#: A run that began has left one of these, even where it ended at once.
MARKS = {"run.json", "encoders.json", "encoders.json.new"}


class Hold:
    """A folder that this process alone writes, until `release`.

    The folder itself is locked: a process that is killed leaves no lock behind. `number` is what
    `number_of` gave when the run began: another folder may have taken the name since.
    """

    def __init__(self, folder: str, number: int | None = None) -> None:
        self.handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = number not in (None, os.fstat(self.handle).st_ino)
        except BlockingIOError:
            taken = True
        except OSError:  # a file system without locks
            taken = False
        if taken:
            reason = "another training writes here; wait for its end, or name another folder"
            raise BlockingIOError(errno.EAGAIN, reason, folder)

    def release(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)
        self.handle = -1

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            self.release()


def number_of(folder: str) -> int:
    """What tells this folder from another of its name."""
    return os.stat(folder).st_ino


def put_aside(folder: str) -> str:
    """Keeps an earlier run of this name under the next free number, and gives that folder, "" where
    there was none; nothing is overwritten. Raises OSError.
    """
    if not os.path.isdir(folder) or not os.listdir(folder):
        return ""
    if MARKS.isdisjoint(os.listdir(folder)):
        reason = "this folder is no run's, and not empty; name another"
        raise OSError(errno.ENOTEMPTY, reason, folder)
    number = 1
    while os.path.exists(f"{folder}-{number}"):
        number += 1
    hold = Hold(folder)
    os.rename(folder, f"{folder}-{number}")
    hold.release()
    return f"{folder}-{number}"


@contextmanager
def system_errors(path: str) -> Iterator[None]:
    """What safetensors raises where it cannot write, "... (os error 28)", as the OSError it was."""
    try:
        yield
    except Exception as failed:
        told = re.search(r"\(os error (\d+)\)", str(failed))
        if told is None:
            raise
        raise OSError(int(told[1]), os.strerror(int(told[1])), path) from None
