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
    logdir,
    experiment="optimizer_compare",
    name="run",
    quick=False,
    synthetic=False,
    is_old=False,
    **config,
):
    """Make a finished run with a figure, two tables, three claims, and TensorBoard's files.

    An old one has the latter in the folder `tb`, as earlier versions made them.
    """
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
    if is_old:
        (folder.path / "tb").mkdir()
    log = TensorBoardLog(folder.tensorboard)
    log.declare(["depth", experiment], {"final_loss": "final loss", f"{experiment}_steps": "steps"})
    log.trial("GD", {"depth": 1}, {"final_loss": 0.5}, step=1)
    with log.file("GD") as file:
        file.scalars("best rates/all", [0, 1], [1.0, 0.5])
    log.layout({f"{experiment}: best rates": {"all": ["^best rates/all$"]}})
    log.report([path], {"results": "none"})
    if not is_old:
        rows = pd.DataFrame(
            {
                "variant": ["GD", "GD", "GD"],
                "learning_rate": [0.1, 0.3, 9.0],
                "status": ["finished", "finished", "diverged"],
                "final_loss": [0.5, 0.25, np.nan],
                f"{experiment}_steps": [7, 5, 3],
            }
        )
        folder.write_table("results.csv", rows)
    return folder
