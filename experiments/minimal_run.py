"""A run folder for `experiments.minimal`, which takes no options, prints, and leaves a figure."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from experiments.claims import Claim
from experiments.outcome import write_outcome
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder, environment


def write_minimal_run(printed: str, logdir: str, name: str) -> RunFolder:
    """Writes config.json, report.json and the figure of a run of `experiments.minimal`.

    Args:
        printed: what it printed.
        logdir: the log folder.
        name: name of the run, or the beginning of it where there is one of that name.

    Raises:
        DataError: if it printed something else.
    """
    data = re.search(r"^Training on (.+): three ways", printed, re.MULTILINE)
    verdict = re.search(r"^Overparameterisation (accelerates|did not accelerate).*$", printed, re.MULTILINE)
    figure = re.search(r"^Figure: (.+)$", printed, re.MULTILINE)
    if not (data and verdict and figure):
        raise DataError(f"Expected what experiments.minimal prints. Received: {printed[-200:]!r}")
    folder = RunFolder.create(logdir, "minimal", name, unique=True)
    kept = folder.figures / Path(figure[1]).name
    shutil.copyfile(figure[1], kept)
    described = {"label": data[1], "synthetic": "SYNTHETIC" in data[1]}
    claim = Claim("the product gets further than gradient descent and AdaGrad", verdict[1] == "accelerates", verdict[0])
    write_outcome(folder, {}, [claim], [kept], printed)
    folder.write_config(
        {
            "experiment": "minimal",
            "options": {},
            "data": described,
            **environment(),
            "command": ["minimal.py"],
            "status": RunFolder.FINISHED,
        }
    )
    return folder
