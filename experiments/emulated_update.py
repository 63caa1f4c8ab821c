"""Experiment 1: does one kernel, moved by the end-to-end rule, train like a product of N factors?

Theorem 1 says so in the limit of small rates: gradient descent on balanced factors moves their product by

    K <- (1 - eta lambda N) K - eta sum_j [K K^T]^((j-1)/N) G [K^T K]^((N-j)/N)   + O(eta^2),

whatever the widths. Here real factors and the rule start from the same product and advance in lock step on one pass
over the data. If the theorem holds, their loss curves differ in proportion to the rate, and not with the width.

    python -m experiments.emulated_update
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import pandas as pd
from rich.console import Console

from experiments import figures
from experiments.claims import Claim, print_claims, print_table
from experiments.command_line import launch, option
from experiments.options import DataOptions
from experiments.sweep_run import describe_run, loss_facts, train, write_config, write_report, write_trials
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History, Variant

# Stable for all of 200,000 steps at depths 2 and 3: l_4 has late divergences above.
RATES = {2: (1e-4, 3e-4, 1e-3), 4: (1e-5, 3e-5, 1e-4)}
STEPS, QUICK_STEPS = 200_000, 2_000
# (how the factors start, weight decay of every factor).
SETTINGS = (("balanced", 0.0), ("near_zero", 0.0), ("balanced", 1e-3))
GAPS = "gaps.csv"


@dataclass(frozen=True)
class Config(DataOptions):
    """Compares training of real factors with the end-to-end rule of Theorem 1."""

    dtype: Literal["float32", "float64"] = option("float64", "precision; float32's round-off hides the smaller gaps")
    losses: tuple[Literal["l2", "l4"], ...] = option(("l2", "l4"), "the l_p losses, with 1/p")
    depths: tuple[int, ...] = option((2, 3), "numbers of factors N")
    widths: tuple[int, ...] = option((1, 20, 128), "inner widths")
    learning_rates: tuple[float, ...] | None = option(None, "rates (default: three stable ones per loss)")
    steps: int | None = option(None, f"full-batch steps (default: {STEPS:,})")
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors")

    def __post_init__(self):
        self.require(self.steps is None or self.steps >= 1, "a number of steps >= 1", steps=self.steps)
        self.require(min(self.depths) >= 2, "depths >= 2 (depth 1 is the rule itself)", depths=self.depths)
        self.require(min(self.widths) >= 1, "widths >= 1", widths=self.widths)
        for name in ("losses", "depths", "widths", "seeds"):
            values = getattr(self, name)
            self.require(len(set(values)) == len(values), f"no entry of {name} twice", **{name: values})

    def pairs(self, p: int) -> list[dict]:
        """What is compared under l_p: for each setting the names and settings of the real and the emulated run."""
        pairs = []
        for depth, width, (start, decay) in itertools.product(self.depths, self.widths, SETTINGS):
            setting = f"L{p}, N={depth}, width {width}, {start}, decay {decay:g}"
            pairs.append(
                {
                    "p": p,
                    "N": depth,
                    "width": width,
                    "start": start,
                    "decay": decay,
                    "factors": f"factors, {setting}",
                    "rule": f"rule, {setting}",
                }
            )
        return pairs

    def variants(self, pair: dict) -> list[Variant]:
        """The real and the emulated run of one pair."""
        return [
            Variant(
                pair[kind],
                depth=pair["N"],
                width=pair["width"],
                optimizer=keras.optimizers.SGD(weight_decay=pair["decay"] or None),
                learning_rates=self.learning_rates or RATES[pair["p"]],
                seeds=self.seeds,
                initial_factors=pair["start"],
                update=update,
            )
            for kind, update in (("factors", "factors"), ("rule", "end_to_end"))
        ]


def run(config: Config) -> RunFolder:
    """Trains both kinds in lock step, and writes results.csv, curves.npz, weights.npz, gaps.csv and TensorBoard."""
    powers = [int(name[1:]) for name in config.losses]
    pairs = {p: config.pairs(p) for p in powers}
    variants = {p: [variant for pair in pairs[p] for variant in config.variants(pair)] for p in powers}
    problem = config.load_problem()
    facts = {p: loss_facts(problem, LpLoss(p), use_bias=False) for p in powers}
    folder = config.create_data_folder("emulated_update", "gap", problem)
    written = write_config(folder, config, problem, list(facts.values()), pairs=sum(pairs.values(), []))
    history = None
    for p in powers:
        # For p = 2 the R factor of a QR of [X y] has the same loss for every kernel, in 129 rows instead of 2565.
        data = problem.compressed() if p == 2 else problem
        steps = config.steps or (QUICK_STEPS if config.quick else STEPS)
        title = f"emulated_update, L{p}"
        outcome = train(data, variants[p], LpLoss(p), facts[p], steps, title, config)
        history = outcome if history is None else history.join(outcome)
        history.save(folder.path)
    gaps_of(written["pairs"], history).to_csv(folder.path / GAPS, index=False)
    charts = {
        f"L{p}, N={depth}": [pair[kind] for pair in pairs[p] if pair["N"] == depth for kind in ("factors", "rule")]
        for p in powers
        for depth in config.depths
    }
    write_trials(folder, history, written, charts)
    return folder


def gaps_of(pairs: Sequence[dict], history: History) -> pd.DataFrame:
    """A row per pair, rate and seed: the largest relative gap between the two loss curves, and the last losses.

    A run that diverged has no gap (NaN).
    """
    rows = []
    for pair in pairs:
        runs = history.runs[history.runs["variant"] == pair["factors"]]
        for key in zip(runs["learning_rate"], runs["seed"], strict=True):
            real, rule = (history.curve(pair[kind], *key)[1] for kind in ("factors", "rule"))
            diverged = any(history.run(pair[kind], *key)["status"] == "diverged" for kind in ("factors", "rule"))
            rows.append(
                {
                    **{name: pair[name] for name in ("p", "N", "width", "start", "decay")},
                    "rate": key[0],
                    "seed": key[1],
                    "gap": np.nan if diverged else np.max(np.abs(real / rule - 1)),
                    "loss, factors": real[-1],
                    "loss, rule": rule[-1],
                }
            )
    return pd.DataFrame(rows)


def slopes_of(gaps: pd.DataFrame) -> pd.DataFrame:
    """A row per setting: the slope of log gap against log rate, and the gap at the largest rate (worst seed)."""
    rows = []
    for key, group in gaps.groupby(["p", "N", "width", "start", "decay"], sort=False):
        worst = group.groupby("rate")["gap"].max()
        worst = worst[worst > 0]
        slope = np.polyfit(np.log(worst.index), np.log(worst), 1)[0] if len(worst) > 1 else np.nan
        largest = group["rate"].max()
        at_largest = group.loc[group["rate"] == largest, "gap"].max()
        rows.append((*key, slope, f"{largest:g}", at_largest))
    return pd.DataFrame(rows, columns=["p", "N", "width", "start", "decay", "slope", "rate", "gap"])


def claims_of(gaps: pd.DataFrame, slopes: pd.DataFrame, history: History, pairs: Sequence[dict]) -> list[Claim]:
    """Theorem 1's claims: the gap vanishes in proportion to the rate, and widths make no difference."""
    claims = []
    for (p, start, decay), group in slopes.groupby(["p", "start", "decay"], sort=False):
        setting = f"L{p}, {start}" + (f", decay {decay:g}" if decay else "")
        low, high = group["slope"].min(), group["slope"].max()
        held = None if np.isnan([low, high]).any() else bool(0.9 <= low and high <= 1.1)
        numbers = (
            f"slopes {low:.3f} to {high:.3f}, gap at most {group['gap'].max():.1e} at rate {group['rate'].iloc[0]}"
        )
        claims.append(Claim(f"the gap is proportional to the rate ({setting})", held, numbers))
    for (p, depth, decay), group in gaps[gaps["start"] == "balanced"].groupby(["p", "N", "decay"], sort=False):
        spread = _spread_over_widths(history, [q for q in pairs if (q["p"], q["N"], q["decay"]) == (p, depth, decay)])
        if group["width"].nunique() > 1:
            numbers = (
                f"largest relative difference between widths {spread:.1e}, gap to the rule {group['gap'].max():.1e}"
            )
            held = bool(spread <= group["gap"].max())
            setting = f"L{p}, N={depth}, balanced" + (f", decay {decay:g}" if decay else "")
            claims.append(Claim(f"the width does not matter ({setting})", held, numbers))
    return claims


def _spread_over_widths(history: History, pairs: Sequence[dict]) -> float:
    """Largest relative difference between the curves of real factors of different widths, over all rates."""
    spread = 0.0
    for row in history.runs[history.runs["variant"] == pairs[0]["factors"]].itertuples():
        balanced = [pair for pair in pairs if pair["start"] == "balanced"]
        curves = [history.curve(pair["factors"], row.learning_rate, row.seed)[1] for pair in balanced]
        size = min(map(len, curves))
        stacked = np.stack([curve[:size] for curve in curves])
        spread = max(spread, float(np.max(np.ptp(stacked, axis=0) / stacked.min(axis=0))))
    return spread


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints tables from a run folder alone."""
    config, history = folder.read_config(), History.load(folder.path)
    gaps = pd.read_csv(folder.path / GAPS)
    slopes = slopes_of(gaps)
    claims = claims_of(gaps, slopes, history, config["pairs"])
    drawn = [_overlay(folder, config, history), _gap_against_rate(folder, config, gaps)]
    print_table(slopes, f"{config['data']['label']}: gap between real factors and the rule", console)
    print_claims(claims, console)
    write_report(folder, slopes, claims, drawn)


def _overlay(folder: RunFolder, config: dict, history: History) -> Path:
    """Loss curves of real factors (broad) under those of the rule (dashed), at the largest rate."""
    facts = {loss["p"]: loss for loss in config["losses"]}
    figure, axes = figures.new_figure(len(facts), "Real factors (broad) and the end-to-end rule (dashed)", height=5)
    for ax, p in zip(axes, facts, strict=True):
        pairs = [pair for pair in config["pairs"] if pair["p"] == p and not pair["decay"]]
        for index, pair in enumerate(pairs):
            best = history.runs[history.runs["variant"] == pair["factors"]].iloc[-1]
            key = best["learning_rate"], best["seed"]
            colour = figures.colour(index)
            label = f"N={pair['N']}, width {pair['width']}, {pair['start'].replace('_', ' ')}"
            ax.plot(*history.curve(pair["factors"], *key), color=colour, linewidth=4, alpha=0.35, label=label)
            ax.plot(*history.curve(pair["rule"], *key), color=colour, linewidth=1, linestyle="--")
        ax.set(xscale="symlog", xlabel="step (full batch)", ylabel=facts[p]["label"], title=f"rate {key[0]:g}")
        figures.log_loss_axis(ax)
        ax.legend(fontsize=6.5)
    return _save(figure, folder, config, "real_and_emulated")


def _gap_against_rate(folder: RunFolder, config: dict, gaps: pd.DataFrame) -> Path:
    """Largest relative gap against the rate, on logarithmic axes; dotted, proportional to the rate."""
    powers = [loss["p"] for loss in config["losses"]]
    figure, axes = figures.new_figure(len(powers), "Largest relative gap between the loss curves", height=5)
    for ax, p in zip(axes, powers, strict=True):
        settings = gaps[gaps["p"] == p].groupby(["N", "start", "decay"], sort=False)
        for index, ((depth, start, decay), group) in enumerate(settings):
            for width, one in group.groupby("width"):
                label = (
                    f"N={depth}, {start.replace('_', ' ')}, decay {decay:g}" if width == group["width"].min() else None
                )
                ax.plot(
                    one["rate"],
                    one["gap"],
                    "o-",
                    color=figures.colour(index),
                    markersize=3 + 2 * np.log10(width),
                    fillstyle="none",
                    label=label,
                )
            rates = np.sort(group["rate"].unique())
            ax.plot(rates, group["gap"].max() * rates / rates[-1], ":", color=figures.colour(index), linewidth=0.8)
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="learning rate",
            ylabel="relative gap",
            title=f"L{p} (larger circle: wider)",
        )
        ax.legend(fontsize=7)
    return _save(figure, folder, config, "gap_against_rate")


def _save(figure, folder: RunFolder, config: dict, name: str) -> Path:
    note = describe_run(config, config["losses"][0]) + f" · {config['options']['steps'] or 'default'} steps"
    return figures.save_figure(figure, folder.figures / f"{name}.png", note, config["data"]["synthetic"])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    launch("emulated_update", Config, run, draw, arguments)


if __name__ == "__main__":
    main()
