"""The table of strategies: cases of each kind measured, lines of made-up results, bad input."""

from __future__ import annotations

import math

import pytest

from experiments.benchmarks.strategy_table.cases import (
    LOOPS,
    Case,
    Result,
    loop_cases,
    sweep_cases,
)
from experiments.benchmarks.strategy_table.command import STRATEGIES, main, table_lines
from experiments.benchmarks.strategy_table.measure import run_loop, run_sweep
from overparam_tf import get_strategy

CASES = [*sweep_cases(), *(case for loop in LOOPS for case in loop_cases(loop))]


def test_loops_agree_on_one_device():
    strategy = get_strategy("cpu", report=lambda line: None)
    fitted = run_loop(Case("fit", False, 10), strategy)
    trained = run_loop(Case("train", True, 10), strategy)
    assert trained.losses == pytest.approx(fitted.losses, rel=1e-4)
    assert len(fitted.losses) == 5 and fitted.seconds > 0 and trained.seconds > 0


def test_a_sweep_returns_every_loss():
    result = run_sweep(sweep_cases()[0], get_strategy("cpu", report=lambda line: None))
    assert len(result.losses) == 6 * 101 and all(map(math.isfinite, result.losses))


def test_lines_of_made_up_results():
    whole = {case: Result([1.0, 2.0], 0.001) for case in CASES}
    failed = {**whole, Case("fit", True, 1): Result(error="InvalidArgumentError")}
    hanging = {case: Result([1.0, 2.02], 0.002) for case in CASES[:3]}
    lines = list(table_lines({"one CPU": whole, "other": failed, "workers": hanging}))
    assert lines[:4] == [
        "| strategy | loop | 1 a call | 10 a call | 50 a call "
        "| 1 a call, XLA | 10 a call, XLA | 50 a call, XLA |",
        "|---|---|---|---|---|---|---|---|",
        "| one CPU | `train` |" + " 0e+00, 1.0 ms |" * 6,
        "| one CPU | `fit` |" + " 0e+00, 1.0 ms |" * 6,
    ]
    assert lines[5].split(" | ")[5] == "InvalidArgumentError"
    assert lines[6] == "| workers | `train` | 1e-02, 2.0 ms |" + " hangs or ends |" * 5
    assert lines[-2:] == [
        "Sweep.run, workers: 1e-02, 2.0 ms",
        "Sweep.run, batches, workers: 1e-02, 2.0 ms",
    ]


def test_the_first_strategy_is_what_all_are_compared_with():
    assert next(iter(STRATEGIES)) == "one CPU"


BAD = {
    "no devices": ["--measure", "0"],
    "part of a device": ["--measure", "1.5"],
    "unknown option": ["--devices", "2"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, capsys):
    with pytest.raises(SystemExit) as caught:
        main(BAD[case])
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.startswith("strategy_table: error: ") and error.count("\n") == 1
