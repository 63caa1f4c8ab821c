"""Run folders: one place on disk for each run, from which every figure can be drawn again."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from overparam_tf.atomic_files import TEMPORARY, save_npz, save_text
from overparam_tf.checks import file_path, list_of, positive_int, text
from overparam_tf.errors import InputError
from overparam_tf.runlog import readers
from overparam_tf.runlog.lock import HOLDER, LOCK, lock_folder

if TYPE_CHECKING:
    import pandas as pd

CONFIG = "config.json"
# The folder of the shares of a run that is trained on several machines.
SHARES = "shares"
# The folder of the event files in run folders of earlier versions.
OLD_TENSORBOARD = "tb"
_NAME = re.compile(r"\w[\w.+= -]{0,119}")


class RunStatus(StrEnum):
    """The state of a run, under the word for it in config.json."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"


class RunFolder:
    """The folder LOGDIR/EXPERIMENT/NAME of a run: config.json, results, figures/.

    Event files for TensorBoard are in subfolders of it, which TensorBoard shows under their names.
    While a run is going on its process holds a lock on the folder, and its checkpoints/ are there.

    Args:
        path: The folder. It need not exist yet.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = file_path("path", path)

    @classmethod
    def create(
        cls, logdir: str | os.PathLike, experiment: str, name: str, *, unique: bool = False
    ) -> RunFolder:
        """Make and lock a new run folder; an existing one is never taken, so no result is lost.

        Args:
            logdir: The log folder.
            experiment: The experiment's name.
            name: The run's name: letters, digits, spaces and `. _ - + =`, a letter or digit first.
            unique: Whether to take the first free name of NAME, NAME-2, NAME-3, ... where NAME is
                taken; default False, which refuses it.

        Raises:
            InputError: If the name is not allowed or taken, or the folder cannot be made.
        """
        folder = cls.at(logdir, experiment, name)
        path, parent, count = folder.path, folder.path.parent, 1
        try:
            parent.mkdir(parents=True, exist_ok=True)
            while True:
                try:
                    path.mkdir()
                    folder = cls(path)
                    folder.lock()
                    return folder
                except FileExistsError:
                    if not unique:
                        raise InputError(
                            f"The run {path} exists already; choose another --name"
                        ) from None
                count += 1
                path = parent / f"{name}-{count}"
        except OSError as error:
            raise InputError(
                f"Cannot make a run folder in {parent}: {error.strerror}; choose another --logdir"
            ) from None

    @classmethod
    def at(cls, logdir: str | os.PathLike, experiment: str, name: str) -> RunFolder:
        """Return the folder of that name, whether it exists or not.

        Raises:
            InputError: If the name is not allowed.
        """
        if not _NAME.fullmatch(text("name", name)):
            raise InputError(
                "Expected a run name of at most 120 letters, digits, spaces or . _ - + =, a letter "
                f"or digit first. Received: name={name!r}"
            )
        return cls(_experiment_folder(logdir, experiment) / name)

    @classmethod
    def all(cls, logdir: str | os.PathLike, experiment: str) -> list[RunFolder]:
        """Return the folders of an experiment that have a config.json, by name."""
        folder = _experiment_folder(logdir, experiment)
        return [cls(path.parent) for path in sorted(folder.glob(f"*/{CONFIG}"))]

    @classmethod
    def open(cls, logdir: str | os.PathLike, experiment: str, name: str) -> RunFolder:
        """Return the folder of an existing run.

        Args:
            logdir: The log folder.
            experiment: The experiment's name.
            name: The run's name, or the path of its folder.

        Raises:
            InputError: If there is no such run; the message names the runs that there are.
        """
        folder = _experiment_folder(logdir, experiment)
        for path in (folder / file_path("name", name), Path(name)):
            if (path / CONFIG).is_file():
                return cls(path)
        names = [run.name for run in cls.all(logdir, experiment)]
        raise InputError(f"Expected a run of {folder}, one of {names}. Received: {name!r}")

    @classmethod
    def newest(
        cls, logdir: str | os.PathLike, experiments: Sequence[str] | None = None, count: int = 1
    ) -> list[RunFolder]:
        """Return the newest runs of each experiment, newest first, experiments by name.

        Args:
            logdir: The log folder.
            experiments: Their names; default None, all that have runs.
            count: How many runs of each at most; default 1.

        Raises:
            InputError: If there is no run, or none of an experiment that was asked for.
        """
        positive_int("count", count)
        if experiments is not None:
            experiments = list_of("experiments", experiments, text)
        paths = file_path("logdir", logdir).glob(f"*/*/{CONFIG}")
        names = sorted({path.parent.parent.name for path in paths})
        if not names:
            raise InputError(
                f"Expected runs in {logdir}. Received: none. "
                "Make one: python -m experiments.optimizer_compare --quick"
            )
        unknown = sorted(set(experiments or ()) - set(names))
        if unknown:
            raise InputError(
                f"Expected experiments with runs in {logdir}, of {names}. Received: {unknown}"
            )
        runs = []
        for experiment in names if experiments is None else dict.fromkeys(experiments):
            by_age = sorted(
                cls.all(logdir, experiment), key=lambda run: (run.modified, run.name), reverse=True
            )
            runs += by_age[:count]
        return runs

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.path.name

    @property
    def figures(self) -> Path:
        """Return the folder of the figures, made if need be."""
        return self._subfolder("figures")

    @property
    def tensorboard(self) -> Path:
        """Return the folder above those of the event files.

        It is the run folder itself; one of an earlier version has a folder between.
        """
        old = self.path / OLD_TENSORBOARD
        return old if old.is_dir() else self.path

    @property
    def checkpoints(self) -> Path:
        """Return the folder of the run's checkpoints, which the first of them makes."""
        return self.path / "checkpoints"

    @property
    def is_new(self) -> bool:
        """Return whether no run was begun: the folder holds at most a lock, or shares of a run."""
        beside = {LOCK, HOLDER, f".{HOLDER}{TEMPORARY}", f".{CONFIG}{TEMPORARY}", SHARES}
        return {path.name for path in self.path.iterdir()} <= beside

    @property
    def modified(self) -> float:
        """Return when config.json was last changed, in seconds since 1970; 0 if that is unknown."""
        try:
            return (self.path / CONFIG).stat().st_mtime
        except OSError:  # a link that leads nowhere
            return 0.0

    def lock(self) -> None:
        """Keep other processes from running here; see `lock_folder`."""
        lock_folder(self.path)

    def write_status(self, status: RunStatus) -> None:
        """Write the state of the run to config.json; a finished run loses its checkpoints."""
        self.write_config({**self.read_config(), "status": RunStatus(status)})
        if status == RunStatus.FINISHED:
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def write_config(self, record: Mapping[str, Any]) -> None:
        """Write config.json, whole or not at all."""
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        save_text(self.path / CONFIG, text + "\n")

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as the csv file `name`, whole or not at all."""
        save_text(self.path / name, table.to_csv(index=False))

    def write_text(self, name: str, text: str) -> None:
        """Write a text as the file `name`, whole or not at all."""
        save_text(self.path / name, text)

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays as the npz file `name`, whole or not at all."""
        save_npz(self.path / name, arrays)

    def read_config(self) -> dict[str, Any]:
        """Return the content of config.json; see `readers.read_record`."""
        return readers.read_record(self.path / CONFIG)

    def read_table(self, name: str, columns: Iterable[str] = ()) -> pd.DataFrame:
        """Return the table of the csv file `name`; see `readers.read_table`."""
        return readers.read_table(self.path / name, columns)

    def read_arrays(self, name: str) -> dict[str, np.ndarray]:
        """Return the arrays of the npz file `name`; see `readers.read_arrays`."""
        return readers.read_arrays(self.path / name)

    def _subfolder(self, name: str) -> Path:
        (self.path / name).mkdir(exist_ok=True)
        return self.path / name


def _experiment_folder(logdir: str | os.PathLike, experiment: str) -> Path:
    return file_path("logdir", logdir) / text("experiment", experiment)
