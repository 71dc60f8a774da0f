"""One process at a time: a lock in a file, which a crash releases, and beside it who holds it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from connectors.private import private_folder, write_whole
from transforms.schema.errors import Busy


def locked(path: Path, what: str) -> FileLock:
    """The lock in a file, held until it is released.

    Args:
        path: the file.
        what: what it keeps other processes away from, for people.

    Raises:
        Busy: another process holds it.
    """
    lock = FileLock(path, blocking=False, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy(f"Another process is at work on {what}. Wait until it has ended.") from error
    return lock


@contextmanager
def held(path: Path, what: str, *, by: str, wait: bool = False) -> Iterator[None]:
    """Holds the lock in a file; the error of whoever finds it taken says by whom and since when.

    Args:
        path: the file; its folder is made when it is missing.
        what: what it keeps other processes away from, for people.
        by: who holds it from now on, for people.
        wait: whether to wait for the lock instead of raising.

    Raises:
        Busy: another process holds it, and `wait` is not given.
    """
    private_folder(path.parent)
    holder = path.with_name(f"{path.name}.holder")
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise Busy(f"{_holder(holder)} is at work on {what}. Wait until it has ended, or give --wait.") from error
    try:
        with write_whole(holder) as part:
            part.write_text(
                json.dumps(
                    {
                        "by": by,
                        "process": os.getpid(),
                        "machine": socket.gethostname(),
                        "since": datetime.now(UTC).isoformat(timespec="seconds"),
                    }
                ),
                "utf-8",
            )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    """The holder of a lock, as far as it wrote itself down."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(path.read_text("utf-8"))
        return f"{known['by']} (process {known['process']} on {known['machine']}, since {known['since']})"
    return "Another process"
