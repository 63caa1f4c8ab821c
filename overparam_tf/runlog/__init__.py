"""The record of a run: its folder, its origin, its progress, and its files for TensorBoard."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from overparam_tf.runlog.folder import RunFolder, RunStatus
    from overparam_tf.runlog.live_curves import LiveCurves
    from overparam_tf.runlog.lock import release_locks
    from overparam_tf.runlog.origin import environment, machine
    from overparam_tf.runlog.progress import ProgressReport
    from overparam_tf.runlog.resume import AlreadyFinished, open_run
    from overparam_tf.runlog.tensorboard import TensorBoardLog, run_name

# The module of each name, imported on first use: event files need TensorFlow, folders do not.
_HOME_OF = {
    "AlreadyFinished": "resume",
    "LiveCurves": "live_curves",
    "ProgressReport": "progress",
    "RunFolder": "folder",
    "RunStatus": "folder",
    "TensorBoardLog": "tensorboard",
    "environment": "origin",
    "machine": "origin",
    "open_run": "resume",
    "release_locks": "lock",
    "run_name": "tensorboard",
}

__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
