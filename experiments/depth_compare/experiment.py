"""The command `python -m experiments.depth_compare`: the run, the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from experiments.depth_compare.config import Config
from experiments.harness import figures
from experiments.harness.command_line import Experiment
from experiments.harness.loss_reference import references_of
from experiments.harness.parts import lp_part
from experiments.harness.results import Claim, print_claims, print_table, write_results
from experiments.harness.speed_up import Bound, SpeedUp
from experiments.harness.sweep_figures import SweepFigures
from experiments.harness.sweeps import (
    best_runs,
    describe_run,
    read_run,
    run_parts,
)
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History

# The rates by depth in that code.
UVA_RATES = {1: 0.05, 2: 0.05, 3: 0.5}


def run(options: Config) -> RunFolder:
    """Train; write config.json, results.csv, curves.npz, weights.npz and TensorBoard's curves."""
    powers = [int(name.removeprefix("l")) for name in options.losses]
    variants = {p: options.variants(p) for p in powers}
    problem = options.load_problem()
    parts = [lp_part(problem, p, variants[p], options.steps) for p in powers]
    name = "uva" if options.preset == "uva" else options.init
    return run_parts("depth_compare", name, options, problem, parts)[0]


def fewest_steps(history: History, variant: str) -> float | None:
    """Return the steps to the target at the best rate and seed, or None if no run reached it."""
    steps = history.runs.loc[history.runs["variant"] == variant, "steps_to_target"].dropna()
    return float(steps.min()) if len(steps) else None


def speed_up_table(history: History, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return a row for each variant: its steps to the target, and its speed-up over depth 1.

    Args:
        history: The runs.
        groups: By loss, the names of its variants, `"LOSS, depth N"`.

    Returns:
        Columns loss, variant, depth, steps (missing where no run reached the target), speed_up
        (a `SpeedUp`).
    """
    limit = float(history.runs["steps"].max())
    rows = []
    for loss, variants in groups.items():
        plain = fewest_steps(history, f"{loss}, depth 1")
        for variant in variants:
            steps = fewest_steps(history, variant)
            _, _, depth = variant.rpartition("depth ")
            rows.append(
                {
                    "loss": loss,
                    "variant": variant,
                    "depth": int(depth),
                    "steps": steps,
                    "speed_up": SpeedUp.from_steps(plain, steps, limit),
                }
            )
    return pd.DataFrame(rows).astype({"steps": float})


def claims_of(table: pd.DataFrame) -> list[Claim]:
    """Return the paper's claims: depth slows l_2 down and speeds l_4 up, in steps to the target."""
    claims = []
    for row in table[table["depth"] > 1].itertuples():
        word, gain = "slower" if row.loss == "L2" else "faster", row.speed_up
        text = f"{row.variant} is {word} than depth 1"
        if gain.bound is Bound.UNKNOWN:
            claims.append(Claim(text, None, "neither reached the target"))
            continue
        held = gain.ratio < 1 if word == "slower" else gain.ratio > 1
        steps = "never reached" if pd.isna(row.steps) else f"after {row.steps:,.0f} steps"
        claims.append(Claim(text, bool(held), f"target {steps}, speed-up {gain.text()}"))
    return claims


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    record, history = read_run(folder)
    groups = record["parts"]
    ratios = speed_up_table(history, groups)
    drawn = [_draw_speed_up(folder, record, ratios)]
    for (loss, variants), reference in zip(groups.items(), references_of(record), strict=True):
        sweep, name = SweepFigures(folder, record, reference, history), loss.lower()
        drawn += [
            sweep.best_curves(f"Depth under {loss}", variants, f"{name}_curves"),
            sweep.excess_loss({loss: variants}, f"{name}_excess_loss"),
            sweep.loss_against_rate({loss: variants}, f"{name}_loss_against_rate"),
        ]
    table, claims = best_runs(history), claims_of(ratios)
    if record["options"].get("preset") == "uva":
        courses = course_runs(history, groups)
        drawn.append(_draw_course(folder, record, history, courses))
        claims += course_claims(courses)
    table["to target"] = ratios["steps"].astype("Int64")
    unknown = Bound.UNKNOWN
    table["speed-up"] = [
        "" if gain.bound is unknown else gain.text() for gain in ratios["speed_up"]
    ]
    title = f"{record['data']['label']}, {record['options']['init']}: best rate of each depth"
    print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, table, claims, drawn)


def course_runs(history: History, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the runs at the rates of the 2019 course's code, with the column depth.

    Args:
        history: The runs; those that were not trained are left out.
        groups: By loss, the names of its variants.
    """
    names = [name for variants in groups.values() for name in variants]
    runs = history.runs[history.runs["variant"].isin(names)]
    rates = runs["depth"].map(UVA_RATES)
    return runs[(runs["learning_rate"] / rates - 1).abs() < 1e-9]


def course_claims(runs: pd.DataFrame) -> list[Claim]:
    """Return, for each loss, whether deeper products are later at the target at these rates."""
    claims = []
    for loss, group in runs.groupby("part", sort=False):
        steps = group.sort_values("depth").groupby("depth")["steps_to_target"].min().astype(float)
        numbers = [
            f"depth {depth} {'not' if pd.isna(count) else f'after {count:,.0f} steps'}"
            for depth, count in steps.items()
        ]
        is_open = len(steps) < 2 or pd.isna(steps.iloc[0])
        first, *deeper = steps.fillna(float("inf"))
        text = f"{loss}: at the course's rates every product is later at the target than depth 1"
        held = None if is_open else all(count > first for count in deeper)
        claims.append(Claim(text, held, "; ".join(numbers)))
    return claims


def _draw_course(
    folder: RunFolder, record: dict[str, Any], history: History, runs: pd.DataFrame
) -> Path:
    """Draw the curves at the course's rates (solid) beside the best of the grid (dashed)."""
    references = references_of(record)
    figure, axes = figures.new_figure(len(references), "The course's rates and the grid", height=5)
    for ax, reference in zip(axes, references, strict=True):
        chosen = runs[runs["loss"] == reference.label].drop_duplicates("variant")
        for index, row in enumerate(chosen.itertuples()):
            top, colour = 2 * reference.at_zero, figures.colour(index)
            label = f"depth {row.depth}, rate {row.learning_rate:g} ({row.status})"
            curve = history.curve(row.variant, row.learning_rate, row.seed)
            figures.plot_losses(ax, curve, top, color=colour, label=label)
            best = history.best(row.variant)
            if best is not None:
                label = f"depth {row.depth}, best of the grid, {best['learning_rate']:g}"
                curve = history.best_curve(row.variant)
                figures.plot_losses(ax, curve, top, color=colour, linestyle="--", label=label)
        ax.set(xscale="symlog", xlabel="step (full batch)", ylabel=reference.label)
        figures.log_loss_axis(ax)
        ax.legend(fontsize=7)
    first, *_ = references
    note = describe_run(record, first)
    return figures.save_figure(figure, folder, "course_rates", note, record)


def _draw_speed_up(folder: RunFolder, record: dict[str, Any], table: pd.DataFrame) -> Path:
    """Draw the speed-up against depth, a line for each loss; triangles are bounds."""
    title = "Speed-up by depth: steps of depth 1 / steps of depth N"
    figure, (ax,) = figures.new_figure(1, title, height=5)
    markers = {Bound.EXACT: "o", Bound.AT_LEAST: "^", Bound.AT_MOST: "v"}
    for index, (loss, group) in enumerate(table.groupby("loss", sort=False)):
        colour = figures.colour(index)
        ratios = [gain.ratio for gain in group["speed_up"]]
        ax.plot(group["depth"], ratios, "-", color=colour, label=loss)
        for depth, gain in zip(group["depth"], group["speed_up"], strict=True):
            if gain.bound in markers:
                ax.plot(depth, gain.ratio, markers[gain.bound], color=colour)
    ax.axhline(1, color=figures.GREY, linestyle=":")
    figures.log_loss_axis(ax)
    ax.set(xlabel="depth N", ylabel="speed-up (triangles: a bound only)")
    ax.set_xticks(sorted(table["depth"].unique()))
    ax.legend()
    *_, reference = references_of(record)
    note = describe_run(record, reference)
    return figures.save_figure(figure, folder, "speed_up", note, record)


EXPERIMENT = Experiment("depth_compare", Config, run, draw)
