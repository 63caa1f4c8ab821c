"""The style of all figures; the note at a figure's foot is red if its data are a stand-in."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from overparam_tf.errors import one_line
from overparam_tf.runlog import RunFolder

# Okabe and Ito's palette: colour-blind readers can tell its colours apart.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933",
)  # fmt: skip
# The curves of a figure differ in more than colour.
LINES, MARKERS = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (9, 2))), "os^DvPX*"
# Reference lines: floors, targets, a ratio of 1.
GREY = "#888888"
# What axes say of which no curve has a point.
NOTHING = "no finite number to show"
DOTS_PER_INCH = 130
NOTE_COLOUR, SYNTHETIC_COLOUR = "#555555", "#c00000"


def new_figure(columns: int = 1, title: str = "", height: float = 4.6) -> tuple[Figure, list[Axes]]:
    """Return a figure with a row of axes, made without pyplot: no global state, no display."""
    figure = Figure(figsize=(0.8 + 5.6 * columns, height), layout="constrained")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    figure.suptitle(title)
    for ax in axes:
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def colour(index: int) -> str:
    """Return the colour of the curve of this index."""
    return COLOURS[index % len(COLOURS)]


def line_style(index: int) -> dict[str, Any]:
    """Return colour and dashes of the curve of this index."""
    return {"color": colour(index), "linestyle": LINES[index % len(LINES)]}


def marker_style(index: int) -> dict[str, Any]:
    """Return colour and marker of the points of this index, joined by a line."""
    marker = MARKERS[index % len(MARKERS)]
    return {"color": colour(index), "marker": marker, "linestyle": "-", "markersize": 5}


def place_legend(ax: Axes, **options: Any) -> None:
    """Place a legend below the axes, where it hides no point."""
    look = {"fontsize": 8, "title_fontsize": 8, "frameon": False, "ncols": 3}
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), **{**look, **options})


def as_the_paper_writes(text: str) -> str:
    """Return a text with the paper's letter for the l_p losses.

    Example:
        >>> print(as_the_paper_writes("L4, mean(e^4)/4: depth 2"))
        $\\ell_{4}$, mean($e^{4}$)/4: depth 2
    """
    text = re.sub(r"\bL(\d+)\b", r"$\\ell_{\1}$", text)
    return re.sub(r"mean\(e\^(\d+)\)", r"mean($e^{\1}$)", text)


def plot_losses(ax: Axes, curve: tuple[np.ndarray, np.ndarray], top: float, **style: Any) -> None:
    """Draw a loss curve as far as it stays below `top`.

    A divergence by 300 decades would flatten all other curves.
    """
    steps, losses = curve
    ax.plot(steps, np.where(losses <= top, losses, np.nan), **style)


def log_loss_axis(ax: Axes) -> None:
    """Set a logarithmic y axis with plain numbers at 1, 2 and 5 times the powers of ten."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def step_axis(ax: Axes) -> None:
    """Set a linear x axis of steps, with separators."""
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def save_figure(
    figure: Figure, folder: RunFolder, name: str, note: str, record: Mapping[str, Any]
) -> Path:
    """Write `figures/NAME.png`, with a note at its foot.

    Args:
        figure: The figure.
        folder: The run folder.
        name: The file's name without its ending.
        note: Data and settings; title and note are also in the PNG file as text.
        record: The run's config.json. Where its data are a stand-in, the note is red.

    Returns:
        The path of the file.
    """
    synthetic = bool((record.get("data") or {}).get("synthetic"))
    note = one_line(note, most=2000)
    lines = textwrap.fill(note, width=int(16 * figure.get_figwidth()))
    lines = lines.replace("$", r"\$")  # labels of data and machine are no formulas
    figure.supxlabel(lines, fontsize=7.5, color=SYNTHETIC_COLOUR if synthetic else NOTE_COLOUR)
    path = folder.figures / f"{name}.png"
    title = one_line(figure.get_suptitle())
    for ax in figure.axes:
        _make_drawable(ax)
    for text in _written_texts(figure):
        _write_formulas(text)
    _lay_out(figure)
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Title": title, "Description": note})
    return path


def _lay_out(figure: Figure) -> None:
    """Place what a figure holds; `savefig` would draw the whole figure once more to do so."""
    figure.set_dpi(DOTS_PER_INCH)
    engine = figure.get_layout_engine()
    if engine is not None:
        FigureCanvasAgg(figure)  # without it each text would be measured by a renderer of its own
        engine.execute(figure)
        figure.set_layout_engine("none")


def _written_texts(figure: Figure) -> Iterator[Text]:
    """Yield the texts of a figure, but not the numbers at its ticks, which are most of them."""
    for ax in figure.axes:
        for child in ax.get_children():
            if not isinstance(child, Axis):
                yield from child.findobj(Text)
                continue
            yield child.label
            if isinstance(child.get_major_locator(), FixedLocator):
                yield from child.get_ticklabels()
    for child in figure.get_children():
        if not isinstance(child, Axes):
            yield from child.findobj(Text)


def _write_formulas(text: Text) -> None:
    """Write the paper's letters; a text that only looks like a formula is drawn as it is."""
    lines = as_the_paper_writes(text.get_text()).split("\n")
    written = "\n".join(one_line(line) for line in lines)
    if written != text.get_text():
        text.set_text(written)
    try:
        for line in written.splitlines():
            if is_math_text(line):
                MathTextParser("path").parse(line)
    except ValueError:
        text.set_parse_math(False)


def _make_drawable(ax: Axes) -> None:
    """Say so on axes without a number to show, and give their logarithms a range of their own."""
    curves = [line for line in ax.lines if line.get_transform() == ax.transData]
    if curves and not any(_has_points(ax, line) for line in curves):
        ax.text(0.5, 0.5, NOTHING, transform=ax.transAxes, ha="center", color=GREY)
    for axis, limits, set_limits in (
        (ax.xaxis, ax.get_xlim, ax.set_xlim),
        (ax.yaxis, ax.get_ylim, ax.set_ylim),
    ):
        low, high = limits()
        if axis.get_scale() == "log" and not 0 < low < high < np.inf:
            set_limits(0.1, 10)


def _has_points(ax: Axes, line: Line2D) -> bool:
    """Return whether a line has a point that can be seen on the scales of its axes."""
    visible = np.ones(len(line.get_xdata()), bool)
    for values, scale in ((line.get_xdata(), ax.get_xscale()), (line.get_ydata(), ax.get_yscale())):
        numbers = np.asarray(values, float)
        visible &= np.isfinite(numbers) & ((numbers > 0) | (scale != "log"))
    return bool(visible.any())
