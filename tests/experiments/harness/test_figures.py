"""Figures: title and note in the PNG file, the note of a stand-in in red, curves up to a limit."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import same_color
from PIL import Image

from experiments.harness import figures
from overparam_tf.runlog import RunFolder


@pytest.mark.parametrize(
    ("record", "colour"),
    [
        ({"data": {"synthetic": True}}, figures.SYNTHETIC_COLOUR),
        ({"data": {"synthetic": False}}, figures.NOTE_COLOUR),
        ({"data": None}, figures.NOTE_COLOUR),
        ({}, figures.NOTE_COLOUR),
    ],
)
def test_title_and_note_are_in_the_file(record, colour, tmp_path):
    figure, _ = figures.new_figure(title="Loss")
    path = figures.save_figure(figure, RunFolder(tmp_path), "loss", "data · seed 0", record)
    assert path == tmp_path / "figures" / "loss.png"
    with Image.open(path) as image:
        assert (image.info["Title"], image.info["Description"]) == ("Loss", "data · seed 0")
    assert same_color(figure._supxlabel.get_color(), colour)


def test_curves_end_at_the_limit():
    _, (ax,) = figures.new_figure()
    figures.plot_losses(ax, (np.arange(4), np.array([2.0, 1.0, 5.0, np.nan])), top=3.0)
    (line,) = ax.lines
    assert np.isfinite(line.get_ydata()).tolist() == [True, True, False, False]


def test_colours_repeat_after_the_palette():
    count = len(figures.COLOURS)
    assert figures.colour(count) == figures.colour(0) != figures.colour(count - 1)


def test_losses_are_written_as_in_the_paper_and_other_words_stay():
    written = figures.as_the_paper_writes("L4, mean(e^4)/4 of L2 and HTML5 at 3L4")
    assert written == r"$\ell_{4}$, mean($e^{4}$)/4 of $\ell_{2}$ and HTML5 at 3L4"


@pytest.mark.parametrize("scales", [{}, {"yscale": "log"}, {"xscale": "log", "yscale": "log"}])
def test_curves_without_a_finite_number_are_drawn_as_that(scales, tmp_path):
    figure, (ax,) = figures.new_figure()
    ax.plot([], [], label="every rate diverged")
    ax.plot([1, 2], [np.nan, np.nan])
    ax.axhline(0.05)
    ax.set(**scales)
    assert figures.save_figure(figure, RunFolder(tmp_path), "loss", "", {}).is_file()
    assert [text.get_text() for text in ax.texts] == [figures.NOTHING]


def test_a_curve_with_a_number_has_no_such_text(tmp_path):
    figure, (ax,) = figures.new_figure()
    ax.plot([1, 2], [np.nan, 3.0])
    figures.save_figure(figure, RunFolder(tmp_path), "loss", "", {})
    assert not ax.texts


@pytest.mark.parametrize("label", ["$x_{$", "[/x]", r"L4 \$", "50 $ and $", "a\nb\x00", "\ud800"])
def test_labels_of_any_letters_are_drawn(label, tmp_path):
    figure, (ax,) = figures.new_figure(title=f"L4: {label.splitlines()[0]}")
    ax.plot([1, 2], [1, 2], label=label.encode("utf-8", "replace").decode())
    ax.legend()
    path = figures.save_figure(figure, RunFolder(tmp_path), "loss", f"{label}, L4", {})
    with Image.open(path) as image:
        assert "L4" in image.info["Description"]


def two_panels():
    figure, (ax, other) = figures.new_figure(2, title="Loss")
    ax.plot([1, 2], [1e-5, 3.0], label="a")
    ax.set(yscale="log", ylabel="loss", title="left")
    other.set_yticks([0, 1], labels=["first", "$second$"])
    figures.place_legend(ax)
    return figure


def test_a_figure_is_laid_out_as_matplotlib_would(tmp_path):
    path = figures.save_figure(two_panels(), RunFolder(tmp_path), "loss", "data", {})
    plain = two_panels()
    plain.supxlabel("data", fontsize=7.5, color=figures.NOTE_COLOUR)
    plain.savefig(tmp_path / "plain.png", dpi=figures.DOTS_PER_INCH)
    with Image.open(path) as ours, Image.open(tmp_path / "plain.png") as expected:
        assert ours.tobytes() == expected.tobytes()
