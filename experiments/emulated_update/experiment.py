"""The command `python -m experiments.emulated_update`: its options, the run, the drawing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras
import pandas as pd
from rich.console import Console

from experiments.emulated_update.figures import gap_against_rate, overlay
from experiments.emulated_update.gaps import claims_of, gaps_of, slopes_of
from experiments.harness.command_line import Experiment, option
from experiments.harness.options import DataOptions
from experiments.harness.results import print_claims, print_table, write_report
from experiments.harness.sweeps import lp_part, read_run, run_parts
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History, Variant

# Stable at depths 2 and 3 for 200,000 steps: l_4 diverges late above.
RATES = {2: (1e-4, 3e-4, 1e-3), 4: (1e-5, 3e-5, 1e-4)}
# l_2 has an exact short cut, l_4 must pass over all rows, in float64.
STEPS = {2: 200_000, 4: 50_000}
QUICK_STEPS = 2_000
# (how the factors start, weight decay of every factor).
SETTINGS = (("balanced", 0.0), ("near_zero", 0.0), ("balanced", 1e-3))
GAPS = "gaps.csv"


@dataclass(frozen=True)
class Config(DataOptions):
    """Compares training of real factors with the end-to-end rule of Theorem 1."""

    dtype: Literal["float32", "float64"] = option(
        "float64", "precision; float32's round-off hides the smaller gaps"
    )
    losses: tuple[Literal["l2", "l4"], ...] = option(("l2", "l4"), "the l_p losses, with 1/p")
    depths: tuple[int, ...] = option((2, 3), "numbers of factors N")
    widths: tuple[int, ...] = option((1, 20, 128), "inner widths")
    learning_rates: tuple[float, ...] | None = option(
        None, "rates (default: three stable ones per loss)"
    )
    steps: int | None = option(None, "full-batch steps (default: 200000 for l2, 50000 for l4)")
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors")

    def __post_init__(self):
        self.require(
            self.steps is None or self.steps >= 1, "a number of steps >= 1", steps=self.steps
        )
        self.require(
            min(self.depths) >= 2, "depths >= 2 (depth 1 is the rule itself)", depths=self.depths
        )
        self.require(min(self.widths) >= 1, "widths >= 1", widths=self.widths)
        for name in ("losses", "depths", "widths", "seeds"):
            values = getattr(self, name)
            self.require(
                len(set(values)) == len(values), f"no entry of {name} twice", **{name: values}
            )

    def pairs(self, p: int) -> list[dict]:
        """What is compared under l_p: a run of real factors with one of the rule, for each setting.

        The first width has every setting and rate. The others have the largest rate and no decay, and where the
        factors start as a balanced split of one and the same kernel they share the first width's rule.
        """
        rates = self.learning_rates or RATES[p]
        pairs = []
        for depth, width, (start, decay) in itertools.product(self.depths, self.widths, SETTINGS):
            is_first = width == self.widths[0]
            if decay and not is_first:
                continue
            setting = f"L{p}, N={depth}, {{}}, {start}" + (f", decay {decay:g}" if decay else "")
            shared = self.widths[0] if start == "balanced" else width
            pairs.append(
                {
                    "p": p,
                    "N": depth,
                    "width": width,
                    "start": start,
                    "decay": decay,
                    "rates": list(rates if is_first else [max(rates)]),
                    "factors": "factors, " + setting.format(f"width {width}"),
                    "rule": "rule, " + setting.format(f"width {shared}"),
                }
            )
        return pairs

    def variants(self, p: int) -> list[Variant]:
        """The real and the emulated runs under l_p."""
        made = {}
        for pair, (kind, update) in itertools.product(
            self.pairs(p), (("factors", "factors"), ("rule", "end_to_end"))
        ):
            if pair[kind] not in made:
                made[pair[kind]] = Variant(
                    pair[kind],
                    depth=pair["N"],
                    width=pair["width"],
                    optimizer=keras.optimizers.SGD(weight_decay=pair["decay"] or None),
                    learning_rates=pair["rates"],
                    seeds=self.seeds,
                    initial_factors=pair["start"],
                    update=update,
                )
        return list(made.values())


def run(config: Config) -> RunFolder:
    """Trains both kinds in lock step, and writes results.csv, curves.npz, weights.npz, gaps.csv and TensorBoard."""
    powers = [int(name[1:]) for name in config.losses]
    variants = {p: config.variants(p) for p in powers}
    pairs = [pair for p in powers for pair in config.pairs(p)]
    problem = config.load_problem()
    steps = {p: config.steps or (QUICK_STEPS if config.quick else STEPS[p]) for p in powers}
    parts = [lp_part(problem, p, variants[p], steps[p]) for p in powers]
    chart = "real and emulated, {}"
    folder, history = run_parts(
        "emulated_update", "gap", config, problem, parts, chart, pairs=pairs
    )
    folder.write_table(GAPS, gaps_of(trained(pairs, history), history))
    return folder


def trained(pairs: Sequence[dict], history: History) -> list[dict]:
    """The pairs that the history has; an interrupted run may not have come to all."""
    return [pair for pair in pairs if pair["factors"] in history.variants]


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints tables from a run folder alone."""
    config, history = read_run(folder)
    config["pairs"] = trained(config["pairs"], history)
    gaps = pd.read_csv(folder.path / GAPS)
    slopes = slopes_of(gaps)
    claims = claims_of(slopes, history, config["pairs"])
    drawn = [overlay(folder, config, history), gap_against_rate(folder, config, gaps)]
    print_table(
        slopes, f"{config['data']['label']}: gap between real factors and the rule", console
    )
    print_claims(claims, console)
    write_report(folder, slopes, claims, drawn)


EXPERIMENT = Experiment("emulated_update", Config, run, draw)
