"""The choice of a run's folder: a new one, or that of an earlier run of the same settings."""

from __future__ import annotations

import json
import os
from typing import Any

from overparam_tf.checkpoints.difference import first_difference
from overparam_tf.checks import boolean
from overparam_tf.errors import DataError, InputError
from overparam_tf.runlog.folder import RunFolder, RunStatus

# Options of places and of output, which do not change a run, and those that divide it into shares.
# Its data are known by their checksum, wherever they lie.
NO_SETTINGS = (
    "logdir",
    "name",
    "resume",
    "redraw",
    "share",
    "join",
    "quiet",
    "data",
    "worker_timeout",
)
PACKAGES = ("overparam_tf", "tensorflow", "keras", "numpy")


class AlreadyFinished(Exception):
    """The run of this name and these settings is finished, so that only its figures are drawn.

    Attributes:
        folder: The run folder.
    """

    def __init__(self, folder: RunFolder):
        super().__init__(
            f"The run {folder.path} is finished already; drawing it again. "
            "Another --name starts a new one."
        )
        self.folder = folder


def open_run(
    logdir: str | os.PathLike,
    experiment: str,
    record: dict[str, Any],
    *,
    default_name: str,
    name: str | None = None,
    resume: bool = False,
) -> RunFolder:
    """Return the folder of a run, locked, with its config.json written.

    - With a `name`: a new folder of that name. Where a run of that name and of the same settings
      exists, that one is continued.
    - With `resume` and no name: the newest unfinished run of these settings is continued.
    - With neither: a new folder under the first free name of NAME, NAME-2, NAME-3, ..., where NAME
      is `default_name`.

    Args:
        logdir: The log folder.
        experiment: The experiment's name.
        record: The content of config.json: options, versions, and data if there are any.
        default_name: The name to start from where `name` is None.
        name: The run's name; default None.
        resume: Whether only an earlier run will do; default False.

    Raises:
        AlreadyFinished: If the run of that name and these settings is finished.
        InputError: If a run of that name has other settings (the message names the first
            difference) or is running, no run can be continued, or the folder cannot be made.
    """
    boolean("resume", resume)
    if name is not None:
        return _open_named(logdir, experiment, record, name, resume)
    if resume:
        return _open_newest_unfinished(logdir, experiment, record)
    return _started(RunFolder.create(logdir, experiment, default_name, unique=True), record)


def settings(record: dict[str, Any]) -> dict[str, Any]:
    """Return what two runs must have in common for one to continue the other.

    Args:
        record: The content of config.json.

    Returns:
        Its options (without those of places and output), its backend of Keras, its versions, the
        environment variables that change numbers, and the identity of its data.
    """
    record = json.loads(json.dumps(record))  # as it is read from the file: lists for tuples
    backend = record.get("keras", {}).get("backend", "tensorflow")
    options, data = record.get("options", {}), record.get("data")
    variables = record.get("variables")
    return {
        "options": {name: options[name] for name in options if name not in NO_SETTINGS},
        # Only where there is another, and where some are set: runs of earlier versions have none.
        **({} if backend == "tensorflow" else {"backend": backend}),
        **({"environment variables": variables} if variables else {}),
        "versions": {name: record.get("versions", {}).get(name) for name in (*PACKAGES, backend)},
        "data": data and {name: data.get(name) for name in ("name", "preprocessing", "sha256")},
    }


def _open_named(
    logdir: str | os.PathLike, experiment: str, record: dict[str, Any], name: str, resume: bool
) -> RunFolder:
    folder = RunFolder.at(logdir, experiment, name)
    if not folder.path.exists():
        if resume:
            raise InputError(
                f"Expected a run to continue. Received: --name {name}, and no {folder.path}"
            )
        return _started(RunFolder.create(logdir, experiment, name), record)
    folder.lock()
    if folder.is_new:  # its process was killed before it wrote config.json
        return _started(folder, record)
    earlier = folder.read_config()
    difference = first_difference(settings(record), settings(earlier), "there")
    if difference is not None:
        raise InputError(
            f"The run {folder.path} exists, of other settings: {difference}. Choose another --name"
        )
    if earlier.get("status") == RunStatus.FINISHED:
        raise AlreadyFinished(folder)
    # Command, commit and machine stay those of the start.
    return _started(folder, earlier)


def _open_newest_unfinished(
    logdir: str | os.PathLike, experiment: str, record: dict[str, Any]
) -> RunFolder:
    """Return the folder of the newest unfinished run of these settings.

    The newest is so by the clock, which may be wrong: all candidates have the same settings, and
    continue to the same bits.
    """
    refusals = []
    newest_first = sorted(
        RunFolder.all(logdir, experiment), key=lambda folder: folder.modified, reverse=True
    )
    for folder in newest_first:
        reason = _reason_against(folder, record)
        if reason is None:
            return _started(folder, folder.read_config())
        refusals.append(f"{folder.name} ({reason})")
    raise InputError(
        f"Expected an unfinished run of these settings in {logdir}. "
        f"Received: {'; '.join(refusals[:3]) or 'none at all'}"
    )


def _reason_against(folder: RunFolder, record: dict[str, Any]) -> str | None:
    """Return why the run in `folder` cannot be continued, or None and leave it locked."""
    try:
        difference = first_difference(settings(record), settings(folder.read_config()), "there")
        if difference is not None:
            return difference
        folder.lock()
        finished = folder.read_config().get("status") == RunStatus.FINISHED
        return "finished" if finished else None
    except DataError:
        return "damaged"
    except InputError:
        return "running"


def _started(folder: RunFolder, record: dict[str, Any]) -> RunFolder:
    folder.write_config({**record, "status": RunStatus.RUNNING})
    return folder
