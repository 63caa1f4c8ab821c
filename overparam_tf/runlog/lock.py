"""Locks of run folders, so that one process at a time runs in each."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

from filelock import FileLock, Timeout

from overparam_tf.atomic_files import save_text
from overparam_tf.errors import InputError

LOCK = ".lock"
# The file that says which process holds the lock; one that was killed leaves it behind.
HOLDER = ".running"
# The locks that this process holds, and these files; the system releases the locks when the process
# ends in whatever way.
_held: list[tuple[FileLock, Path]] = []


def lock_folder(path: Path) -> None:
    """Lock a folder until `release_locks`, or until this process ends in whatever way.

    Raises:
        InputError: If another process holds the lock, or the folder cannot be locked.
    """
    lock = FileLock(path / LOCK, timeout=0, mode=0o666, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"Another process is running {path}{_words_of_holder(path)}; wait for it or choose "
            "another --name"
        ) from None
    except (OSError, NotImplementedError) as error:  # the latter where a file system has no locks
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"Cannot lock {path}: {reason}; choose another --logdir") from None
    _held.append((lock, path / HOLDER))
    # Only for the message above: a folder in which it cannot be written can be locked all the same.
    with contextlib.suppress(InputError):
        save_text(path / HOLDER, f"process {os.getpid()} on {platform.node()}\n")


def _words_of_holder(path: Path) -> str:
    """Return which process holds the lock, in brackets; empty if it has not noted that."""
    try:
        words = (path / HOLDER).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return f" ({' '.join(words.split())[:100]})"


def release_locks() -> None:
    """Release every lock on a run folder that this process holds."""
    while _held:
        lock, holder = _held.pop()
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()
