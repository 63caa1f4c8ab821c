"""The command `python -m experiments.benchmarks.loop_cost`: the run, the drawing."""

from __future__ import annotations

import time

import keras
import numpy as np
import pandas as pd
from rich.console import Console

from experiments.benchmarks.loop_cost.config import Config
from experiments.benchmarks.timing import Times
from experiments.harness.command_line import Experiment
from experiments.harness.piece_results import PieceResult, rows_of
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.results import Claim, print_claims, print_table, write_results
from experiments.harness.work_report import WorkReport
from experiments.mnist_cnn.convnet import BATCH, convnet, momentum_sgd
from overparam_tf.distributed import train
from overparam_tf.progress import Progress
from overparam_tf.runlog import RunFolder

# The depth of fc1 and fc2 by name of the net.
NETS = {"plain": 1, "depth 2, penalty on the product": 2}
COLUMNS = ["net", "train, ms a step", "fit, ms a step", "train / fit [least, most]"]


def run(options: Config) -> RunFolder:
    """Time every net; write config.json and results.csv."""
    record = options.record("loop_cost")
    folder = options.open_folder(record, f"convnet-{options.steps}")

    def make(net: str) -> PieceResult:
        times = measure(NETS[net], options.rounds, options.steps)
        return PieceResult(
            [
                {"net": net, "loop": loop, "round": number, "ms": 1000 * each}
                for loop, seconds in times.seconds.items()
                for number, each in enumerate(seconds)
            ]
        )

    kept = KeptPieces(folder, record, seconds_between_checkpoints=0.0)
    with WorkReport("loop_cost", len(NETS), options.quiet) as report:
        nets = {net: net for net in NETS}
        made = run_pieces(kept, nets, make, options, title="loop_cost", begin=report)
    rows = rows_of(made)
    folder.write_table("results.csv", pd.DataFrame(rows))
    return folder


def measure(depth: int, rounds: int, steps: int) -> Times:
    """Return the seconds a step of `train` and of `fit`, after a turn of each that compiles.

    Args:
        depth: Number of factors of fc1 and fc2.
        rounds: Turns of each loop that count.
        steps: Steps of a turn.
    """
    rng = np.random.default_rng(0)
    images = rng.uniform(-0.5, 0.5, (steps * BATCH, 28, 28, 1)).astype("float32")
    labels = rng.integers(0, 10, steps * BATCH)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fitted = convnet(depth)
    fitted.compile(momentum_sgd(steps), loss)
    seconds: dict[str, list[float]] = {"train": [], "fit": []}
    began = time.perf_counter()

    def take_turn_of_fit(progress: Progress) -> None:
        """Let `fit` have its turn; `train` calls this after each of its turns."""
        nonlocal began
        seconds["train"].append(time.perf_counter() - began)
        began = time.perf_counter()
        fitted.fit(images, labels, batch_size=BATCH, shuffle=False, verbose=0)
        seconds["fit"].append(time.perf_counter() - began)
        began = time.perf_counter()

    train(
        convnet(depth),
        images,
        labels,
        batch_size=BATCH,
        epochs=rounds + 1,
        loss=loss,
        optimizer=momentum_sgd(steps),
        steps_per_call=steps,
        progress=take_turn_of_fit,
    )
    return Times({loop: np.array(turns[1:]) / steps for loop, turns in seconds.items()})


def draw(folder: RunFolder, console: Console) -> None:
    """Print the table and the verdicts, from a run folder alone."""
    results = folder.read_table("results.csv", ["net", "loop", "ms"])
    rows, claims, rounds = [], [], 0
    for net, turns in results.groupby("net", sort=False):
        times = Times({loop: group["ms"].to_numpy() for loop, group in turns.groupby("loop")})
        rounds = times.rounds
        ratio = times.ratio("train", to="fit")
        spread = f"{ratio.median:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
        rows.append([net, times.spread("train").median, times.spread("fit").median, spread])
        text = f"{net}: a step of ours takes no longer than one of fit"
        claims.append(Claim(text, ratio.median <= 1, spread))
    table = pd.DataFrame(rows, columns=COLUMNS)
    title = f"convnet, batch {BATCH}: {rounds} turns each, in alternation"
    print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, table, claims, [])


EXPERIMENT = Experiment("loop_cost", Config, run, draw)
