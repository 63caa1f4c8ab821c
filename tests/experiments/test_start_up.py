"""`--help` and bad options are answered before TensorFlow or Keras is imported."""

from __future__ import annotations

import json
import subprocess
import sys

from experiments.harness.registry import EXPERIMENTS

MODULES = [entry.module for entry in EXPERIMENTS] + [
    "experiments.all",
    "experiments.report",
    "experiments.board",
    "experiments.benchmarks.share_scaling",
    "experiments.benchmarks.strategy_table",
]
# Every command in a fork of one process, which costs less than a process for each. Output: the
# exit code, and what was imported.
ASK = """
import json, os, runpy, sys
import experiments.harness.options  # what most of them share
for module, *arguments in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if os.fork() == 0:
        sys.argv = ["-m", *arguments]
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as end:
            heavy = [name for name in ("tensorflow", "keras", "jax") if name in sys.modules]
            print(json.dumps([end.code, heavy]), file=sys.stderr, flush=True)
        os._exit(0)
    os.wait()
"""


def answers(*commands):
    """Return exit code, imports and first line of output of each command."""
    process = [sys.executable, "-c", ASK, json.dumps(commands)]
    done = subprocess.run(process, capture_output=True, text=True, timeout=120, check=True)
    ends = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[")]
    assert len(ends) == len(commands), done.stderr
    return done.stdout, done.stderr, ends


def test_help_needs_no_tensorflow():
    output, _, ends = answers(*([module, "--help"] for module in MODULES))
    assert dict(zip(MODULES, ends, strict=True)) == {module: [0, []] for module in MODULES}
    assert output.count("usage: ") == len(MODULES)


def test_bad_options_need_no_tensorflow():
    bad = [[module, "--no-such-option"] for module in MODULES]
    # Values that are refused by the options themselves, or by the folder of the runs.
    bad += [
        ["experiments.minimal", "--name", "../elsewhere"],
        ["experiments.depth_compare", "--depths", "2"],
        ["experiments.speedup", "--powers", "3"],
        ["experiments.plateau", "--powers", "3"],
        ["experiments.when_depth_helps", "--targets", "1.5"],
        ["experiments.optimizer_compare", "--redraw", "nothing"],
    ]
    _, errors, ends = answers(*bad)
    assert ends == [[2, []]] * len(bad), errors
    assert errors.count("error: ") == len(bad) and "Traceback" not in errors
