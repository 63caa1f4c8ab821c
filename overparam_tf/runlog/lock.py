"""Locks of run folders, so that one process at a time runs in each."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from overparam_tf.errors import InputError

LOCK = ".lock"
# The locks that this process holds; the system releases them when it ends in whatever way.
_held: list[FileLock] = []


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
            f"Another process is running {path}; wait for it or choose another --name"
        ) from None
    except (OSError, NotImplementedError) as error:  # the latter where a file system has no locks
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"Cannot lock {path}: {reason}; choose another --logdir") from None
    _held.append(lock)


def release_locks() -> None:
    """Release every lock on a run folder that this process holds."""
    while _held:
        _held.pop().release()
