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
from experiments.sweep_run import describe_run, lp_part, read_run, run_parts, write_report
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

    dtype: Literal["float32", "float64"] = option("float64", "precision; float32's round-off hides the smaller gaps")
    losses: tuple[Literal["l2", "l4"], ...] = option(("l2", "l4"), "the l_p losses, with 1/p")
    depths: tuple[int, ...] = option((2, 3), "numbers of factors N")
    widths: tuple[int, ...] = option((1, 20, 128), "inner widths")
    learning_rates: tuple[float, ...] | None = option(None, "rates (default: three stable ones per loss)")
    steps: int | None = option(None, "full-batch steps (default: 200000 for l2, 50000 for l4)")
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors")

    def __post_init__(self):
        self.require(self.steps is None or self.steps >= 1, "a number of steps >= 1", steps=self.steps)
        self.require(min(self.depths) >= 2, "depths >= 2 (depth 1 is the rule itself)", depths=self.depths)
        self.require(min(self.widths) >= 1, "widths >= 1", widths=self.widths)
        for name in ("losses", "depths", "widths", "seeds"):
            values = getattr(self, name)
            self.require(len(set(values)) == len(values), f"no entry of {name} twice", **{name: values})

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
        for pair, (kind, update) in itertools.product(self.pairs(p), (("factors", "factors"), ("rule", "end_to_end"))):
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
    folder, history = run_parts("emulated_update", "gap", config, problem, parts, chart, pairs=pairs)
    folder.write_table(GAPS, gaps_of(trained(pairs, history), history))
    return folder


def trained(pairs: Sequence[dict], history: History) -> list[dict]:
    """The pairs that the history has; an interrupted run may not have come to all."""
    return [pair for pair in pairs if pair["factors"] in history.variants]


def gaps_of(pairs: Sequence[dict], history: History) -> pd.DataFrame:
    """A row per pair, rate and seed: the largest relative gap between the two loss curves, NaN where one diverged.

    `gap` is over the whole run. The error of the rule is a rate times a function of the time rate x steps, so
    that rates can be compared over the same time: `gap_same_time` is up to where the smallest rate ends.
    """
    rows = []
    for pair in pairs:
        runs = history.runs[history.runs["variant"] == pair["factors"]]
        smallest_rate = min(min(other["rates"]) for other in pairs if other["p"] == pair["p"])
        same_time = smallest_rate * runs["steps"].max()
        for key in zip(runs["learning_rate"], runs["seed"], strict=True):
            (steps, real), (_, rule) = (history.curve(pair[kind], *key) for kind in ("factors", "rule"))
            diverged = any(history.run(pair[kind], *key)["status"] == "diverged" for kind in ("factors", "rule"))
            gap = np.full(1, np.nan) if diverged else np.abs(real / rule - 1)
            rows.append(
                {
                    **{name: pair[name] for name in ("p", "N", "width", "start", "decay")},
                    "rate": key[0],
                    "seed": key[1],
                    "gap": gap.max(),
                    "gap_same_time": gap.max() if diverged else gap[steps * key[0] <= same_time * (1 + 1e-9)].max(),
                }
            )
    return pd.DataFrame(rows)


def slopes_of(gaps: pd.DataFrame) -> pd.DataFrame:
    """A row per setting: the gap at the largest rate, and the slope of log gap against log rate (worst seed)."""
    rows = []
    for key, group in gaps.groupby(["p", "N", "width", "start", "decay"], sort=False):
        worst = group.groupby("rate")[["gap", "gap_same_time"]].max()
        slope = np.nan
        if len(worst) > 1 and (worst["gap_same_time"] > 0).all():
            slope = np.polyfit(np.log(worst.index), np.log(worst["gap_same_time"]), 1)[0]
        rows.append((*key, f"{worst.index[-1]:g}", worst["gap"].iloc[-1], slope))
    return pd.DataFrame(rows, columns=["p", "N", "width", "start", "decay", "rate", "gap", "slope"])


def claims_of(slopes: pd.DataFrame, history: History, pairs: Sequence[dict]) -> list[Claim]:
    """Theorem 1's claims: the gap vanishes in proportion to the rate, and widths make no difference."""
    claims = []
    for (p, start, decay), group in slopes.groupby(["p", "start", "decay"], sort=False):
        setting = f"L{p}, {start.replace('_', ' ')}" + (f", decay {decay:g}" if decay else "")
        known, gap, rate = group["slope"].dropna(), group["gap"].max(), group["rate"].iloc[0]
        if start == "balanced":
            held = None if known.empty or np.isnan(gap) else bool(known.between(0.9, 1.1).all())
            numbers = f"slopes {known.min():.3f} to {known.max():.3f}, gap at most {gap:.1e} at rate {rate}"
            claims.append(Claim(f"the gap is proportional to the rate ({setting})", held, numbers))
        else:
            numbers = f"gap at most {gap:.1e} at rate {rate}"
            claims.append(Claim(f"near zero is balanced enough: gap below 10 % ({setting})", bool(gap < 0.1), numbers))
    for (p, depth), group in slopes[slopes["start"] == "balanced"].groupby(["p", "N"], sort=False):
        if group["width"].nunique() > 1:
            spread = _spread_over_widths([pair for pair in pairs if (pair["p"], pair["N"]) == (p, depth)], history)
            numbers = f"curves of widths {group['width'].unique().tolist()} differ by at most {spread:.1e}"
            held = bool(spread <= group["gap"].max())
            claims.append(Claim(f"the width does not matter (L{p}, N={depth}, balanced)", held, numbers))
    return claims


def _spread_over_widths(pairs: Sequence[dict], history: History) -> float:
    """Largest relative difference between the curves of balanced factors of different widths, at the largest rate."""
    spread = 0.0
    for seed in history.runs["seed"].unique():
        names = [pair["factors"] for pair in pairs if pair["start"] == "balanced" and not pair["decay"]]
        curves = np.stack([history.curve(name, max(pairs[0]["rates"]), seed)[1] for name in names])
        spread = max(spread, float(np.max(np.ptp(curves, axis=0) / curves.min(axis=0))))
    return spread


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints tables from a run folder alone."""
    config, history = read_run(folder)
    config["pairs"] = trained(config["pairs"], history)
    gaps = pd.read_csv(folder.path / GAPS)
    slopes = slopes_of(gaps)
    claims = claims_of(slopes, history, config["pairs"])
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
            key = max(pair["rates"]), config["options"]["seeds"][0]
            colour = figures.colour(index)
            label = f"N={pair['N']}, width {pair['width']}, {pair['start'].replace('_', ' ')}"
            top = 2 * facts[p]["at_zero"]
            real, rule = (history.curve(pair[kind], *key) for kind in ("factors", "rule"))
            figures.plot_losses(ax, real, top, color=colour, linewidth=4, alpha=0.35, label=label)
            figures.plot_losses(ax, rule, top, color=colour, linewidth=1, linestyle="--")
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
                    one["gap_same_time"],
                    "o-",
                    color=figures.colour(index),
                    markersize=3 + 2 * np.log10(width),
                    fillstyle="none",
                    label=label,
                )
            rates = np.sort(group["rate"].unique())
            ax.plot(
                rates, group["gap_same_time"].max() * rates / rates[-1], ":", color=figures.colour(index), linewidth=0.8
            )
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="learning rate",
            ylabel="relative gap over the same time",
            title=f"L{p} (larger circle: wider)",
        )
        ax.legend(fontsize=7)
    return _save(figure, folder, config, "gap_against_rate")


def _save(figure, folder: RunFolder, config: dict, name: str) -> Path:
    note = describe_run(config, config["losses"][0])
    return figures.save_figure(figure, folder.figures / f"{name}.png", note, config["data"]["synthetic"])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    launch("emulated_update", Config, run, draw, arguments)


if __name__ == "__main__":
    main()
