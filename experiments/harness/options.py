"""The options that all experiments share, and the run folder and data set that they name."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from experiments.harness.limits import check_options
from experiments.harness.parsing import option, resolve_defaults
from experiments.harness.shares import (
    Share,
    ShareFinished,
    finished_shares,
    settings_of_shares,
)
from overparam_tf.datasets import Digits, Problem, check_variation, load
from overparam_tf.errors import InputError
from overparam_tf.messages import print_to_stderr
from overparam_tf.runlog import AlreadyFinished, RunFolder, environment, open_run
from overparam_tf.runlog.folder import SHARES
from overparam_tf.runlog.resume import NO_SETTINGS

S = TypeVar("S", bound="ShareOptions")


@dataclass(frozen=True)
class RunOptions:
    """Options of every experiment: where its results go, and how it is run."""

    logdir: str = option("logs", "results go to LOGDIR/EXPERIMENT/NAME")
    name: str | None = option(None, "name of the run (default: from the settings)")
    quick: bool = option(False, "a short run to see it work; its numbers mean little")
    quiet: bool = option(False, "no progress, no tables")
    resume: bool = option(
        False, "continue the newest unfinished run of the same settings, or that of --name"
    )
    redraw: str | None = option(
        None, "draw figures and tables of the finished run of this name again, no training"
    )

    def __post_init__(self) -> None:
        resolve_defaults(self)
        check_options(self)
        if self.name is not None:
            # A name that is not allowed is refused here, before the data are loaded.
            RunFolder.at(self.logdir, "", self.name)

    def record(
        self, experiment: str, data: Problem | Digits | None = None, **more: Any
    ) -> dict[str, Any]:
        """Return the content of config.json: options, data, versions and machine.

        Args:
            experiment: The experiment's name.
            data: The data set; default None, for an experiment without data.
            **more: Further entries.
        """
        described = {} if data is None else {"data": data.describe()}
        return {
            "experiment": experiment,
            "options": asdict(self),
            **described,
            **more,
            **environment(),
        }

    def open_folder(
        self, record: dict[str, Any], default_name: str, data: Problem | Digits | None = None
    ) -> RunFolder:
        """Return the locked folder of this run, config.json written; see `open_run`.

        Args:
            record: What `record` returned.
            default_name: Beginning of the run's name if `--name` is not set.
            data: The data set. Its name ends the default name; that of a stand-in ends any name.
        """
        default_name, name = self._names(default_name, data)
        return open_run(
            self.logdir,
            record["experiment"],
            record,
            default_name=default_name,
            name=name,
            resume=self.resume,
        )

    def _names(self, default_name: str, data: Problem | Digits | None) -> tuple[str, str | None]:
        """Return the default name of the run, and the name if it has one."""
        name = self.name
        if data is not None:
            default_name = f"{default_name}-{data.name}"
            # A default name has more behind it: -quick, -2.
            if name is not None and data.synthetic and f"-{data.name}-" not in f"-{name}-":
                name = f"{name}-{data.name}"
        backend = os.environ["KERAS_BACKEND"]  # `experiments` sets it
        if backend != "tensorflow":
            default_name = f"{default_name}-{backend}"
        return f"{default_name}-quick" if self.quick else default_name, name

    def require(self, valid: bool, expected: str, **received: Any) -> None:
        """Raise an `InputError` that names the options unless `valid`."""
        if not valid:
            values = ", ".join(
                f"--{name.replace('_', '-')} {value}" for name, value in received.items()
            )
            raise InputError(f"Expected {expected}. Received: {values}")


@dataclass(frozen=True)
class ShareOptions(RunOptions):
    """Options of experiments whose runs several machines can share."""

    share: str | None = option(
        None,
        "I/N, such as 3/10: only the I-th of N shares of the runs, in "
        "LOGDIR/EXPERIMENT/NAME/shares; the same command continues it",
    )
    join: str | None = option(
        None, "make one run of the finished shares of the run of this name, with their options"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        runs = {name: getattr(self, name) for name in ("share", "join", "redraw")}
        named = {name: value for name, value in runs.items() if value is not None}
        self.require(len(named) <= 1, "one of --share, --join and --redraw", **named)
        if self.join is not None:
            RunFolder.at(self.logdir, "", self.join)
        if self.share is not None:
            Share.parse(self.share)

    @property
    def chosen_share(self) -> Share | None:
        """Return the share that is to be trained; None for all runs."""
        return None if self.share is None else Share.parse(self.share)

    def of_shares(self: S, experiment: str) -> S:
        """Return the options of the shares that `--join` names, for the run that they join to.

        Args:
            experiment: The experiment's name.

        Raises:
            InputError: If not all shares are there and finished, if their settings differ, or if
                the command line has another setting than they.
        """
        shares = finished_shares(RunFolder.at(self.logdir, experiment, str(self.join)))
        saved, plain = settings_of_shares(shares), type(self)(logdir=self.logdir, join=self.join)
        own = {"logdir": self.logdir, "quiet": self.quiet, "join": self.join, "name": self.join}
        values: dict[str, Any] = {**own, "share": None, "resume": False, "redraw": None}
        for name in (field.name for field in fields(self)):
            value, default = getattr(self, name), getattr(plain, name)
            if name in values or name not in saved:
                continue
            is_set = value != default
            if name not in NO_SETTINGS and is_set and value != saved[name]:
                raise InputError(
                    "Expected the options of the shares, or none, beside --join. Received: "
                    f"--{name.replace('_', '-')} {value}, where the shares have {saved[name]}"
                )
            # The data may lie elsewhere on this machine.
            values[name] = value if name in NO_SETTINGS and is_set else saved[name]
        return type(self)(**values)

    def open_folder(
        self, record: dict[str, Any], default_name: str, data: Problem | Digits | None = None
    ) -> RunFolder:
        """Return the locked folder of this run, or of the share of it; see `RunOptions`.

        A share has the name that its run has by default, never a free one beside it: all shares
        must find the same.

        Raises:
            ShareFinished: If the share is finished.
        """
        full_name, name = self._names(default_name, data)
        experiment, share = record["experiment"], self.chosen_share
        if share is None:
            if name is not None and self.join is None:
                self._require_no_shares(RunFolder.at(self.logdir, experiment, name))
            return super().open_folder(record, default_name, data)
        run = RunFolder.at(self.logdir, experiment, name or full_name)
        place = f"{experiment}/{run.name}/{SHARES}"
        try:
            return open_run(
                self.logdir, place, record, default_name=share.folder_name, name=share.folder_name
            )
        except AlreadyFinished as finished:
            raise ShareFinished(finished.folder, share) from None

    def _require_no_shares(self, run: RunFolder) -> None:
        """Raise an `InputError` if a run has shares that were not joined yet."""
        if (run.path / SHARES).is_dir() and run.is_new:
            raise InputError(
                f"The run {run.path} is divided into shares; --join {run.name} makes one run of "
                "them. Choose another --name"
            )


@dataclass(frozen=True)
class DataOptions(ShareOptions):
    """Options of experiments on the gas sensor data: the data set, and the precision."""

    data: str = option(
        "auto",
        "auto (real data if they are found, else a synthetic stand-in), gas, synthetic, or a path",
    )
    gas: str = option("ethanol", "which gas of the sensor data")
    preprocessing: Literal["zscore", "minmax", "none"] = option("zscore", "of inputs and labels")
    dtype: Literal["float32", "float64"] = option("float32", "precision of the training")

    def load_problem(self) -> Problem:
        """Return the data set that the options name.

        Raises:
            DataError: If there is none, or nothing to learn from in it.
        """
        notes: list[str] = []  # shown once the data are accepted: a refusal is one line
        problem = load(
            self.data, gas=self.gas, preprocessing=self.preprocessing, announce=notes.append
        )
        check_variation(problem)
        for note in notes:
            print_to_stderr(note)
        return problem
