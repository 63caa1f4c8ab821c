"""The options that all experiments share, and the run folder and data set that they name."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from experiments.harness.command_line import option, resolve_defaults
from experiments.harness.limits import check_options
from overparam_tf.datasets import Digits, Problem, check_variation, load
from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder, environment, open_run


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
        name = self.name
        if data is not None:
            default_name = f"{default_name}-{data.name}"
            if name is not None and data.synthetic and not name.endswith(f"-{data.name}"):
                name = f"{name}-{data.name}"
        return open_run(
            self.logdir,
            record["experiment"],
            record,
            default_name=f"{default_name}-quick" if self.quick else default_name,
            name=name,
            resume=self.resume,
        )

    def require(self, valid: bool, expected: str, **received: Any) -> None:
        """Raise an `InputError` that names the options unless `valid`."""
        if not valid:
            values = ", ".join(
                f"--{name.replace('_', '-')} {value}" for name, value in received.items()
            )
            raise InputError(f"Expected {expected}. Received: {values}")


@dataclass(frozen=True)
class DataOptions(RunOptions):
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
        problem = load(self.data, gas=self.gas, preprocessing=self.preprocessing)
        check_variation(problem)
        return problem
