"""The step-cost benchmark: goals on made-up costs, and a whole run against made-up workers."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.step_cost import contest as step_cost_contest
from experiments.benchmarks.step_cost import experiment as step_cost
from experiments.benchmarks.step_cost import scaling as step_cost_scaling
from experiments.benchmarks.step_cost.claims import (
    Goal,
    goal_claim,
    idle_claim,
    loss_claim,
    ratios,
    rows_claim,
    start_up_claim,
)
from experiments.benchmarks.step_cost.contestants import CONTESTANTS, cells_of, settings_of
from experiments.benchmarks.step_cost.experiment import main
from experiments.benchmarks.step_cost.scaling import AXES, COMPRESSED, fit_exponent
from experiments.report.page import page
from experiments.report.section import section_of
from overparam_tf.runlog import RunFolder
from tests.event_files import events
from tests.experiments.refusals import assert_refused

# Speaks the protocol and measures nothing: a step takes 1 ms, ten times as much in the worker `with_torch`.
# `with_jax` is not installed, and `with_numba` dies in its second burst.
FAKE = """
import json, sys
name, bursts = sys.argv[1], 0
if name == "with_jax":
    sys.exit("ModuleNotFoundError: No module named 'jax'")
print(json.dumps({"versions": {name: "1"}, "peak_bytes": 100}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "prepare":
        rows = request["task"]["data"]
        size = rows["rows"] if isinstance(rows, dict) else 1
        reply = {"seconds": 0.1, "start_loss": 2.0, "loss": None if request["entry"] == "products" else 1.0}
    elif request["do"] == "burst":
        bursts += 1
        if name == "with_numba" and bursts > 1:
            sys.exit("Segmentation fault")
        seconds = 1e-3 * request["steps"] * (10 if name == "with_torch" else 1)
        reply = {"steps": request["steps"], "seconds": seconds, "processor_seconds": seconds, "finite": True}
        reply |= {"idle_seconds": 1.0, "idle_processor_seconds": 0.001}
    else:
        reply = {"peak_bytes": 100 + size}
    print(json.dumps(reply), flush=True)
"""


@pytest.fixture
def fakes(monkeypatch):
    def command(name):
        return (
            [sys.executable, "-c", FAKE, name] if name != "start_up" else [sys.executable, "-c", ""]
        )

    for module in (step_cost, step_cost_contest, step_cost_scaling):
        monkeypatch.setattr(module, "peer_command", command)
    for module in (step_cost_contest, step_cost_scaling):
        monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.setattr(step_cost, "AXES", AXES[1:3])


def test_the_run_folder_explains_itself(fakes, tmp_path, capsys):
    main(
        [
            "--logdir",
            str(tmp_path),
            "--name",
            "run",
            "--depths",
            "1",
            "--rounds",
            "2",
            "--seconds",
            "0.002",
        ]
    )
    folder = tmp_path / "step_cost" / "run"
    assert {"command", "versions", "options"} <= set(
        json.loads((folder / "config.json").read_text())
    )
    results = pd.read_csv(folder / "results.csv")
    status = results.groupby("contestant")["status"].unique().str[0]
    assert (
        status["JAX scan"] == "missing: jax"
        and status["numba fused pass, one core"] == "failed: Segmentation fault"
    )
    assert (
        status.drop([name for name in status.index if "JAX" in name or "numba" in name])
        == "measured"
    ).all()
    ms = results[results["optimizer"] == "adam"].set_index("contestant")["ms"]
    np.testing.assert_allclose(
        ms[["sweep, 1 run", "sweep, 30 runs", "PyTorch loop"]], [1, 1 / 30, 10]
    )
    assert len(pd.read_csv(folder / "rounds.csv")) == 2 * (results["status"] == "measured").sum()
    scaling = pd.read_csv(folder / "scaling.csv")
    assert len(scaling) == 4 + 3 and (scaling["growth_bytes"] == scaling["rows"]).all()
    workers = json.loads((folder / "workers.json").read_text())
    assert (
        len(workers["start_up_seconds"]) == 2
        and "No module" in workers["workers"]["with_jax"]["error"]
    )
    first = capsys.readouterr().out
    figures = sorted(path.name for path in (folder / "figures").iterdir())
    assert len(figures) == 2 + 2 and "missing: jax: JAX scan, JAX vmap" in first
    main(["--logdir", str(tmp_path), "--redraw", "run"])
    assert capsys.readouterr().out == first
    said = {
        "claims",
        "settings",
        "how a step of the sweep scales",
        "not_measured",
        "figures/run_step",
    }
    assert said <= set(events(folder / "tb" / "charts"))
    assert "by size/ms a step" in events(folder / "tb" / "charts" / COMPRESSED)
    assert "<h3>How a step of the sweep scales</h3>" in page([section_of(RunFolder(folder))])


def test_every_worker_dead_is_a_result(monkeypatch, fakes, tmp_path, capsys):
    broken = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    for module in (step_cost, step_cost_contest, step_cost_scaling):
        monkeypatch.setattr(module, "peer_command", lambda name: broken)
    main(["--logdir", str(tmp_path), "--quick"])
    shown = capsys.readouterr().out
    assert (
        f"failed: no such luck: {', '.join(c.label for c in CONTESTANTS)}" in shown
        and " held" not in shown
    )


def made_up(costs):
    """Rounds of contestants, two settings, from lists of costs."""
    rows = [
        {
            "contestant": name,
            "optimizer": "sgd",
            "depth": depth,
            "round": number,
            "ms": ms * depth**power,
        }
        for name, (power, values) in costs.items()
        for depth in (1, 2)
        for number, ms in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_ratios_are_taken_within_rounds():
    # A drift by a hundred, the same for both, leaves no trace.
    rounds = made_up({"a": (1, [3.0, 30.0, 300.0]), "b": (0, [1.0, 10.0, 60.0])})
    np.testing.assert_allclose(
        ratios(rounds, "a", "b")[["median", "min", "max"]], [[3, 3, 5], [6, 6, 10]]
    )


@pytest.mark.parametrize(
    ("bounds", "held"),
    [
        ({"most": 6.1}, True),
        ({"most": 5.9}, False),
        ({"least": 2.9}, True),
        ({"least": 3.1}, False),
    ],
)
def test_a_goal_is_judged_by_its_worst_setting(bounds, held):
    rounds = made_up({"a": (1, [3.0, 30.0, 300.0]), "b": (0, [1.0, 10.0, 60.0])})
    claim = goal_claim(Goal("a / b", (("a", "b"),), **bounds), rounds)
    assert claim.held is held and "sgd, depth 2: 6 (6 to 10)" in claim.numbers


def test_a_goal_without_measurements_is_open():
    assert goal_claim(Goal("a / c", (("a", "c"),)), made_up({"a": (0, [1.0])})).held is None


@pytest.mark.parametrize(
    ("losses", "held"),
    [([1.0, 1.00005], True), ([1.0, 1.001], False), ([1.999, 1.999], False), ([1.0, np.nan], None)],
)
def test_losses_must_agree_and_have_moved(losses, held):
    results = pd.DataFrame({"contestant": ["a", "b"], "loss": losses}).assign(
        optimizer="sgd", depth=1, p=4
    )
    assert loss_claim(results.assign(start_loss=2.0)).held is held


@pytest.mark.parametrize(
    ("costs", "held"), [((1.0, 1.1, 1.15), True), ((1.0, 1.1, 1.5), False), ((1.0,), None)]
)
def test_compressed_costs_must_not_depend_on_rows(costs, held):
    cells = pd.DataFrame({"size": [1000, 10_000, 100_000][: len(costs)], "ms": costs})
    assert rows_claim(cells.assign(axis=COMPRESSED, status="measured")).held is held


@pytest.mark.parametrize(
    ("seconds", "held"), [([14.0], True), ([14.0, 15.5, 16.0], False), ([], None)]
)
def test_start_up_is_judged_by_its_median(seconds, held):
    assert start_up_claim(seconds).held is held


@pytest.mark.parametrize(("spun", "held"), [(0.001, True), (0.5, False)])
def test_waiting_workers_must_be_idle(spun, held):
    rounds = pd.DataFrame(
        {"worker": "a", "idle_seconds": [1.0, 9.0], "idle_processor_seconds": [0.0, spun]}
    )
    assert idle_claim(rounds).held is held


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_exponents_of_powers(exponent):
    sizes = np.array([1, 4, 16, 64, 256])
    assert fit_exponent(sizes, 7 * sizes**exponent) == pytest.approx(exponent, abs=1e-12)
    # What a step costs anyway does not count where it is small.
    assert fit_exponent(sizes * 1e3, 1e-3 + (sizes * 1e3) ** exponent) == pytest.approx(
        exponent, abs=1e-3
    )


def test_exponents_pass_over_what_was_not_measured():
    assert fit_exponent([1, 10, 100, 1000], [np.nan, 1, 10, np.nan]) == pytest.approx(1)
    assert np.isnan(fit_exponent([1, 2], [1, np.nan]))


def test_the_settings_are_those_of_the_comparison():
    settings = settings_of((1, 2, 3))
    assert (
        settings[:3] == [("sgd", 1), ("sgd", 2), ("sgd", 3)]
        and settings[-1] == ("adam", 3)
        and len(settings) == 8
    )
    cells = cells_of(settings)
    assert (
        len({cell.name for cell in cells})
        == len(cells)
        == len(CONTESTANTS) + 7 * sum(contestant.everywhere for contestant in CONTESTANTS)
    )


BAD = {
    "unknown part": ["--part", "all of it"],
    "depth zero": ["--depths", "0"],
    "depth nine": ["--depths", "9"],
    "depth twice": ["--depths", "2", "2"],
    "no rounds": ["--rounds", "0"],
    "fractional rounds": ["--rounds", "1.5"],
    "no time": ["--seconds", "0"],
    "NaN seconds": ["--seconds", "nan"],
    "endless burst": ["--seconds", "1e9"],
    "no timeout": ["--timeout", "0"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("step_cost", main, BAD[case], tmp_path / "logs", capsys)


def test_damaged_results_are_one_line(tmp_path, capsys):
    (tmp_path / "step_cost" / "run").mkdir(parents=True)
    (tmp_path / "step_cost" / "run" / "config.json").write_text('{"options": {"part": "all"}}')
    with pytest.raises(SystemExit):
        main(["--logdir", str(tmp_path), "--redraw", "run"])
    error = capsys.readouterr().err
    assert "results.csv" in error and error.count("\n") == 1
