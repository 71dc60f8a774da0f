"""One process at a time: a lock in a file, which a crash releases."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from transforms.errors import Busy


def locked(path: Path, what: str) -> FileLock:
    """The lock in a file, held until it is released.

    Args:
        path: the file.
        what: what it keeps other processes away from, for people.

    Raises:
        Busy: another process holds it.
    """
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy(f"Another process is at work on {what}. Wait until it has ended.") from error
    return lock
