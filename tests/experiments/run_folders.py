"""Run folders made by hand, as experiments leave them, for report and board."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.harness import figures
from experiments.harness.results import Claim, Results, ResultTable, write_results_file
from overparam_tf.runlog import RunFolder, TensorBoardLog

NASTY = '<script>alert("&amp;")</script>'
CLAIMS = [
    Claim("depth accelerates: 1 < 2 & 3 > 2", np.True_, "0.25 < 0.5"),
    Claim("it beats AdaGrad", False, NASTY),
    Claim("nobody knows", None, ""),
]


def make_run(
    logdir, experiment="optimizer_compare", name="run", quick=False, synthetic=False, **config
):
    """Make a finished run with a figure, two tables, three claims, and TensorBoard's files."""
    folder = RunFolder.create(logdir, experiment, name)
    data = {"label": f"made up {NASTY}", "synthetic": synthetic}
    known = {
        "experiment": experiment,
        "options": {"quick": quick, "data": "auto"},
        "data": data,
        "status": "finished",
    }
    command = [f"{experiment}.py", "--name", name]
    record = {**known, "command": command, "machine": "a machine", **config}
    folder.write_config(record)
    figure, _ = figures.new_figure(title=f"Loss & {NASTY}")
    path = figures.save_figure(figure, folder, "loss", f"note of {NASTY}", record)
    frame = pd.DataFrame({"variant": ["GD", NASTY], "loss": [0.5, 0.25]})
    titles = ("Results", f"Once more {NASTY}")
    tables = [ResultTable.from_frame(title, frame) for title in titles]
    write_results_file(folder, Results(tables, CLAIMS, [path]))
    log = TensorBoardLog(folder.tensorboard)
    log.declare(["depth", experiment], {"final_loss": "final loss", f"{experiment}_steps": "steps"})
    log.trial("GD/lr=0.1", {"depth": 1}, {"final_loss": 0.5}, ([0, 1], [1.0, 0.5]))
    log.line("GD", "best rates/all", ([0, 1], [1.0, 0.5]))
    log.layout({f"{experiment}: best rates": {"all": ["^best rates/all$"]}})
    log.report([path], {"results": "none"})
    return folder
