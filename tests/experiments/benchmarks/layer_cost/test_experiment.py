"""The cost of layers: who is timed when, multiply-adds by hand, verdicts, the run folder, bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.layer_cost.claims import at_most, claims_of, picks_the_faster
from experiments.benchmarks.layer_cost.compiled_steps import model_of
from experiments.benchmarks.layer_cost.experiment import main
from experiments.benchmarks.layer_cost.layers import MODELS, Kernel, dense
from experiments.benchmarks.timing import Times, interleave, timed
from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery import overparameterize
from tests.event_files import events, scalars
from tests.experiments.refusals import assert_refused

FIGURES = ["dense", "models", "orders"]


class Machine:
    """A clock that moves only when a contestant works, and a record of who worked."""

    def __init__(self, drift=0.0):
        self.now, self.drift, self.turns = 0.0, drift, []

    def contestant(self, name, seconds):
        def step():
            self.now += seconds * (1 + self.drift * self.now)

        run = timed(step, clock=lambda: self.now)

        def noted(steps):
            self.turns.append((name, steps))
            return run(steps)

        return noted

    def measure(self, speeds, *arguments):
        return interleave(
            {name: self.contestant(name, speed) for name, speed in speeds.items()}, *arguments
        )


def test_rounds_begin_with_each_contestant_in_turn():
    machine = Machine()
    times = machine.measure({"a": 1.0, "b": 1.0, "c": 1.0}, 12.0, 1, 4)
    turns = "".join(name for name, _ in machine.turns)
    assert (
        turns == "abc" * 2 + "abc" + "bca" + "cab" + "abc" and times.rounds == 4
    )  # two do not count


@pytest.mark.parametrize(
    ("seconds", "least", "most", "rounds", "steps"),
    [
        (60.0, 5, 50, 20, {"fast": 2, "slow": 1}),  # 3 s a round of one step each
        (3.0, 5, 50, 5, {"fast": 1, "slow": 1}),  # never below the least, whatever it takes
        (
            60.0,
            5,
            10,
            10,
            {"fast": 3, "slow": 2},
        ),  # time left over makes turns longer: 3 s for each
    ],
)
def test_time_is_shared_out(seconds, least, most, rounds, steps):
    machine = Machine()
    times = machine.measure({"fast": 1.0, "slow": 2.0}, seconds, least, most)
    assert times.rounds == rounds and dict(machine.turns[-2:]) == steps
    assert (times.of("fast").median, times.of("slow").median) == (1.0, 2.0)


def test_drift_cancels_in_ratios():
    machine = Machine(drift=0.002)
    times = machine.measure({"a": 1.0, "b": 1.0}, 400.0, 5, 50)
    assert times.of("a").high > 1.5 * times.of("a").low
    assert times.ratio("a", to="b").median == pytest.approx(1, abs=0.01)


def test_the_fastest_is_so_within_rounds():
    # Every round slows both down; the times of b have the lesser median, the rounds say a.
    times = Times({"a": np.array([1.0, 5.0, 9.0, 9.0]), "b": np.array([1.1, 5.5, 4.0, 9.9])})
    assert times.of("b").median < times.of("a").median and times.fastest(("a", "b")) == "a"


def test_timed_waits_for_the_last_step_before_it_reads_the_clock():
    machine = Machine()
    run = timed(
        lambda: None, finish=lambda: setattr(machine, "now", 7.0), clock=lambda: machine.now
    )
    assert run(3) == 7.0


@pytest.mark.parametrize(
    ("order", "forward", "step"),
    [
        ("plain", 2 * 4 * 6, 2 * 48),  # of a first layer the data need no gradient
        ("chain", 2 * (4 * 4 + 4 * 6), 3 * 80 - 32),
        ("kernel", 2 * 4 * 6 + 4 * 4 * 6 / 8, 2 * 48 + 3 * 12),
    ],
)
def test_multiply_adds_of_a_kernel_by_hand(order, forward, step):
    kernel, hidden = Kernel(2, 4, 6), Kernel(2, 4, 6, first=False)
    assert [kernel.multiply_adds(order, 8, step=flag) for flag in (False, True)] == [forward, step]
    assert hidden.multiply_adds(order, 8, step=True) == 3 * forward


@pytest.mark.parametrize(
    ("name", "plain", "factors", "parameters"),
    [
        ("conv1", 28 * 28 * 25 * 32, 28 * 28 * (25 * 25 + 25 * 32), 25 * 25 + 25 * 32 + 32),
        (
            "conv2",
            14 * 14 * 25 * 32 * 64,
            14 * 14 * (25 * 32 * 64 + 64 * 64),
            25 * 32 * 64 + 64 * 64 + 64,
        ),
        ("fc1", 3136 * 512, 3136 * 512 + 512 * 512, 3136 * 512 + 512 * 512 + 512),
        ("fc2", 5120, 5220, 5230),
        ("projection", 64 * 256**2, 64 * 2 * 256**2, 2 * 256**2 + 256),
        (
            "attention",
            64 * 4 * 256**2 + 2 * 64**2 * 256,
            64 * 8 * 256**2 + 2 * 64**2 * 256,
            4 * (2 * 256**2 + 256),
        ),
        ("up", 64 * 256 * 1024, 64 * (256**2 + 256 * 1024), 256**2 + 256 * 1024 + 1024),
        ("down", 64 * 1024 * 256, 64 * (1024 * 256 + 256**2), 1024 * 256 + 256**2 + 256),
    ],
)
def test_sizes_of_the_table_by_hand(name, plain, factors, parameters):
    measured = MODELS[name]
    assert measured.multiply_adds(["plain"] * len(measured.kernels)) == plain
    assert measured.multiply_adds(["chain"] * len(measured.kernels)) == factors
    assert overparameterize(model_of(measured.plain(), measured.shape)).count_params() == parameters


@pytest.mark.parametrize(("rows", "order"), [(32, "chain"), (1000, "kernel")])
def test_the_order_is_that_of_the_layer(rows, order):
    measured = dense(128, 10, rows)
    layer = FactorizedDense(10)
    layer.build((None, 128))
    assert measured.orders(layer) == [order] and measured.orders(measured.plain()) == ["plain"]


def cells(median, low, picked="chain", other=1.5):
    """The rows of one size: "auto" at the given ratio, chain the better order."""
    ratios = [
        ("chain", "chain", 1, 1, 1),
        ("kernel", "kernel", other, other / 2, 3),
        ("auto", picked, median, low, 2),
    ]
    rows = pd.DataFrame(
        ratios, columns=["contestant", "order", "to_better", "to_better_low", "to_better_high"]
    )
    return rows.assign(
        layer="8 x 4", batch=2, mode="step", compiler="xla", better="chain", part="dense"
    )


@pytest.mark.parametrize(
    ("median", "low", "held"), [(1.05, 1.0, True), (1.2, 1.04, None), (1.2, 1.06, False)]
)
def test_a_bound_is_open_where_rounds_disagree(median, low, held):
    rows = cells(median, low)
    assert at_most("text", rows[rows["contestant"] == "auto"], "to_better").held is held


@pytest.mark.parametrize(
    ("picked", "other", "held"),
    [("chain", 3.0, True), ("kernel", 1.5, True), ("kernel", 2.5, False)],
)
def test_a_pick_is_wrong_only_if_every_round_says_so(picked, other, held):
    assert picks_the_faster("xla", cells(1.0, 1.0, picked, other)).held is held


def test_a_run_of_one_part_judges_what_it_can():
    *_, collapsed = claims_of(cells(1.0, 1.0))
    assert collapsed.held is None and "not measured" in collapsed.numbers


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    options = [
        "--inputs",
        "16",
        "--units",
        "4",
        "--batches",
        "8",
        "--compilers",
        "graph",
        "--layers",
        "fc2",
    ]
    main(["--logdir", str(logdir), "--quiet", "--name", "run", "--seconds", "0.02", *options])
    return logdir / "layer_cost" / "run"


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert {"options", "command", "commit", "versions", "machine"} <= set(config) and config[
        "seconds"
    ] == 0.02
    results = (
        pd.read_csv(finished / "results.csv").set_index(["part", "mode", "contestant"]).sort_index()
    )
    assert len(results) == 4 + 3 + 3 + 3 and (results["rounds"] >= 5).all()
    step = results.loc[("dense", "step")]
    assert step["order"].to_dict() == {
        "plain": "plain",
        "chain": "chain",
        "kernel": "kernel",
        "auto": "chain",
    }
    assert step["parameters"].to_dict() == {"plain": 68, "chain": 84, "kernel": 84, "auto": 84}
    assert (
        step.loc[step["better"].iloc[0], "to_better"] == 1
        and (step["to_plain_low"] <= step["to_plain_high"]).all()
    )
    assert results.loc[("models", "fit", "collapsed"), "parameters"] == 5130
    trial = events(finished / "tb" / "dense" / "16 x 4, batch 8" / "step, graph, auto")
    assert scalars(trial, "multiply_adds")[0] == 16 * 4 + 4 * 4


def test_redraw_needs_only_the_folder(finished, capsys):
    for path in (finished / "figures").iterdir():
        path.unlink()
    main(["--logdir", str(finished.parents[1]), "--redraw", "run"])
    shown = capsys.readouterr().out
    assert sorted(path.stem for path in (finished / "figures").iterdir()) == FIGURES
    assert "16 x 4" in shown and "5,130" in shown and shown.count("(graph)") == 2
    assert {"claims", *(f"figures/{name}" for name in FIGURES)} <= set(
        events(finished / "tb" / "charts")
    )


BAD = {
    "unknown part": ["--part", "some"],
    "unknown compiler": ["--compilers", "gcc"],
    "unknown layer": ["--layers", "conv9"],
    "layer twice": ["--layers", "fc1", "fc1"],
    "no inputs": ["--inputs", "0"],
    "huge units": ["--units", "100000"],
    "batch twice": ["--batches", "8", "8"],
    "fractional batch": ["--batches", "1.5"],
    "no time": ["--seconds", "0"],
    "NaN seconds": ["--seconds", "nan"],
    "endless": ["--seconds", "inf"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("layer_cost", main, BAD[case], tmp_path / "logs", capsys)
