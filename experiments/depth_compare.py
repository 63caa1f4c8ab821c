"""Experiment 2: what does depth do to gradient descent, under l_2 and under l_4?

The paper's claim: under l_2 adding linear layers slows gradient descent down, under l_4 it speeds it up. Depths 1 to 8,
the whole grid of rates, the best rate of each; how many steps each needs to reach a target, against depth 1.

The factors start balanced by default. With every factor near zero, N(0, 0.01^2), a product of N of them starts at
0.01^N and leaves the saddle at zero after a time that grows as 0.01^(2-N): beyond depth 3 that is longer than any run.

    python -m experiments.depth_compare
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from rich.console import Console

from experiments import figures
from experiments.claims import Claim, print_claims, print_table
from experiments.command_line import launch, option
from experiments.options import DataOptions
from experiments.outcome import write_report
from experiments.sweep_figures import draw_best_curves, draw_excess_loss, draw_loss_against_rate
from experiments.sweep_parts import RATES_2019, lp_part
from experiments.sweep_run import best_runs, describe_run, read_run, run_parts
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History, Variant

STEPS, QUICK_STEPS = 400_000, 5_000


@dataclass(frozen=True)
class Config(DataOptions):
    """Compares gradient descent at several depths under l_2 and l_4."""

    losses: tuple[Literal["l2", "l4"], ...] = option(("l2", "l4"), "the l_p losses, with 1/p")
    depths: tuple[int, ...] = option((1, 2, 3, 4, 5, 6, 7, 8), "numbers of factors, 1 among them")
    width: int = option(1, "inner width; with one output, 1 expresses every linear function")
    init: Literal["near_zero", "balanced", "identity"] = option("balanced", "how the factors start: see Variant")
    learning_rates: tuple[float, ...] = option(RATES_2019, "rates to search")
    steps: int | None = option(None, f"full-batch steps (default: {STEPS})")
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors")

    def __post_init__(self):
        self.require(self.steps is None or self.steps >= 1, "a number of steps >= 1", steps=self.steps)
        self.require(1 in self.depths, "depth 1 among the depths, to compare with", depths=self.depths)
        self.require(min(self.depths) >= 1 and self.width >= 1, "depths and width >= 1", depths=self.depths)
        for name in ("losses", "depths"):
            values = getattr(self, name)
            self.require(len(set(values)) == len(values), f"no entry of {name} twice", **{name: values})

    def variants(self, p: int) -> list[Variant]:
        """A variant per depth under l_p."""
        return [
            Variant(
                f"L{p}, depth {depth}",
                depth=depth,
                width=self.width,
                learning_rates=self.learning_rates,
                seeds=self.seeds,
                initial_factors=self.init,
            )
            for depth in sorted(self.depths)
        ]


def run(config: Config) -> RunFolder:
    """Trains, and writes config.json, results.csv, curves.npz, weights.npz and TensorBoard's curves."""
    powers = [int(name[1:]) for name in config.losses]
    variants = {p: config.variants(p) for p in powers}
    problem = config.load_problem()
    steps = config.steps or (QUICK_STEPS if config.quick else STEPS)
    parts = [lp_part(problem, p, variants[p], steps) for p in powers]
    return run_parts("depth_compare", config.init, config, problem, parts, chart="depth under {}")[0]


def fewest_steps(history: History, variant: str) -> float:
    """Steps to the target at the best rate (and seed); infinite where no run of the variant got there."""
    steps = history.runs.loc[history.runs["variant"] == variant, "steps_to_target"].dropna()
    return float(steps.min()) if len(steps) else np.inf


def speed_ups(history: History, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A row per variant: steps to the target at its best rate, and depth 1's over them: above 1, depth helps.

    Where one of the two never gets there, the ratio is only bounded, by the length of the run.
    """
    length = float(history.runs["steps"].max())
    rows = []
    for loss, variants in groups.items():
        plain = fewest_steps(history, f"{loss}, depth 1")
        for name in variants:
            steps = fewest_steps(history, name)
            bound = (">" if np.isinf(plain) else "") + ("<" if np.isinf(steps) else "")
            ratio = np.nan if len(bound) > 1 else min(plain, length) / min(steps, length)
            rows.append((loss, name, int(name.split()[-1]), steps, bound, ratio))
    return pd.DataFrame(rows, columns=["loss", "variant", "depth", "steps", "bound", "speed-up"])


def claims_of(ratios: pd.DataFrame) -> list[Claim]:
    """The paper's claims: depth slows l_2 down and speeds l_4 up, in steps to the target at each one's best rate."""
    claims = []
    for row in ratios[ratios["depth"] > 1].itertuples():
        said, ratio = "slower" if row.loss == "L2" else "faster", row[-1]
        held = None if np.isnan(ratio) else bool(ratio < 1 if said == "slower" else ratio > 1)
        steps = "never reached" if np.isinf(row.steps) else f"after {row.steps:,.0f} steps"
        numbers = "neither reached the target" if held is None else f"target {steps}, speed-up {row.bound}{ratio:.3g}"
        claims.append(Claim(f"{row.variant} is {said} than depth 1", held, numbers))
    return claims


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints tables from a run folder alone."""
    config, history = read_run(folder)
    groups, ratios = config["parts"], speed_ups(history, config["parts"])
    drawn = [_speed_up(folder, config, ratios)]
    for (loss, variants), facts in zip(groups.items(), config["losses"], strict=True):
        about, name = (folder, config, facts, history), loss.lower()
        drawn += [
            draw_best_curves(*about, f"Depth under {loss}", variants, f"{name}_curves"),
            draw_excess_loss(*about, {loss: variants}, f"{name}_excess_loss"),
            draw_loss_against_rate(*about, {loss: variants}, f"{name}_loss_against_rate"),
        ]
    table, claims = best_runs(history), claims_of(ratios)
    table["to target"] = ratios["steps"].replace(np.inf, np.nan).astype("Int64")
    table["speed-up"] = ["" if np.isnan(row[-1]) else f"{row.bound}{row[-1]:.3g}" for row in ratios.itertuples()]
    print_table(table, f"{config['data']['label']}, {config['options']['init']}: best rate of each depth", console)
    print_claims(claims, console)
    write_report(folder, table, claims, drawn)


def _speed_up(folder: RunFolder, config: dict, ratios: pd.DataFrame) -> Path:
    """Steps of depth 1 over steps of each depth, to a tenth of the start's excess loss; arrows are bounds."""
    figure, (ax,) = figures.new_figure(1, "Speed-up by depth: steps of depth 1 / steps of depth N", height=5)
    for index, (loss, group) in enumerate(ratios.groupby("loss", sort=False)):
        ax.plot(group["depth"], group["speed-up"], "-", color=figures.colour(index), label=loss)
        for bound, marker in (("", "o"), (">", "^"), ("<", "v")):
            some = group[group["bound"] == bound]
            ax.plot(some["depth"], some["speed-up"], marker, color=figures.colour(index))
    ax.axhline(1, color="#888888", linestyle=":")
    figures.log_loss_axis(ax)
    ax.set(xlabel="depth N", ylabel="speed-up (triangles: a bound only)", xticks=sorted(ratios["depth"].unique()))
    ax.legend()
    note = describe_run(config, config["losses"][-1])
    return figures.save_figure(figure, folder.figures / "speed_up.png", note, config["data"]["synthetic"])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    launch("depth_compare", Config, run, draw, arguments)


if __name__ == "__main__":
    main()
