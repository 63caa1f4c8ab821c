"""The event files, read back the way TensorBoard reads them."""

from __future__ import annotations

import resource

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from overparam_tf import InputError
from overparam_tf.runlog import TensorBoardLog, run_name
from overparam_tf.runlog.event_file import EventFile
from overparam_tf.runlog.tensorboard import CHARTS, TAKEN
from tests.event_files import events, scalars


@pytest.fixture
def log(tmp_path):
    return TensorBoardLog(tmp_path)


def test_a_trial_has_outcome_and_hyperparameters(log, tmp_path):
    outcome = {"final_loss": 2.0, "excess_loss": float("nan")}
    hparams = {"optimizer": "SGD", "learning_rate": 0.1}
    log.trial("GD, depth 2", hparams, outcome, step=20, failed=True)
    values = events(tmp_path / "GD, depth 2")
    assert scalars(values, "final_loss") == {20: 2.0}
    assert "excess_loss" not in values
    start = _hparams(values, "_hparams_/session_start_info").session_start_info.hparams
    assert start["optimizer"].string_value == "SGD" and start["learning_rate"].number_value == 0.1
    end = _hparams(values, "_hparams_/session_end_info").session_end_info
    assert end.status == api_pb2.STATUS_FAILURE


def _hparams(values, tag):
    return plugin_data_pb2.HParamsPluginData.FromString(
        values[tag][0][1].metadata.plugin_data.content
    )


def test_trials_of_two_logs_are_not_taken_for_repetitions_of_one(tmp_path):
    groups = set()
    for name in ("first", "second"):
        folder = tmp_path / "experiment" / name
        TensorBoardLog(folder).trial("GD", {"depth": 1}, {})
        groups.add(
            _hparams(
                events(folder / "GD"), "_hparams_/session_start_info"
            ).session_start_info.group_name
        )
    expected = {f"GD, {tmp_path.name}/experiment/{name}" for name in ("first", "second")}
    assert groups == expected


def test_the_layout_names_its_charts(log, tmp_path):
    log.layout({"experiment": {"best": ["^best/"], "all": ["loss"]}})
    ((_, value),) = events(tmp_path / "dashboard")["custom_scalars__config__"]
    layout = layout_pb2.Layout.FromString(tf.make_ndarray(value.tensor).item())
    assert [chart.title for chart in layout.category[0].chart] == ["best", "all"]
    assert list(layout.category[0].chart[0].multiline.tag) == ["^best/"]


def test_the_first_five_hyperparameters_are_shown_unasked(log, tmp_path):
    log.declare("abcdefg", {"loss": "final loss"})
    experiment = _hparams(events(tmp_path / "dashboard"), "_hparams_/experiment").experiment
    assert [info.name for info in experiment.hparam_infos if info.differs] == list("abcde")
    assert [(info.name.tag, info.display_name) for info in experiment.metric_infos] == [
        ("loss", "final loss")
    ]


def test_a_new_report_takes_the_place_of_the_old(log, tmp_path):
    with log.file(CHARTS) as file:
        file.scalars("chart", [0], [1.0])
    figure = Figure(figsize=(2, 1))
    figure.savefig(tmp_path / "chart.png", dpi=100)
    for text in ("first", "second"):
        log.report([tmp_path / "chart.png"], {"results": text})
    values = events(tmp_path / "charts")
    ((_, image),) = values["figures/chart"]
    assert image.metadata.plugin_data.plugin_name == "images"
    assert tf.make_ndarray(image.tensor).tolist() == [
        b"200",
        b"100",
        (tmp_path / "chart.png").read_bytes(),
    ]
    assert [tf.make_ndarray(value.tensor).item() for _, value in values["results"]] == [b"second"]
    assert scalars(values, "chart") == {0: 1.0}


def test_a_curve_may_be_written_in_parts(log, tmp_path):
    with log.file("GD, depth 2") as file:
        file.scalars("loss", [0], [2.0])
        file.flush()
        assert scalars(events(tmp_path / "GD, depth 2"), "loss") == {0: 2.0}
        file.scalars("loss", [1], [1.0])
    assert scalars(events(tmp_path / "GD, depth 2"), "loss") == {0: 2.0, 1: 1.0}


def test_a_distribution_has_a_histogram_a_step(log, tmp_path):
    with log.file("GD") as file:
        file.histogram("singular values", [1.0, 1.0], 0)
        file.histogram("singular values", [1.0, 2.0, 3.0], 9)
    points = events(tmp_path / "GD")["singular values"]
    counts = {step: tf.make_ndarray(value.tensor)[:, 2].sum() for step, value in points}
    assert counts == {0: 2, 9: 3}


def test_a_full_disk_is_one_line(log, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(
            InputError, match=r"Cannot write TensorBoard's files: .*File too large.* are intact"
        ):
            with log.file("GD") as file:
                file.scalars("loss", range(100_000), np.ones(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_values_that_float32_cannot_hold_are_left_out(log, tmp_path):
    with log.file("GD") as file:
        file.scalars("loss", [0, 1, 2, 3], [1.0, 1e39, float("inf"), float("nan")])
    assert scalars(events(tmp_path / "GD"), "loss") == {0: 1.0}


@pytest.mark.parametrize("variant", ["GD, depth 3", "a/b", "größe", "x\ny", "..", "figures", "tb"])
def test_run_names_are_one_folder_and_no_other_of_a_run_folder(variant):
    name = run_name(variant)
    assert "/" not in name and name not in ("", ".", "..", *TAKEN)


def test_an_earlier_attempt_is_cleared_and_nothing_else(log, tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "loss.png").write_text("")
    for folder in ("GD", "tb/GD/lr=0.1", "tb/charts"):  # the latter of an earlier version
        with EventFile(tmp_path / folder):
            pass
    log.clear()
    assert [path.name for path in tmp_path.rglob("*")] == ["figures", "loss.png"]


def test_what_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="TensorBoard") as caught:
        TensorBoardLog(tmp_path / "file").file("GD").__enter__()
    assert "\n" not in str(caught.value)
