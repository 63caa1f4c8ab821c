"""Locks of run folders, so that one process at a time runs in each."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from overparam_tf.errors import InputError

LOCK = ".lock"
# Descriptors of this process's open lock files; a lock ends when its file is closed.
_descriptors: list[int] = []


def lock_folder(path: Path) -> None:
    """Lock a folder until `release_locks`, or until this process ends in whatever way.

    Raises:
        InputError: If another process holds the lock, or the folder cannot be written.
    """
    try:
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        _descriptors.append(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"Another process is running {path}; wait for it or choose another --name"
        ) from None
    except OSError as error:
        raise InputError(f"Cannot lock {path}: {error.strerror}; choose another --logdir") from None


def release_locks() -> None:
    """Release every lock on a run folder that this process holds."""
    while _descriptors:
        os.close(_descriptors.pop())
