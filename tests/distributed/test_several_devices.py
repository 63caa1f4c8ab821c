from __future__ import annotations

import numpy as np
import pytest

from tests.distributed.cases import CASES, MORE_CASES, assert_same
from tests.distributed.fit_cases import ON_TWO_DEVICES
from tests.distributed.sweeps import SWEEPS
from tests.processes import start

LIMIT = 300  # seconds
QUICK_SWEEPS = [name for name in SWEEPS if name != "every optimizer"]


def run(path, chosen):
    log = path.with_suffix(".log")
    process = start("tests.distributed.several_devices", [str(path), *chosen], {}, log)
    process.join(LIMIT)
    process.kill()
    process.join()
    assert process.exitcode == 0, log.read_text()
    with np.load(path) as arrays:
        return dict(arrays)


def of(results, what):
    return {
        name.removeprefix(f"{what}/"): value
        for name, value in results.items()
        if name.startswith(f"{what}/")
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    cases = [f"{name}/{count}" for name in (*CASES, *ON_TWO_DEVICES) for count in (1, 2)]
    sweeps = [
        *(f"{name}/{count}" for name in QUICK_SWEEPS for count in (1, 2)),
        "batches/4",
        "killed/2",
    ]
    chosen = [*cases, "momentum/4", "batch normalization", "dropout", *sweeps]
    return run(tmp_path_factory.mktemp("devices") / "a.npz", chosen)


@pytest.mark.parametrize("what", [*(f"{name}/2" for name in CASES), "momentum/4"])
def test_several_devices_train_as_one_does(results, what):
    assert_same(of(results, what), of(results, what.split("/")[0] + "/1"))


@pytest.mark.parametrize("name", ON_TWO_DEVICES)
def test_what_fit_takes_is_the_same_on_two_devices(results, name):
    # Sums of float16 gradients are rounded in another order.
    tolerance = 2e-3 if name == "mixed_float16" else 1e-5
    assert_same(of(results, f"{name}/2"), of(results, f"{name}/1"), tolerance)


@pytest.mark.parametrize("what", [*(f"{name}/2" for name in QUICK_SWEEPS), "batches/4"])
def test_a_sweep_on_several_devices_is_that_of_one(results, what):
    assert_same(of(results, what), of(results, what.split("/")[0] + "/1"))


def test_the_sweeps_compared_learn_and_diverge(results):
    expected = of(results, "batches/1")
    assert (
        expected["diverged_at"].max() > 0
        and sum(name.startswith("losses") for name in expected) == 6
    )
    assert all(
        len(curve) == 101 and curve[-1] != curve[0]
        for name, curve in expected.items()
        if "losses" in name
    )


def test_a_killed_sweep_continues_on_several_devices_to_the_same_bits(results):
    for name, expected in of(results, "batches/2").items():
        np.testing.assert_array_equal(of(results, "killed/2")[name], expected, name)


def test_the_curves_compared_are_long_and_of_all_parts(results):
    expected = of(results, "momentum/1")
    assert len(expected["steps/loss"]) == 105
    assert {"epochs/accuracy", "epochs/val_accuracy", "epochs/val_loss"} <= set(expected)
    np.testing.assert_allclose(
        expected["steps/loss"], expected["steps/data_loss"] + expected["steps/penalty"], 1e-6
    )
    assert expected["steps/penalty"].min() > 0.01 and np.ptp(expected["steps/loss"]) > 0.1


def test_batch_normalization_takes_the_mean_of_the_replicas_statistics(results):
    results = of(results, "batch normalization")
    x = results["x"].astype("float64")
    first, second, last = x[:2], x[2:5], x[5:]
    mean = ((0.4 * first.mean(0) + 0.6 * second.mean(0)) / 2 + last.mean(0)) / 2
    variance = ((1 + 0.4 * first.var(0) + 0.6 * second.var(0)) / 2 + last.var(0)) / 2
    np.testing.assert_allclose(results["mean"], mean, 1e-5)
    np.testing.assert_allclose(results["variance"], variance, 1e-5)
    assert (results["copies"][0] == results["copies"][1]).all()


def test_dropout_differs_between_replicas_and_steps_but_not_between_runs(results):
    masks = of(results, "dropout")["first"]
    assert (masks == of(results, "dropout")["again"]).all()
    assert (masks[0] != masks[1]).sum() > 15
    assert len(set(masks[0])) > 10 and len(set(masks[1])) > 10


@pytest.mark.slow
def test_every_case_on_two_devices_and_three(tmp_path):
    chosen = [f"{name}/{count}" for name in MORE_CASES for count in (1, 2)]
    results = run(tmp_path / "a.npz", [*chosen, "momentum/1", "momentum/3"])
    for name in MORE_CASES:
        assert_same(of(results, f"{name}/2"), of(results, f"{name}/1"))
    assert_same(of(results, "momentum/3"), of(results, "momentum/1"))


@pytest.mark.slow
def test_a_sweep_of_every_optimizer_on_two_devices(tmp_path):
    results = run(tmp_path / "a.npz", ["every optimizer/1", "every optimizer/2"])
    assert_same(of(results, "every optimizer/2"), of(results, "every optimizer/1"))
