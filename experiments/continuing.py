"""Which folder a run gets: a new one, or that of an earlier run of the same settings, to continue or to draw."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from overparam_tf._difference import first_difference
from overparam_tf.errors import DataError, InputError
from overparam_tf.runlog import RunFolder

if TYPE_CHECKING:
    from experiments.options import RunOptions

# Options that say where things are and how they are shown. (The data are told by their checksum, not by their place.)
NO_SETTINGS = ("logdir", "name", "resume", "redraw", "quiet", "data")
PACKAGES = ("overparam_tf", "tensorflow", "keras", "numpy")


class AlreadyFinished(Exception):
    """The run of this name and these settings is finished: there is nothing left to do but to draw it."""

    def __init__(self, folder: RunFolder):
        super().__init__(
            f"The run {folder.path} is finished already; drawing it again. Another --name starts a new one."
        )
        self.folder = folder


class ChiefEnded(Exception):
    """The first of several workers has nothing to train, or could not begin; the others have nothing left to do."""

    def __init__(self):
        super().__init__("The first worker ended before the training; it says why.")


def take_folder(options: RunOptions, experiment: str, default_name: str, config: dict[str, Any]) -> RunFolder:
    """The folder of a run, locked, its config.json written.

    A new folder, under the given name or the first free one made from `default_name`. Where there is a run of the
    given name and of the same settings, that one is continued; with `--resume` and no name, the newest one of these
    settings that is not finished.

    Args:
        options: the options; name, resume, quick and logdir count here.
        experiment: the experiment's name.
        default_name: name of a run that was given none.
        config: what config.json is to hold: options, versions, and data if there are any.

    Raises:
        AlreadyFinished: if the run of that name is.
        InputError: if the name is taken by a run of other settings (the line names the first difference) or by one
            that is running; if there is nothing to continue; if the folder cannot be made.
    """
    if options.name is not None:
        return _named(options, experiment, config)
    if options.resume:
        return _newest_unfinished(options, experiment, config)
    name = f"{default_name}-quick" if options.quick else default_name
    return _running(RunFolder.create(options.logdir, experiment, name, unique=True), config)


def settings(config: dict[str, Any]) -> dict[str, Any]:
    """What must be equal in the config.json of two runs for one to continue the other: options, versions, data."""
    config = json.loads(json.dumps(config))  # as it is read back: lists for tuples
    options, data = config.get("options", {}), config.get("data")
    return {
        "options": {name: options[name] for name in options if name not in NO_SETTINGS},
        "versions": {name: config.get("versions", {}).get(name) for name in PACKAGES},
        "data": data and {name: data.get(name) for name in ("name", "preprocessing", "sha256")},
    }


def _named(options: RunOptions, experiment: str, config: dict[str, Any]) -> RunFolder:
    folder = RunFolder.at(options.logdir, experiment, options.name)
    if not folder.path.exists():
        if options.resume:
            raise InputError(f"Expected a run to continue. Received: --name {options.name}, and no {folder.path}")
        return _running(RunFolder.create(options.logdir, experiment, options.name), config)
    folder.lock()
    if folder.is_new:  # killed before it could write a thing
        return _running(folder, config)
    found = folder.read_config()
    difference = first_difference(settings(config), settings(found), "there")
    if difference is not None:
        raise InputError(f"The run {folder.path} exists, of other settings: {difference}. Choose another --name")
    if found.get("status") == RunFolder.FINISHED:
        raise AlreadyFinished(folder)
    return _running(folder, found)  # of command, commit and machine it goes on to tell those of the start


def _newest_unfinished(options: RunOptions, experiment: str, config: dict[str, Any]) -> RunFolder:
    """The newest by the clock, which may err; all candidates are runs of the same settings and end in the same bits."""
    others = []
    for folder in sorted(RunFolder.all(options.logdir, experiment), key=lambda folder: folder.modified, reverse=True):
        reason = _reason_against(folder, config)
        if reason is None:
            return _running(folder, folder.read_config())
        others.append(f"{folder.name} ({reason})")
    raise InputError(
        f"Expected an unfinished run of these settings in {options.logdir}. "
        f"Received: {'; '.join(others[:3]) or 'none at all'}"
    )


def _reason_against(folder: RunFolder, config: dict[str, Any]) -> str | None:
    """Why the run in `folder` cannot be continued under `config`; None where it can, and then it is locked."""
    try:
        difference = first_difference(settings(config), settings(folder.read_config()), "there")
        if difference is not None:
            return difference
        folder.lock()
        return "finished" if folder.read_config().get("status") == RunFolder.FINISHED else None
    except DataError:
        return "damaged"
    except InputError:
        return "running"


def _running(folder: RunFolder, config: dict[str, Any]) -> RunFolder:
    folder.write_config({**config, "status": RunFolder.RUNNING})
    return folder
