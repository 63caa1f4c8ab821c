"""Experiments run on TensorFlow: another backend of Keras is one line."""

from __future__ import annotations

import pytest

import experiments
from overparam_tf import InputError


def test_the_backend_of_keras_json_does_not_matter(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    experiments._choose_backend()
    assert experiments.os.environ["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize("backend", ["jax", "torch", "nonsense"])
def test_another_backend_is_refused(backend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(InputError, match=f"unset KERAS_BACKEND. Received: .*={backend}"):
        experiments._choose_backend()


def test_where_a_program_starts_it_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(experiments.sys, "argv", ["-m"])
    with pytest.raises(SystemExit) as caught:
        experiments._prepare()
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.startswith("experiments: error: ")
    assert error.count("\n") == 1
