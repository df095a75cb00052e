"""A run's folder as it begins: an earlier run steps aside, and one process at a time writes."""

from __future__ import annotations

import errno
import fcntl
import os

#: A run that began has left one of these, even where it ended at once.
MARKS = {"run.json", "encoders.json", "encoders.json.new"}


class Hold:
    """A folder that this process alone writes, until `release`.

    The folder itself is locked: a process that is killed leaves no lock behind. `aside` is where
    an earlier run of the name has gone, "" where there was none.
    """

    def __init__(self, folder: str, aside: str = "") -> None:
        self.aside, self.handle = aside, os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reason = "another training writes here; wait for its end, or name another folder"
            raise BlockingIOError(errno.EAGAIN, reason, folder) from None
        except OSError:
            pass  # a file system without locks

    def release(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)
        self.handle = -1

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            self.release()


def begin(folder: str) -> Hold:
    """An empty folder for a new run, held. Raises OSError."""
    aside = put_aside(folder)
    os.makedirs(folder, exist_ok=True)
    return Hold(folder, aside)


def put_aside(folder: str) -> str:
    """Keeps an earlier run of this name under the next free number; nothing is overwritten."""
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
