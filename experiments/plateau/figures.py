"""The figures of `experiments.plateau`, from the arrays of its run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.harness import figures
from experiments.harness.two_examples import NEVER, power
from overparam_tf.runlog import RunFolder

STYLES = {
    "speed_up": ("o", "grid"),
    "finest_speed_up": (".-", "finer grid"),
    "stable_speed_up": ("s--", "loss never rises"),
}


def draw_all(
    folder: RunFolder, config: dict, results: pd.DataFrame, curves: dict[str, np.ndarray]
) -> list[Path]:
    """All four figures."""
    return [
        _trajectories(folder, config, curves),
        _mechanism(folder, config, curves),
        _steps_against_rate(folder, config, results, curves),
        _speed_up(folder, config, results),
    ]


def _shown(config: dict, depth: int) -> str:
    return f"p={config['shown']['p']}, ratio={config['shown']['ratio']}, depth={depth}"


def _title(config: dict) -> str:
    return f"labels ({config['shown']['ratio']}, 1), L{config['shown']['p']}"


def _save(figure, folder: RunFolder, name: str, config: dict) -> Path:
    options = config["options"]
    note = (
        f"two-example toy (exact, no data) · sum of e^p/p · balanced start {options['start']:g} · fitted: errors < "
        f"{options['target']:g} · at most {config['limit']:,} steps · float64 · {config['machine']}"
    )
    return figures.save_figure(figure, folder.figures / f"{name}.png", note, synthetic=False)


def _runs(
    config: dict, curves: dict[str, np.ndarray]
) -> list[tuple[str, int, np.ndarray, np.ndarray, float]]:
    """Label, depth, steps, kernels and rate of the runs to look at closely, of those that got there."""
    depths = sorted(config["options"]["depths"])[:2]
    wanted = [("best rate", depth, "steps") for depth in depths]
    wanted += [("loss never rises", depth, "stable_steps") for depth in depths[1:]]
    found = []
    for label, depth, count in wanted:
        cell = f"{_shown(config, depth)}/{count}"
        if f"{cell}/rate" in curves:
            rate = float(curves[f"{cell}/rate"])
            label = f"depth {depth}, {label} {rate:.3g}"
            found.append((label, depth, curves[f"{cell}/at"], curves[f"{cell}/kernels"], rate))
    return found


def _trajectories(folder: RunFolder, config: dict, curves: dict[str, np.ndarray]) -> Path:
    """The (w1, w2) plane with the loss's contours and the way of each run."""
    runs, p, label = _runs(config, curves), config["shown"]["p"], config["shown"]["ratio"]
    title = f"Ways to the minimum, {_title(config)}" + ("" if runs else ": no run got there")
    figure, axes = figures.new_figure(max(len(runs), 1), title)
    for index, (ax, (name, _, at, kernels, _)) in enumerate(zip(axes, runs, strict=False)):
        spans = [
            (min(0, k.min()), max(top, k.max()))
            for k, top in zip(kernels.T, (label, 1), strict=True)
        ]
        first, second = (
            np.linspace(low - 0.1 * (high - low), high + 0.1 * (high - low), 200)
            for low, high in spans
        )
        loss = (power(first[None] - label, p) + power(second[:, None] - 1, p)) / p
        levels = np.arange(-6, 9, 0.75)
        ax.contour(
            first, second, np.log10(loss + 1e-12), levels=levels, colors="#bbbbbb", linewidths=0.7
        )
        ax.plot(*kernels.T, ".-", color=figures.colour(index), markersize=4, linewidth=0.8)
        ax.plot(label, 1, "k*", markersize=12)
        ax.set(title=f"{name}: {at[-1]:,} steps", xlabel="w1", ylabel="w2")
    return _save(figure, folder, "trajectories", config)


def _mechanism(folder: RunFolder, config: dict, curves: dict[str, np.ndarray]) -> Path:
    """Errors of both labels, and the effective rate at which the small one is learned."""
    figure, (left, right) = figures.new_figure(2, f"Why depth helps, {_title(config)}")
    for index, (name, depth, at, kernels, rate) in enumerate(_runs(config, curves)):
        small, colour = np.abs(kernels - [config["shown"]["ratio"], 1]), figures.colour(index)
        left.loglog(
            at + 1, np.maximum(small[:, 1], 1e-6), color=colour, label=f"small label, {name}"
        )
        left.loglog(at + 1, np.maximum(small[:, 0], 1e-6), "--", color=colour, linewidth=0.9)
        effective = rate * np.linalg.norm(kernels, axis=1) ** (2 - 2 / depth)
        right.loglog(at + 1, effective, color=colour, label=name)
    left.axhline(config["options"]["target"], color="#888888", linestyle=":")
    left.set(
        title="error (dashed: large label; dotted: target)", xlabel="step + 1", ylabel="|error|"
    )
    right.set(title="effective rate: learning rate × |w|^(2-2/N)", xlabel="step + 1")
    for ax in (left, right):
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=8)
    return _save(figure, folder, "mechanism", config)


def _steps_against_rate(
    folder: RunFolder, config: dict, results: pd.DataFrame, curves: dict
) -> Path:
    """Which rates get there at all, and how soon: the windows of luck beyond the stable rates."""
    figure, (ax,) = figures.new_figure(
        1, f"Steps against learning rate, {_title(config)}", height=5
    )
    for index, depth in enumerate(sorted(config["options"]["depths"])):
        cell, colour = _shown(config, depth), figures.colour(index)
        rates, reached = curves[f"{cell}/rates"], curves[f"{cell}/reached"]
        there = reached != NEVER
        ax.loglog(
            rates[there],
            np.maximum(reached[there], 1),
            ".",
            markersize=3,
            color=colour,
            label=f"depth {depth}",
        )
        row = results.query(
            f"p == {config['shown']['p']} and ratio == {config['shown']['ratio']} and depth == {depth}"
        )
        ax.plot(row["rate"], row["steps"], "*", color=colour, markersize=15, fillstyle="none")
        ax.axvline(row["stable_limit"].item(), color=colour, linestyle="--", linewidth=0.9)
    ax.set(xlabel="learning rate (no dot: not fitted)", ylabel="steps until fitted")
    ax.set_title(
        "stars: best of the coarse grid; dashed: up to here the loss never rises", fontsize=9
    )
    ax.legend()
    return _save(figure, folder, "steps_against_rate", config)


def _speed_up(folder: RunFolder, config: dict, results: pd.DataFrame) -> Path:
    """Steps of depth 1 over steps of depth N against y1/y2, a panel for each p."""
    powers, depths = (sorted(config["options"][name]) for name in ("powers", "depths"))
    figure, axes = figures.new_figure(
        len(powers), "Speed-up over depth 1 against y1/y2, best rate of each", height=5
    )
    for ax, p in zip(axes, powers, strict=True):
        for index, depth in enumerate(n for n in depths if n > 1):
            cells = results[(results["p"] == p) & (results["depth"] == depth)].set_index("ratio")
            for column, (style, label) in STYLES.items():
                gain = cells.loc[cells[column] > 0, column]
                look = {
                    "color": figures.colour(index),
                    "markersize": 5,
                    "label": f"depth {depth}, {label}",
                }
                ax.loglog(gain.index, gain, style, fillstyle="none", **look)
                bound = gain[cells.loc[gain.index, "at_least"]]
                ax.plot(bound.index, bound * 1.3, "^", color=figures.colour(index), markersize=5)
        ax.axhline(1, color="#888888", linestyle=":")
        ax.set(
            title=f"p = {p} (triangle: at least, depth 1 not done)",
            xlabel="y1/y2",
            ylabel="speed-up",
        )
        if ax.lines[:-1]:
            ax.legend(fontsize=7)
    return _save(figure, folder, "speed_up", config)
