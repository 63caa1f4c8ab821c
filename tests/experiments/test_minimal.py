"""The shortest experiment: one page of code, and its verdict follows from its numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.harness.results import read_results
from experiments.harness.sweeps import read_run
from experiments.minimal import experiment as minimal
from overparam_tf.runlog import RunFolder


@pytest.mark.parametrize(("steps", "held"), [(200, False), (12_000, True)])
def test_the_verdict_follows_from_the_numbers(steps, held, tmp_path, capsys):
    options = ["--logdir", str(tmp_path), "--data", "synthetic", "--steps", str(steps)]
    minimal.EXPERIMENT.main(options)
    (path,) = (tmp_path / "minimal").iterdir()
    folder = RunFolder(path)
    record, history = read_run(folder)
    (claim,), (figure,) = read_results(folder).claims, read_results(folder).figures
    names = (minimal.PLAIN, minimal.ADAGRAD, minimal.PRODUCT)
    plain, adagrad, product = (history.best(name)["final_loss"] for name in names)
    floor = record["losses"][0]["floor"]
    shown = capsys.readouterr().out
    assert claim.held is held and f"{claim.verdict}  {claim.text}" in shown
    assert record["data"]["synthetic"] and "SYNTHETIC" in shown
    assert (product < min(plain, adagrad)) == held
    assert floor < min(plain, adagrad, product) and figure.stat().st_size > 10_000


def test_it_is_one_page():
    assert len(Path(minimal.__file__).read_text().splitlines()) < 130
