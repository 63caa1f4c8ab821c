"""A board: trials, lines, distributions and the layout of charts, as TensorBoard reads them."""

from __future__ import annotations

import pytest

from experiments.board.tree import read_dashboard
from experiments.harness.tensorboard import Board, Distribution, Line, Trial
from overparam_tf.runlog import RunFolder
from tests.event_files import events, scalars

BOARD = Board(
    title="made up, small data",
    metrics={"final_loss": "final loss"},
    trials=[
        Trial("GD", {"depth": 1.0}, {"final_loss": 0.5}, step=1),
        Trial("Adam", {"depth": 1.0, "rate": 9.0}, {"final_loss": float("nan")}, failed=True),
    ],
    lines=[
        Line("GD", "best rates/L2 (part 1)", ([0, 1], [1.0, 0.5])),
        Line("Adam", "best rates/L2 (part 1)", ([0, 1], [1.0, 0.25])),
        Line("GD", "by depth/steps", ([1, 2], [30.0, 20.0])),
        Line("GD", "no category", ([0], [1.0])),
    ],
    distributions=[Distribution("GD", "singular values/fc1", {0: [1.0, 2.0], 5: [3.0, 4.0]})],
)


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path, "made_up", "run")


def test_everything_is_written_once(folder):
    for _ in range(2):  # the second time in place of the first
        BOARD.write(folder)
    descent = events(folder.path / "GD")
    tag = "best rates/L2 (part 1)"
    assert scalars(descent, tag) == {0: 1.0, 1: 0.5} and scalars(descent, "final_loss") == {1: 0.5}
    assert len(descent[tag]) == 2
    assert [step for step, _ in descent["singular values/fc1"]] == [0, 5]
    failed = events(folder.path / "Adam")
    assert "final_loss" not in failed and "_hparams_/session_end_info" in failed
    assert scalars(failed, tag) == {0: 1.0, 1: 0.25}
    runs = {path.parent.name for path in folder.path.rglob("events*")}
    assert runs == {"GD", "Adam", "dashboard"}


def test_the_layout_keeps_the_order_of_the_lines(folder):
    BOARD.write(folder)
    dashboard = read_dashboard(folder.path / "dashboard")
    assert [info.name for info in dashboard.hparams] == ["depth", "rate"]
    assert [info.display_name for info in dashboard.metrics] == ["final loss"]
    assert [category.title for category in dashboard.categories] == [
        "made up, small data: best rates",
        "made up, small data: by depth",
        "made up, small data",
    ]
    first, _, last = dashboard.categories
    (chart,) = first.chart
    assert chart.title == "L2 (part 1)"
    assert list(chart.multiline.tag) == [r"^best\ rates/L2\ \(part\ 1\)$"]
    assert [chart.title for chart in last.chart] == ["no category"]


def test_an_empty_board_has_no_dashboard(folder):
    Board("nothing").write(folder)
    assert not (folder.path / "dashboard").exists()
