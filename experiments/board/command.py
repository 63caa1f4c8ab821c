"""The command `python -m experiments.board`: its options, the run, the drawing."""

from __future__ import annotations

import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tensorboard import program
from tensorboard.data import server_ingester

from experiments.board.tree import BoardTree
from experiments.harness.command_line import exit_codes, option, parse
from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder
from overparam_tf.runlog.tensorboard import CHARTS, DISTRIBUTIONS

HOST = "localhost"
SECONDS_BETWEEN_LOOKS = 10.0
# Of more runs than that Time Series ticks none by itself.
MOST_TICKED = 500
# A colour for each variant, whatever its rate: the part of a run's name after EXPERIMENT/NAME/ and charts/.
COLOURS = "^[^/]+/[^/]+/(?:tb/)?(?:charts/)?([^/]+)"
# Charts have titles, the trials' own scalars have names: final_loss.
CHART_TAGS = "^(?!figures/|singular values/)(.*[ /-].*|total|penalty)$"


@dataclass(frozen=True)
class Config:
    """Opens TensorBoard on the newest run of each experiment."""

    logdir: str = option("logs", "the log folder")
    experiment: tuple[str, ...] | None = option(
        None, "only these experiments (default: all that have runs)"
    )
    newest: int = option(1, "how many runs of each experiment, the newest first")
    all: bool = option(False, "all runs")
    port: int = option(6006, "port on localhost; 0 for any free one")
    print: bool = option(False, "print the command and the addresses, and start nothing")

    def __post_init__(self):
        if self.newest < 1:
            raise InputError(f"Expected at least one run. Received: --newest {self.newest}")
        if not 0 <= self.port <= 65535:
            raise InputError(f"Expected a port from 0 to 65535. Received: --port {self.port}")

    def runs(self) -> list[RunFolder]:
        """The runs to show."""
        count = sys.maxsize if self.all else self.newest
        return [
            run
            for run in RunFolder.newest(self.logdir, self.experiment, count)
            if (run.path / "tb").is_dir()
        ]


def arguments_of(folder: str, port: int) -> list[str]:
    """TensorBoard's arguments: a folder of event files, every point of every curve, served to this machine alone."""
    # 0, which should stand for all, brings up no image and no text (TensorBoard 2.21).
    samples = "scalars=1000000,histograms=1000000,images=1000,text=1000"
    return [
        "--logdir",
        folder,
        "--host",
        HOST,
        "--port",
        str(port),
        "--samples_per_plugin",
        samples,
    ]


def addresses(base: str, runs: Sequence[RunFolder]) -> dict[str, str]:
    """Addresses by title, each filtered to what its dashboard can show.

    Of more than 40 runs TensorBoard's older dashboards show none, and Time Series of more than 500; the filter in the
    address brings up few enough for the former.
    """
    colours, tags = (quote(pattern, safe="") for pattern in (f"regex:{COLOURS}", CHART_TAGS))
    found = {
        "Time Series": f"{base}?runFilter=/{CHARTS}/&tagFilter={tags}&smoothing=0&runColorGroup={colours}#timeseries",
        "HParams": f"{base}#hparams",
        "Images": f"{base}#images&regexInput=/{CHARTS}$",
        "Text": f"{base}#text&regexInput=/{CHARTS}$",
    }
    for run in runs:
        experiment, logs = run.path.parent.name, run.path / "tb"
        if any((logs / CHARTS).glob("*/")):
            filtered = f"regexInput={experiment}/.*/{CHARTS}/&_smoothingWeight=0"
            found[f"Custom Scalars, {experiment}"] = f"{base}#custom_scalars&{filtered}"
        if (logs / DISTRIBUTIONS).is_dir():
            found[f"Distributions, {experiment}"] = (
                f"{base}#distributions&regexInput={experiment}/.*/{DISTRIBUTIONS}/"
            )
    return found


def show_addresses(base: str, runs: Sequence[RunFolder]) -> None:
    """Prints them."""
    found = addresses(base, runs)
    width = max(map(len, found))
    for title, address in found.items():
        print(f"{title:{width}}  {address}", flush=True)
    count = sum(
        1 for run in runs for folder in (run.path / "tb").rglob("*/") if any(folder.glob("events*"))
    )
    if count > MOST_TICKED:
        print(
            f"{count:,} runs: in Time Series tick the box above their list, or choose some with --experiment"
        )


def launch(folder: str, port: int) -> str:
    """Starts TensorBoard in this process and returns its address.

    Raises:
        InputError: if the port is not to be had.
    """
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise InputError(
            f"Cannot serve on port {port}: {error.strerror}; choose another --port"
        ) from None
    server = program.TensorBoard()
    # Its fast loader is a program that not every platform has. Asked for in so many words it makes no announcement.
    fast = "true" if has_data_server() else "false"
    server.configure(["tensorboard", *arguments_of(folder, port), "--load_fast", fast])
    return server.launch()


def has_data_server() -> bool:
    """Whether TensorBoard's fast loader can run here."""
    try:
        server_ingester.get_server_binary()
    except server_ingester.NoDataServerError:
        return False
    return True


def serve(config: Config) -> None:
    """Serves the runs, and those that finish meanwhile, until a stop signal comes."""
    runs = config.runs()
    with tempfile.TemporaryDirectory(prefix="board-") as folder:
        tree = BoardTree(Path(folder))
        tree.show(runs)
        show_addresses(launch(folder, config.port), runs)
        print("Ctrl-C ends it.", flush=True)
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            tree.show(config.runs())


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    with exit_codes("board") as stop:
        config = parse(Config, "board", arguments)
        if config.print:
            show_addresses(f"http://{HOST}:{config.port}/", config.runs())
            print(shlex.join(["tensorboard", *arguments_of(config.logdir, config.port)]))
            return
        try:
            serve(config)
        except KeyboardInterrupt:
            stop.signal = None  # the way to end a server
