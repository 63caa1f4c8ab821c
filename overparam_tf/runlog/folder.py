"""A run folder: one place on disk that explains a run by itself and from which every figure can be drawn again."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from overparam_tf.atomic_files import TEMPORARY, save_npz, save_text
from overparam_tf.errors import DataError, InputError

CONFIG, LOCK = "config.json", ".lock"
# Open lock files of this process; a lock ends with its file.
_locks: list[int] = []


def release_locks() -> None:
    """Gives back every lock on a run folder that this process holds."""
    while _locks:
        os.close(_locks.pop())


class RunFolder:
    """`LOGDIR/EXPERIMENT/NAME/` with config.json, figures/ and tb/; experiments add results.csv and curves.npz.

    While a run is going on its process holds a lock on the folder, and its checkpoints/ are there.

    Args:
        path: the folder. It need not exist yet.
    """

    RUNNING, INTERRUPTED, FINISHED = "running", "interrupted", "finished"

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    @classmethod
    def create(
        cls, logdir: str | os.PathLike, experiment: str, name: str, *, unique: bool = False
    ) -> RunFolder:
        """Makes and locks a new run folder; never one that is there already, so no earlier result is lost.

        Args:
            logdir: the log folder.
            experiment: the experiment's name.
            name: the run's name: letters, digits, and any of `. _ - + =` and spaces, not beginning with a dot.
            unique: take the first free one of NAME, NAME-2, NAME-3 .. instead of refusing a taken name.

        Raises:
            InputError: if the name is not allowed or taken, or the folder cannot be made.
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
        """The folder of that name, there or not.

        Raises:
            InputError: if the name is not allowed.
        """
        if not re.fullmatch(r"\w[\w.+= -]{0,119}", name):
            raise InputError(
                "Expected a run name of at most 120 letters, digits, spaces or . _ - + =, a letter or digit first. "
                f"Received: name={name!r}"
            )
        return cls(Path(logdir) / experiment / name)

    @classmethod
    def all(cls, logdir: str | os.PathLike, experiment: str) -> list[RunFolder]:
        """The folders of an experiment that have a config.json, by name."""
        return [
            cls(path.parent) for path in sorted((Path(logdir) / experiment).glob(f"*/{CONFIG}"))
        ]

    @classmethod
    def open(cls, logdir: str | os.PathLike, experiment: str, name: str) -> RunFolder:
        """Opens a finished run by its name, or by the path of its folder.

        Raises:
            InputError: if there is none; the message names those there are.
        """
        candidates = [Path(logdir) / experiment / name, Path(name)]
        for path in candidates:
            if (path / CONFIG).is_file():
                return cls(path)
        known = [folder.name for folder in cls.all(logdir, experiment)]
        raise InputError(
            f"Expected a run of {Path(logdir) / experiment}, one of {known}. Received: {name!r}"
        )

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
        found = sorted({path.parent.parent.name for path in Path(logdir).glob(f"*/*/{CONFIG}")})
        if not found:
            raise InputError(
                f"Expected runs in {logdir}. Received: none. "
                "Make one: python -m experiments.optimizer_compare --quick"
            )
        unknown = sorted(set(experiments or ()) - set(found))
        if unknown:
            raise InputError(
                f"Expected experiments with runs in {logdir}, of {found}. Received: {unknown}"
            )
        runs = []
        for experiment in found if experiments is None else dict.fromkeys(experiments):
            by_age = sorted(
                cls.all(logdir, experiment), key=lambda run: (run.modified, run.name), reverse=True
            )
            runs += by_age[:count]
        return runs

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def figures(self) -> Path:
        """The folder of the figures, made if need be."""
        return self._subfolder("figures")

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's event files, made if need be."""
        return self._subfolder("tb")

    @property
    def checkpoints(self) -> Path:
        """The folder of the run's checkpoints, not made before the first of them."""
        return self.path / "checkpoints"

    @property
    def is_new(self) -> bool:
        """Whether nothing was written yet but the lock."""
        return {path.name for path in self.path.iterdir()} <= {LOCK, f".{CONFIG}{TEMPORARY}"}

    @property
    def modified(self) -> float:
        """When config.json was last written, in seconds since 1970 by the clock of that time."""
        return (self.path / CONFIG).stat().st_mtime

    def lock(self) -> None:
        """Keeps everyone else from running here until `release_locks`, or the end of this process, whatever it be.

        Raises:
            InputError: if another one is running here, or the folder cannot be written.
        """
        try:
            _locks.append(os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o666))
            fcntl.flock(_locks[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"Another process is running {self.path}; wait for it or choose another --name"
            ) from None
        except OSError as error:
            raise InputError(
                f"Cannot lock {self.path}: {error.strerror}; choose another --logdir"
            ) from None

    def write_status(self, status: str) -> None:
        """Notes in config.json how the run stands; one that is finished needs its checkpoints no more."""
        self.write_config({**self.read_config(), "status": status})
        if status == self.FINISHED:
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _subfolder(self, name: str) -> Path:
        (self.path / name).mkdir(exist_ok=True)
        return self.path / name

    def write_config(self, config: dict[str, Any]) -> None:
        """Writes config.json, whole or not at all."""
        text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False)
        save_text(self.path / CONFIG, text + "\n")

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Writes a table as the csv file `name`, whole or not at all."""
        save_text(self.path / name, table.to_csv(index=False))

    def write_text(self, name: str, text: str) -> None:
        """Write a text as the file `name`, whole or not at all."""
        save_text(self.path / name, text)

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes arrays as the npz file `name`, whole or not at all."""
        save_npz(self.path / name, arrays)

    def read_table(self, name: str, columns: Iterable[str] = ()) -> pd.DataFrame:
        """Return the table of the csv file `name`.

        Args:
            name: The file's name.
            columns: Columns that it must have; default none in particular.

        Raises:
            DataError: If it is missing or damaged, or lacks a column.
        """
        try:
            table = pd.read_csv(self.path / name)
            missing = [column for column in columns if column not in table]
            if missing:
                raise ValueError(f"a table without {missing}")
        except (OSError, ValueError) as error:
            raise DataError(
                f"Expected a readable {name} in {self.path}. Received: {error}"
            ) from None
        return table

    def read_arrays(self, name: str) -> dict[str, np.ndarray]:
        """Return the arrays of the npz file `name`.

        Raises:
            DataError: If it is missing or damaged.
        """
        try:
            with (self.path / name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise DataError(
                f"Expected a readable {name} in {self.path}. Received: {error}"
            ) from None

    def read_config(self) -> dict[str, Any]:
        """Reads config.json.

        Raises:
            DataError: if it is missing or damaged.
        """
        try:
            config = json.loads((self.path / CONFIG).read_text(encoding="utf-8"))
            if not isinstance(config, dict):
                raise ValueError("something other than an object")
        except (OSError, ValueError) as error:
            raise DataError(
                f"Expected a readable {CONFIG} in {self.path}. Received: {error}"
            ) from None
        return config
