"""A run folder: one place on disk that explains a run by itself and from which every figure can be drawn again."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from overparam_tf.errors import DataError, InputError

CONFIG = "config.json"


class RunFolder:
    """`LOGDIR/EXPERIMENT/NAME/` with config.json, figures/ and tb/; experiments add results.csv and curves.npz.

    Args:
        path: the folder. It need not exist yet.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    @classmethod
    def create(cls, logdir: str | os.PathLike, experiment: str, name: str, *, unique: bool = False) -> RunFolder:
        """Makes a new run folder; never one that is there already, so no earlier result is lost.

        Args:
            logdir: the log folder.
            experiment: the experiment's name.
            name: the run's name: letters, digits, and any of `. _ - + =` and spaces, not beginning with a dot.
            unique: take the first free one of NAME, NAME-2, NAME-3 .. instead of refusing a taken name.

        Raises:
            InputError: if the name is not allowed or taken, or the folder cannot be made.
        """
        if not re.fullmatch(r"\w[\w.+= -]{0,119}", name):
            raise InputError(
                "Expected a run name of at most 120 letters, digits, spaces or . _ - + =, a letter or digit first. "
                f"Received: name={name!r}"
            )
        parent = Path(logdir) / experiment
        try:
            parent.mkdir(parents=True, exist_ok=True)
            path = parent / name
            count = 1
            while True:
                try:
                    path.mkdir()
                    return cls(path)
                except FileExistsError:
                    if not unique:
                        raise InputError(f"The run {path} exists already; choose another --name") from None
                count += 1
                path = parent / f"{name}-{count}"
        except OSError as error:
            raise InputError(
                f"Cannot make a run folder in {parent}: {error.strerror}; choose another --logdir"
            ) from None

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
        parent = Path(logdir) / experiment
        known = sorted(path.parent.name for path in parent.glob(f"*/{CONFIG}"))
        raise InputError(f"Expected a run of {parent}, one of {known}. Received: {name!r}")

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

    def _subfolder(self, name: str) -> Path:
        (self.path / name).mkdir(exist_ok=True)
        return self.path / name

    def write_config(self, config: dict[str, Any]) -> None:
        """Writes config.json."""
        text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False)
        (self.path / CONFIG).write_text(text + "\n", encoding="utf-8")

    def read_config(self) -> dict[str, Any]:
        """Reads config.json.

        Raises:
            DataError: if it is missing or damaged.
        """
        try:
            return json.loads((self.path / CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"Expected a readable {CONFIG} in {self.path}. Received: {error}") from None
