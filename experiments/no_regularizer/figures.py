"""The figures of `experiments.no_regularizer`, from the tables of its run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.harness import figures
from overparam_tf.dynamics import closed_integral, end_to_end_field, theorem2_curve
from overparam_tf.runlog import RunFolder

MARKERS = "osD^"


def draw_all(
    folder: RunFolder, config: dict, results: pd.DataFrame, curl: pd.DataFrame
) -> list[Path]:
    """All three figures."""
    return [
        _field(folder, config),
        _integral_against_depth(folder, config, results, curl),
        _integral_against_radii(folder, config, results),
    ]


def _save(figure, folder: RunFolder, name: str, config: dict) -> Path:
    options = config["options"]
    note = (
        f"data: {config['data']['label']} · R = {options['outer_radius']:g}, r = {options['inner_radius']:g} · "
        f"{options['nodes']} quadrature nodes a piece · curl: seed {options['seed']} · float64 · {config['machine']}"
    )
    return figures.save_figure(
        figure, folder.figures / f"{name}.png", note, config["data"]["synthetic"]
    )


def _field(folder: RunFolder, config: dict) -> Path:
    """F of a linear loss in the plane and the closed curve: depth 2 with its potential, depth 4, which has none."""
    figure, axes = figures.new_figure(
        2, "F of a linear loss and the closed curve of Theorem 2 (r not to scale)", height=5.6
    )
    radius = config["options"]["outer_radius"]
    gradient = np.array([0.0, config["options"]["gradient_norm"]])
    curve = theorem2_curve(gradient, radius, radius / 5)
    axis = np.linspace(-1.25, 1.25, 23) * radius
    x, y = np.meshgrid(axis, axis)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    for ax, depth, text in zip(
        axes, (2, 4), ("= grad(|w| <w, g>), its levels in grey", "no potential"), strict=True
    ):
        vectors = end_to_end_field(gradient, depth)(points)
        length = np.linalg.norm(vectors, axis=1)
        # The fourth root of the length, or arrows near the origin would not be seen.
        arrows = vectors / np.maximum(length, 1e-300)[:, None] ** 0.75
        ax.quiver(*points.T, *arrows.T, length, cmap="viridis", angles="xy", width=0.004)
        if depth == 2:
            ax.contour(
                x,
                y,
                np.hypot(x, y) * (gradient[1] * y),
                levels=15,
                colors="#bbbbbb",
                linewidths=0.8,
            )
        for segment in curve:
            path, _ = segment(np.linspace(0, 1, 60))
            ax.plot(*path.T, color=figures.colour(1), linewidth=2)
            ax.annotate(
                "", path[31], path[29], arrowprops={"arrowstyle": "-|>", "color": figures.colour(1)}
            )
        ax.set(
            title=f"N = {depth}: {text}",
            xlabel="w1",
            ylabel="w2 (along g)",
            aspect="equal",
            xlim=axis[[0, -1]],
            ylim=axis[[0, -1]],
        )
    return _save(figure, folder, "field", config)


def _integral_against_depth(
    folder: RunFolder, config: dict, results: pd.DataFrame, curl: pd.DataFrame
) -> Path:
    """The integral, in units that make losses comparable, and the curl, against N."""
    figure, (left, right) = figures.new_figure(
        2, "Is F a gradient field? Integral and curl against depth", height=5
    )
    at_r = results[results["over"] == "depth"]
    depths = np.linspace(1, at_r["depth"].max(), 200)
    left.plot(
        depths,
        [closed_integral(n, 1.0, 0.5) for n in depths],
        color="#888888",
        label="closed form (linear loss)",
    )
    for index, (loss, rows) in enumerate(at_r.groupby("loss", sort=False)):
        look = {
            "color": figures.colour(index),
            "marker": MARKERS[index],
            "fillstyle": "none",
            "label": loss,
        }
        unit = 2 * rows["gradient_norm"] * rows["outer_radius"] ** (3 - 2 / rows["depth"])
        left.plot(rows["depth"], rows["integral"] / unit, linestyle="", **look)
        rows = curl[curl["loss"] == loss]
        right.semilogy(
            rows["depth"], rows["relative_curl"].clip(lower=1e-12), linewidth=0.8, **look
        )
    left.set(xlabel="depth N", ylabel="integral / (2 |g(0)| R^(3-2/N))")
    left.set_yscale("asinh", linear_width=0.2)
    left.set_yticks([-0.1, 0, 0.1, 1, 10], labels=["-0.1", "0", "0.1", "1", "10"])
    right.set(xlabel="depth N", ylabel="largest curl, relative to the Jacobian (1e-12: 0)")
    for ax in (left, right):
        ax.legend(fontsize=8)
    return _save(figure, folder, "integral_against_depth", config)


def _integral_against_radii(folder: RunFolder, config: dict, results: pd.DataFrame) -> Path:
    """Against R: slope 3-2/N; against r: the way to the limit, with the same slope."""
    figure, (left, right) = figures.new_figure(
        2, "The integral against the curve's radii", height=5
    )
    chosen = results[results["loss"].isin(("linear, 2-D", "data, L4"))]
    for index, (depth, rows) in enumerate(chosen[chosen["over"] != "depth"].groupby("depth")):
        for loss, part in rows.groupby("loss"):
            style = "o-" if loss == "linear, 2-D" else "x:"
            look = {
                "color": figures.colour(index),
                "fillstyle": "none",
                "label": f"N = {depth:g}, {loss}",
            }
            outer, inner = part[part["over"] == "outer"], part[part["over"] == "inner"]
            left.loglog(outer["outer_radius"], outer["integral"].abs(), style, **look)
            if loss == "linear, 2-D":
                gap = (inner["integral"] - inner["limit"]).abs()
                look["label"] = f"N = {depth:g}, linear: slope {3 - 2 / depth:.3g}"
                right.loglog(inner["inner_radius"], gap.clip(lower=1e-18), style, **look)
    left.set(xlabel="R (r / R fixed)", ylabel="|integral|")
    right.set(xlabel="r", ylabel="|integral - closed form at r = 0|")
    for ax in (left, right):
        if ax.lines:
            ax.legend(fontsize=8)
    return _save(figure, folder, "integral_against_radii", config)
