"""Experiments run on TensorFlow, one on every backend of Keras; all else is one line."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

import experiments
from overparam_tf import InputError
from overparam_tf.runlog import RunFolder
from overparam_tf.runlog.event_file import PATTERN


def test_the_backend_of_keras_json_does_not_matter(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    experiments._choose_backend()
    assert experiments.os.environ["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize("backend", ["jax", "torch", "nonsense"])
def test_another_backend_is_refused(backend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(InputError, match=f"unset KERAS_BACKEND. Received: .*={backend}"):
        experiments._choose_backend()


@pytest.mark.parametrize("form", [["-m", "experiments.nonlinear"], ["-mexperiments.nonlinear"]])
def test_one_experiment_runs_on_every_backend(form, monkeypatch):
    monkeypatch.setattr(experiments.sys, "argv", ["-m"])
    monkeypatch.setattr(experiments.sys, "orig_argv", ["python", "-u", *form, "--quick"])
    for backend in ("jax", "torch"):
        monkeypatch.setenv("KERAS_BACKEND", backend)
        experiments._choose_backend()
    monkeypatch.setenv("KERAS_BACKEND", "nonsense")
    with pytest.raises(InputError, match=r"tensorflow, jax, torch; correct .*=nonsense"):
        experiments._choose_backend()


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_the_five_nets_on_jax(tmp_path):
    """A run of its own name, which says its backend, with curves for TensorBoard and figures."""
    options = (
        "--nets mlp --optimizers SGD --penalties none --depths 1 2 --seeds 0 --length 0.01 "
        f"--images 64 --data synthetic --behind-rule --logdir {tmp_path}"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "experiments.nonlinear", *options.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folder = RunFolder.open(tmp_path, "nonlinear", "nets-synthetic-digits-jax")
    record = folder.read_config()
    assert record["keras"]["backend"] == "jax" and record["versions"]["jax"]
    assert record["devices"] == ["CPU: cpu"]
    assert set(folder.read_table("verdicts.csv", ["net"])["penalty"]) == {"none", "rule"}
    assert list((folder.path / "depth 2").glob(PATTERN)) and list(folder.figures.glob("*.png"))


def test_where_a_program_starts_it_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(experiments.sys, "argv", ["-m"])
    with pytest.raises(SystemExit) as caught:
        experiments._prepare()
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.startswith("experiments: error: ")
    assert error.count("\n") == 1
