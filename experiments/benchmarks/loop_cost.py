"""What our training loop costs: a step of `overparam_tf.train` against one of Keras `fit`, on the MNIST convnet.

The two train copies of one net on the same images, in turns of as many steps as a call of our loop takes; ratios are
those of neighbouring turns, so that what slows the machine for a while slows both.

    python -m experiments.benchmarks.loop_cost
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from rich.console import Console

from experiments.benchmarks.timing import Times
from experiments.harness.command_line import Experiment, option
from experiments.harness.options import RunOptions
from experiments.harness.results import Claim, print_claims, print_table, write_report
from experiments.mnist_cnn.convnet import BATCH, convnet, momentum_sgd
from overparam_tf.distributed import train
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder, environment

NETS = {"plain": 1, "depth 2, penalty on the product": 2}


@dataclass(frozen=True)
class Config(RunOptions):
    """Times a step of our training loop against one of Keras `fit`."""

    rounds: int | None = option(None, "turns of each (default: 10, with --quick 2)")
    steps: int = option(50, "steps of a turn")

    def __post_init__(self):
        self.require(
            self.rounds is None or 1 <= self.rounds <= 1000, "1 to 1000 rounds", rounds=self.rounds
        )
        self.require(1 <= self.steps <= 1000, "1 to 1000 steps a turn", steps=self.steps)


def run(config: Config) -> RunFolder:
    """Times every net; writes config.json and results.csv."""
    described = {"experiment": "loop_cost", "options": dataclasses.asdict(config), **environment()}
    folder = config.create_folder("loop_cost", f"convnet-{config.steps}", described)
    rounds, rows = config.rounds or (2 if config.quick else 10), []
    for name, depth in NETS.items():
        times = measure(depth, rounds, config.steps)
        for contestant, seconds in times.seconds.items():
            rows += [
                {"net": name, "loop": contestant, "round": i, "ms": 1000 * s}
                for i, s in enumerate(seconds)
            ]
    folder.write_table("results.csv", pd.DataFrame(rows))
    return folder


def measure(depth: int, rounds: int, steps: int) -> Times:
    """Seconds a step of `train` and of `fit`, an entry a round, after a turn of each that compiles."""
    rng = np.random.default_rng(0)
    images = rng.uniform(-0.5, 0.5, (steps * BATCH, 28, 28, 1)).astype("float32")
    labels = rng.integers(0, 10, steps * BATCH)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fitted = convnet(depth)
    fitted.compile(momentum_sgd(steps), loss)
    seconds: dict[str, list[float]] = {"train": [], "fit": []}
    began = time.perf_counter()

    def after_our_turn(progress) -> None:
        nonlocal began
        seconds["train"].append(time.perf_counter() - began)
        began = time.perf_counter()
        fitted.fit(images, labels, batch_size=BATCH, shuffle=False, verbose=0)
        seconds["fit"].append(time.perf_counter() - began)
        began = time.perf_counter()

    train(
        convnet(depth),
        (images, labels),
        loss,
        momentum_sgd(steps),
        batch_size=BATCH,
        epochs=rounds + 1,
        steps_per_call=steps,
        progress=after_our_turn,
    )
    return Times({name: np.array(taken[1:]) / steps for name, taken in seconds.items()})


def draw(folder: RunFolder, console: Console) -> None:
    """Prints the table and the verdicts from a run folder alone."""
    try:
        results = pd.read_csv(folder.path / "results.csv")
    except (OSError, ValueError) as error:
        raise DataError(f"Expected results.csv in {folder.path}. Received: {error}") from None
    rows, claims = [], []
    for name, own in results.groupby("net", sort=False):
        times = Times({loop: group["ms"].to_numpy() for loop, group in own.groupby("loop")})
        ratio = times.ratio("train", to="fit")
        shown = f"{ratio.median:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
        rows.append((name, times.of("train").median, times.of("fit").median, shown))
        claims.append(
            Claim(
                f"{name}: a step of ours takes no longer than one of fit", ratio.median <= 1, shown
            )
        )
    table = pd.DataFrame(
        rows, columns=["net", "train, ms a step", "fit, ms a step", "train / fit [least, most]"]
    )
    print_table(
        table, f"convnet, batch {BATCH}: {times.rounds} turns each, in alternation", console
    )
    print_claims(claims, console)
    write_report(folder, table, claims, [])


EXPERIMENT = Experiment("loop_cost", Config, run, draw)

if __name__ == "__main__":
    EXPERIMENT.main()
