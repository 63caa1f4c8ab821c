"""One look for every figure; each names its data set, and a stand-in says in red that it is one."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Okabe and Ito's palette: told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")


def new_figure(columns: int = 1, title: str = "", height: float = 4.6) -> tuple[Figure, list[Axes]]:
    """A figure with a row of axes. Made without pyplot: no global state, no display."""
    figure = Figure(figsize=(0.8 + 5.6 * columns, height), layout="constrained")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    figure.suptitle(title)
    for ax in axes:
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def colour(index: int) -> str:
    """The colour of the index-th curve."""
    return COLOURS[index % len(COLOURS)]


def plot_losses(ax: Axes, curve: tuple[np.ndarray, np.ndarray], top: float, **style) -> None:
    """Draws a loss curve as far as it stays below `top`; a blow-up by 300 decades would flatten all others."""
    steps, losses = curve
    ax.plot(steps, np.where(losses <= top, losses, np.nan), **style)


def log_loss_axis(ax: Axes) -> None:
    """A logarithmic y axis with plain numbers at 1, 2 and 5 times the powers of ten."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def step_axis(ax: Axes) -> None:
    """A linear x axis of steps, with separators."""
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def save_figure(figure: Figure, path: Path, note: str, synthetic: bool) -> Path:
    """Stamps data set and settings at the foot and writes a PNG, which carries its title and that note as text too."""
    lines = textwrap.fill(note, width=int(16 * figure.get_figwidth()))
    figure.supxlabel(lines, fontsize=7.5, color="#c00000" if synthetic else "#555555")
    figure.savefig(path, dpi=130, metadata={"Title": figure.get_suptitle(), "Description": note})
    return path
