"""The command line of the board: it starts TensorBoard and prints the addresses of its charts."""

from __future__ import annotations

import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from tensorboard import program
from tensorboard.data import server_ingester

from experiments.board.config import Config
from experiments.board.tree import BoardTree, read_dashboard
from experiments.board.trials import MOST_TRIALS
from experiments.harness.command_line import exit_codes
from experiments.harness.parsing import parse
from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder
from overparam_tf.runlog.event_file import PATTERN, read_summaries
from overparam_tf.runlog.tensorboard import CHARTS, DASHBOARD, HPARAMS, REPORT
from overparam_tf.stopping import StopSignals

HOST = "localhost"
SECONDS_BETWEEN_LOOKS = 10.0
# A colour for each variant, whatever the run folder: the part of a name after EXPERIMENT/NAME/.
COLOURS = "^[^/]+/[^/]+/([^/]+)"
# All runs but the rows of HParams.
CURVES = "^(?!.*/trials/)"
# The tags of charts; those of HParams' metrics are names such as final_loss.
CHART_TAGS = "^(?!figures/|singular values/|rates|result/)(loss|total|penalty|.*[ /-].*)$"


def runs_of(options: Config) -> list[RunFolder]:
    """Return the runs to show."""
    count = sys.maxsize if options.all else options.newest
    newest = RunFolder.newest(options.logdir, options.experiment, count)
    return [run for run in newest if any(run.path.rglob(PATTERN))]


def arguments_of(folder: str, port: int) -> list[str]:
    """Return TensorBoard's arguments.

    It then shows every point of every curve, to this machine alone.

    Args:
        folder: The folder of event files.
        port: The port on localhost.
    """
    # 0, which should stand for all, brings up no image and no text (TensorBoard 2.21).
    samples = "scalars=1000000,histograms=1000000,images=1000,text=1000"
    options = {"logdir": folder, "host": HOST, "port": port, "samples_per_plugin": samples}
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def addresses(base: str, runs: Sequence[RunFolder]) -> dict[str, str]:
    """Return addresses by title, each filtered to the runs that its dashboard can show.

    TensorBoard's older dashboards show nothing of more than 40 runs, and Time Series nothing of
    more than 500; with the filter in the address there are few enough for the older ones.

    Args:
        base: TensorBoard's own address, with a slash at its end.
        runs: The runs.
    """
    patterns = (CURVES, CHART_TAGS, f"regex:{COLOURS}")
    runs_shown, tags, colours = (quote(pattern, safe="") for pattern in patterns)
    charts = f"runFilter={runs_shown}&tagFilter={tags}&smoothing=0&runColorGroup={colours}"
    by_title = {
        "Time Series": f"{base}?{charts}#timeseries",
        "HParams": f"{base}#hparams",
        "Images": f"{base}#images&regexInput=/{CHARTS}$",
        "Text": f"{base}#text&regexInput=/{CHARTS}$",
    }
    for run in runs:
        experiment = run.path.parent.name
        chosen = quote(f"^{experiment}/(?!.*/trials/)", safe="")
        if read_dashboard(run.tensorboard / DASHBOARD).categories:
            pattern = f"regexInput={chosen}&_smoothingWeight=0"
            by_title[f"Custom Scalars, {experiment}"] = f"{base}#custom_scalars&{pattern}"
        if has_distributions(run):
            by_title[f"Distributions, {experiment}"] = f"{base}#distributions&regexInput={chosen}"
    return by_title


def has_distributions(run: RunFolder) -> bool:
    """Return whether a run has distributions, of singular values."""
    return any(
        value.metadata.plugin_data.plugin_name == "histograms"
        for path in run.tensorboard.rglob(PATTERN)
        if not path.name.endswith((HPARAMS, REPORT))
        for _, value in read_summaries(path)
    )


def show_addresses(base: str, runs: Sequence[RunFolder]) -> None:
    """Print the addresses of the dashboards, by title."""
    by_title = addresses(base, runs)
    width = max(map(len, by_title))
    for title, address in by_title.items():
        print(f"{title:{width}}  {address}", flush=True)


def show_left_out(left_out: Mapping[str, int]) -> None:
    """Print in a line how many rows of results.csv HParams does not have, if any."""
    if left_out:
        numbers = ", ".join(f"{count:,} of {run}" for run, count in left_out.items())
        print(f"HParams has the first {MOST_TRIALS} rows of each results.csv, and not {numbers}.")


def launch(folder: str, port: int) -> str:
    """Start TensorBoard in this process and return its address.

    Args:
        folder: The folder of event files.
        port: The port on localhost; 0 for any free one.

    Raises:
        InputError: If the port is taken or not allowed.
    """
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise InputError(
            f"Cannot serve on port {port}: {error.strerror}; choose another --port"
        ) from None
    server = program.TensorBoard()
    # Its fast loader is a program that not every platform has. If it is asked for explicitly, it
    # prints no announcement.
    fast = "true" if has_data_server() else "false"
    server.configure(["tensorboard", *arguments_of(folder, port), "--load_fast", fast])
    return server.launch()


def has_data_server() -> bool:
    """Return whether TensorBoard's fast loader can run here."""
    try:
        server_ingester.get_server_binary()
    except server_ingester.NoDataServerError:
        return False
    return True


def serve(options: Config) -> None:
    """Serve the runs, and those that finish meanwhile, until a stop signal comes."""
    runs = runs_of(options)
    with tempfile.TemporaryDirectory(prefix="board-") as folder:
        tree = BoardTree(Path(folder))
        tree.show(runs)
        show_addresses(launch(folder, options.port), runs)
        show_left_out(tree.left_out)
        print("Ctrl-C ends it.", flush=True)
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            tree.show(runs_of(options))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; `arguments` defaults to `sys.argv[1:]`."""
    with exit_codes("board") as stop:
        run_with(parse(Config, "board", arguments), stop)


def run_with(options: Config, stop: StopSignals) -> None:
    """Print the addresses, and serve the runs unless the options say that printing is all."""
    if options.print:
        show_addresses(f"http://{HOST}:{options.port}/", runs_of(options))
        print(shlex.join(["tensorboard", *arguments_of(options.logdir, options.port)]))
        return
    try:
        serve(options)
    except KeyboardInterrupt:
        stop.signal = None  # the way to end a server
