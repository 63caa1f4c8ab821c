"""The experiment on a few images: what it trains, its folder, its verdicts, an interruption."""

from __future__ import annotations

import json
import signal

import keras
import numpy as np
import pandas as pd
import pytest

from experiments.mnist_cnn.claims import (
    PAPER,
    claims_of,
    lower,
    lower_at_the_end,
    results_table,
    smooth,
)
from experiments.mnist_cnn.convnet import convnet, momentum_sgd
from experiments.mnist_cnn.records import epoch_rows
from experiments.mnist_cnn.spectra import singular_values
from overparam_tf.distributed import Training
from tests.event_files import events, scalars
from tests.experiments.mnist_cnn.few_images import HELD_OUT, bars, few_images, interrupting

FIGURES = ["batch_loss", "cross_entropy_and_penalty", "errors"]
NETS = ["plain", "depth 2, penalty on the product", "depth 2, penalty on the first factor"]


@pytest.fixture(scope="module")
def digits():
    return bars()


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("mnist_cnn").path


def test_the_plain_net_trains_as_under_keras_fit(finished, digits):
    # Without dropout's noise the two would be equal throughout; with it they agree as far as its
    # seeds allow.
    split = digits.split(HELD_OUT)
    model = convnet()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(momentum_sgd(2), loss, metrics=["sparse_categorical_accuracy"])
    fitted = model.fit(
        *split.train, batch_size=64, epochs=3, shuffle=False, verbose=0, validation_data=split.test
    )
    epochs = pd.read_csv(finished / "epochs.csv").query("net == 'plain'")
    np.testing.assert_allclose(epochs["total"], fitted.history["loss"], rtol=1e-4)
    np.testing.assert_allclose(
        1 - epochs["test_error"], fitted.history["val_sparse_categorical_accuracy"], atol=1e-6
    )


def test_total_is_cross_entropy_and_penalty(finished):
    with np.load(finished / "curves.npz") as curves:
        for name in NETS:
            parts = [
                curves[f"{name}, seed 0/{title}"] for title in ("total", "cross-entropy", "penalty")
            ]
            np.testing.assert_allclose(parts[0], parts[1] + parts[2], rtol=1e-6)
            assert parts[0].shape == (6,)
        # The first step's penalty is that of the initial factors, with data or without.
        alone = curves[f"{NETS[1]}, seed 0/penalty alone"]
        np.testing.assert_allclose(curves[f"{NETS[1]}, seed 0/penalty"][0], alone[0], rtol=1e-5)


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["status"] == "finished" and config["data"]["synthetic"]
    assert [net["name"] for net in config["nets"]] == NETS
    results = pd.read_csv(finished / "results.csv")
    assert results["parameters"].tolist() == [1_663_370, 1_925_614, 1_925_614]
    trial = events(finished / f"{NETS[1]}, seed 0")
    assert len(scalars(trial, "test error")) == 3
    assert len(scalars(trial, "effective rank of fc1")) == 4
    distributions = events(finished / f"{NETS[1]}, seed 0")
    assert len(distributions["singular values/fc2"]) == 4
    assert sorted(path.stem for path in (finished / "figures").iterdir()) == FIGURES


def test_singular_values_are_those_of_the_trained_products(finished):
    with np.load(finished / "spectra.npz") as spectra:
        assert {key.rpartition("/")[2] for key in spectra} == {"fc1", "fc2"} and len(spectra) == 6
        net = keras.models.load_model(finished / f"{NETS[1]}, seed 0.keras")
        for layer, count in (("fc1", 512), ("fc2", 10)):
            rows = spectra[f"{NETS[1]}, seed 0/{layer}"]
            kernel = keras.ops.convert_to_numpy(net.get_layer(layer).kernel)
            exact = np.linalg.svd(kernel.astype("float64"), compute_uv=False)
            assert rows.shape == (4, count) and (np.diff(rows) <= 0).all()
            np.testing.assert_allclose(rows[-1], exact, rtol=1e-9, atol=1e-7 * exact[0])


def test_a_kernel_that_is_lost_has_no_singular_values():
    assert np.isnan(singular_values(np.full((2, 3), np.inf, np.float32))).tolist() == [True, True]


def test_the_saved_net_computes_what_was_measured(finished, digits):
    net = keras.models.load_model(finished / f"{NETS[1]}, seed 0.keras")
    test = digits.split(HELD_OUT).test
    error = np.mean(np.argmax(net.predict(test.x, verbose=0), axis=1) != test.y)
    assert error == pytest.approx(pd.read_csv(finished / "results.csv")["test_error"][1])


def test_an_interrupted_run_continues_to_the_same_bits(finished, tmp_path):
    arguments = ["--logdir", str(tmp_path), "--name", "run", "--epochs", "3", "--quiet"]
    with pytest.raises(SystemExit) as caught:
        few_images(make_progress=interrupting(4, signal.SIGTERM)).main(arguments)
    assert caught.value.code == 128 + signal.SIGTERM
    del caught  # its frames hold the lock on the folder, as the process would
    folder = tmp_path / "mnist_cnn" / "run-bars"
    assert len(pd.read_csv(folder / "epochs.csv")) == 2 and list((folder / "figures").iterdir())
    few_images().main(arguments)
    for file in ("curves.npz", "spectra.npz"):
        with np.load(folder / file) as ours, np.load(finished / file) as theirs:
            assert set(ours) == set(theirs)
            for name in ours:
                np.testing.assert_array_equal(ours[name], theirs[name])


def test_a_net_that_was_stopped_in_its_first_epoch_has_no_rows():
    stopped = Training({"loss": np.ones(3)}, {}, "stopped")
    assert epoch_rows("plain", 0, stopped, 10) == []


def test_verdicts_follow_the_numbers():
    rows = [
        {"net": net, "seed": 0, "epoch": epoch, "loss": (1.0 if net == "plain" else factor) / epoch}
        for net, factor in (("plain", 1.0), ("better", 0.5), ("worse", 2.0))
        for epoch in range(1, 11)
    ]
    epochs = pd.DataFrame(rows)
    assert lower(epochs, "loss", "better", "plain", "").held is True
    assert lower(epochs, "loss", "worse", "plain", "").held is False
    assert lower(epochs, "loss", "untrained", "plain", "").held is None
    is_late = (epochs["net"] != "worse") | (epochs["epoch"] > 7)
    mixed = epochs.assign(loss=epochs["loss"].where(is_late, 0.01))
    assert lower(mixed, "loss", "worse", "plain", "").held is None


def test_the_papers_curve_is_recognised():
    points = PAPER["overparameterised"]
    curve = np.exp(np.interp(np.arange(9000), list(points), np.log(list(points.values()))))
    epochs = pd.DataFrame(
        [
            {"net": net, "seed": 0, "epoch": 1, "total": 1.0, "penalty": 0.9}
            for net in ("plain", "x")
        ]
    )
    epochs = epochs.assign(cross_entropy=0.1, val_cross_entropy=0.1, test_error=0.1)
    nets = [
        {"name": "plain", "depth": 1, "place": "product"},
        {"name": "x", "depth": 2, "place": "product"},
    ]
    for scale, held in ((1.0, True), (2.0, False)):
        curves = {"plain, seed 0/total": curve, "x, seed 0/total": scale * curve}
        assert claims_of(epochs, curves, nets)[-1].held is held


def test_smooth_takes_means_of_whole_windows():
    steps, means = smooth(np.arange(11.0), 5)
    assert steps.tolist() == means.tolist() == [2.0, 7.0]


def seeded(factors):
    """Return epochs of the plain net and another one, whose errors are these times as large."""
    rows = [
        {
            "net": net,
            "seed": seed,
            "epoch": epoch,
            "test_error": (0.1 + 0.001 * seed) * factor / epoch,
        }
        for seed, other in enumerate(factors)
        for net, factor in (("plain", 1.0), ("other", other))
        for epoch in (1, 2)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("factors", "held"),
    [((0.8, 0.81, 0.79), True), ((1.2, 1.3, 1.2), False), ((0.9, 1.2, 1.0), None)],
)
def test_several_seeds_are_judged_by_their_interval(factors, held):
    epochs = seeded(factors)
    claim = lower(epochs, "test_error", "other", "plain", "")
    assert claim.held is held and "3 seeds" in claim.numbers
    (claim,) = lower_at_the_end(epochs, "other", "plain")
    assert claim.held is held and "±" in claim.numbers
    assert lower_at_the_end(epochs[epochs["seed"] == 0], "other", "plain") == []


def test_several_seeds_have_a_row_and_curves_with_intervals(copy_of_run):
    run = copy_of_run("mnist_cnn")
    results = pd.read_csv(run.path / "results.csv")
    both = pd.concat([results, results.assign(seed=1, test_error=results["test_error"] + 0.01)])
    table = results_table(both)
    assert table["net"].tolist() == NETS and table["seeds"].tolist() == [2, 2, 2]
    assert table["test error"].str.contains("±").all()
    both.to_csv(run.path / "results.csv", index=False)
    epochs = pd.read_csv(run.path / "epochs.csv")
    second = epochs.assign(seed=1, test_error=epochs["test_error"] + 0.01)
    pd.concat([epochs, second]).to_csv(run.path / "epochs.csv", index=False)
    with np.load(run.path / "curves.npz") as curves:
        arrays = dict(curves)
    # A seed that is still in training: its curves are shorter.
    arrays |= {key.replace("seed 0", "seed 1"): curve[:4] for key, curve in arrays.items()}
    np.savez(run.path / "curves.npz", **arrays)
    config = json.loads((run.path / "config.json").read_text())
    config["options"]["seeds"] = [0, 1]
    (run.path / "config.json").write_text(json.dumps(config))
    few_images().main(["--logdir", str(run.logdir), "--redraw", run.name, "--quiet"])
    report = json.loads((run.path / "report.json").read_text())
    assert any("2 seeds" in claim["numbers"] for claim in report["claims"])
