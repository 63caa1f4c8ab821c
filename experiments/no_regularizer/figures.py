"""The figures of `experiments.no_regularizer`, from the tables of its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.harness import figures
from overparam_tf.dynamics import closed_integral, end_to_end_field, theorem2_curve
from overparam_tf.runlog import RunFolder

MARKERS = "osD^"


@dataclass(frozen=True)
class FieldFigures:
    """Draws the figures of a run.

    Attributes:
        folder: The run folder; figures go into its `figures/`.
        record: Its config.json.
        results: Content of results.csv.
        curl: Content of curl.csv.
    """

    folder: RunFolder
    record: dict[str, Any]
    results: pd.DataFrame
    curl: pd.DataFrame

    def draw(self) -> list[Path]:
        """Draw all three figures."""
        return [
            self._draw_field(),
            self._draw_integral_against_depth(),
            self._draw_integral_against_radii(),
        ]

    def _draw_field(self) -> Path:
        """Draw F of a linear loss and the closed curve: depth 2 has a potential, depth 4 none."""
        title = "F of a linear loss and the closed curve of Theorem 2 (r not to scale)"
        figure, (left, right) = figures.new_figure(2, title, height=5.6)
        radius = self.record["options"]["outer_radius"]
        gradient = np.array([0.0, self.record["options"]["gradient_norm"]])
        axis = np.linspace(-1.25, 1.25, 23) * radius
        x, y = np.meshgrid(axis, axis)
        potential = np.hypot(x, y) * (gradient[1] * y)
        _draw_arrows(left, gradient, 2, x, y)
        left.contour(x, y, potential, levels=15, colors="#bbbbbb", linewidths=0.8)
        left.set_title("N = 2: = grad(|w| <w, g>), its levels in grey")
        _draw_arrows(right, gradient, 4, x, y)
        right.set_title("N = 4: no potential")
        for ax in (left, right):
            _draw_curve(ax, gradient, radius)
            ax.set(xlabel="w1", ylabel="w2 (along g)", aspect="equal")
            ax.set(xlim=(axis.min(), axis.max()), ylim=(axis.min(), axis.max()))
        return self._save(figure, "field")

    def _draw_integral_against_depth(self) -> Path:
        """Draw the integral, in units that make losses comparable, and the curl, against N."""
        title = "Is F a gradient field? Integral and curl against depth"
        figure, (left, right) = figures.new_figure(2, title, height=5)
        by_depth = self.results[self.results["over"] == "depth"]
        depths = np.linspace(1, by_depth["depth"].max(), 200)
        closed_form = [closed_integral(depth, 1.0, 0.5) for depth in depths]
        left.plot(depths, closed_form, color=figures.GREY, label="closed form (linear loss)")
        for index, (loss, rows) in enumerate(by_depth.groupby("loss", sort=False)):
            look = {
                "color": figures.colour(index),
                "marker": MARKERS[index],
                "fillstyle": "none",
                "label": loss,
            }
            unit = 2 * rows["gradient_norm"] * rows["outer_radius"] ** (3 - 2 / rows["depth"])
            left.plot(rows["depth"], rows["integral"] / unit, linestyle="", **look)
            curl = self.curl[self.curl["loss"] == loss]
            height = curl["relative_curl"].clip(lower=1e-12)
            right.semilogy(curl["depth"], height, linewidth=0.8, **look)
        left.set(xlabel="depth N", ylabel="integral / (2 |g(0)| R^(3-2/N))")
        left.set_yscale("asinh", linear_width=0.2)
        left.set_yticks([-0.1, 0, 0.1, 1, 10], labels=["-0.1", "0", "0.1", "1", "10"])
        right.set(xlabel="depth N", ylabel="largest curl, relative to the Jacobian (1e-12: 0)")
        for ax in (left, right):
            ax.legend(fontsize=8)
        return self._save(figure, "integral_against_depth")

    def _draw_integral_against_radii(self) -> Path:
        """Draw it against R, slope 3-2/N, and its distance from the limit against r, same slope."""
        title = "The integral against the curve's radii"
        figure, (left, right) = figures.new_figure(2, title, height=5)
        swept = self.results[self.results["over"] != "depth"]
        for index, (depth, rows) in enumerate(swept.groupby("depth")):
            look = {"color": figures.colour(index), "fillstyle": "none"}
            for loss, style in (("data, L4", "x:"), ("linear, 2-D", "o-")):
                outer = rows[(rows["loss"] == loss) & (rows["over"] == "outer")]
                label = f"N = {depth:g}, {loss}"
                left.loglog(
                    outer["outer_radius"], outer["integral"].abs(), style, label=label, **look
                )
            inner = rows[(rows["loss"] == "linear, 2-D") & (rows["over"] == "inner")]
            gap = (inner["integral"] - inner["limit"]).abs().clip(lower=1e-18)
            label = f"N = {depth:g}, linear: slope {3 - 2 / depth:.3g}"
            right.loglog(inner["inner_radius"], gap, "o-", label=label, **look)
        left.set(xlabel="R (r / R fixed)", ylabel="|integral|")
        right.set(xlabel="r", ylabel="|integral - closed form at r = 0|")
        for ax in (left, right):
            if ax.lines:
                ax.legend(fontsize=8)
        return self._save(figure, "integral_against_radii")

    def _save(self, figure: Figure, name: str) -> Path:
        options = self.record["options"]
        note = (
            f"data: {self.record['data']['label']} · R = {options['outer_radius']:g}, "
            f"r = {options['inner_radius']:g} · {options['nodes']} quadrature nodes a piece · "
            f"curl: seed {options['seed']} · float64 · {self.record['machine']}"
        )
        return figures.save_figure(figure, self.folder, name, note, self.record)


def _draw_arrows(ax: Axes, gradient: np.ndarray, depth: int, x: np.ndarray, y: np.ndarray) -> None:
    """Draw F of a linear loss with this gradient at the points of a grid."""
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    vectors = end_to_end_field(gradient, depth)(points)
    length = np.linalg.norm(vectors, axis=1)
    # The fourth root of the length: otherwise arrows near the origin would be too short to see.
    arrows = vectors / np.maximum(length, 1e-300)[:, None] ** 0.75
    ax.quiver(*points.T, *arrows.T, length, cmap="viridis", angles="xy", width=0.004)


def _draw_curve(ax: Axes, gradient: np.ndarray, radius: float) -> None:
    """Draw the closed curve, with an arrow halfway along each of its pieces."""
    colour = figures.colour(1)
    for segment in theorem2_curve(gradient, radius, radius / 5):
        path, _ = segment(np.linspace(0, 1, 60))
        ax.plot(*path.T, color=colour, linewidth=2)
        arrow = {"arrowstyle": "-|>", "color": colour}
        ax.annotate("", xy=path[31], xytext=path[29], arrowprops=arrow)
