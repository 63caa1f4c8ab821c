"""The runs in a log folder: which experiments have some, and the newest ones of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder


def newest_runs(logdir: str, experiments: Sequence[str] | None = None, count: int = 1) -> list[RunFolder]:
    """The newest runs of each experiment, newest first, experiments by name.

    Args:
        logdir: the log folder.
        experiments: their names; None for all that have runs.
        count: how many of each at most.

    Raises:
        InputError: if there is no run, or none of an experiment that was asked for.
    """
    found = sorted({path.parent.parent.name for path in Path(logdir).glob("*/*/config.json")})
    if not found:
        raise InputError(
            f"Expected runs in {logdir}. Received: none. Make one: python -m experiments.optimizer_compare --quick"
        )
    unknown = sorted(set(experiments or ()) - set(found))
    if unknown:
        raise InputError(f"Expected experiments with runs in {logdir}, of {found}. Received: {unknown}")
    runs = []
    for experiment in found if experiments is None else dict.fromkeys(experiments):
        newest_first = sorted(RunFolder.all(logdir, experiment), key=lambda run: (run.modified, run.name), reverse=True)
        runs += newest_first[:count]
    return runs
