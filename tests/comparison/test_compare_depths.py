"""The instrument: on models of several kinds, resumed to the same numbers, refused in one line."""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from overparam_tf.comparison import DepthComparison, Plan, compare_depths
from overparam_tf.comparison.models import DeepModel, Recipe
from overparam_tf.comparison.training import Training
from overparam_tf.dynamics import dense_reference
from overparam_tf.errors import InputError
from overparam_tf.stopping import StopSignals
from tests.backends import BACKEND
from tests.comparison.models import Backbone, linear, regression, tokens, two_inputs

SMALL = {"depths": (1, 2), "seeds": (0, 1), "steps": 24, "batch_size": 16, "quiet": True}
LINEAR = {"loss": "mse", "targets": [0.5, 0.02], "optimizers": ["sgd"], **SMALL}


@pytest.fixture(scope="module")
def found() -> DepthComparison:
    grid = {"learning_rates": [0.1, 0.3], "test_data": regression(20), "metrics": ["mae"]}
    return compare_depths(linear, regression(), **LINEAR, **grid)


def test_every_depth_has_a_verdict_with_an_interval(found):
    rows = {(row["depth"], row["target"]): row for row in found.verdicts()}
    assert set(rows) == {(depth, target) for depth in (1, 2) for target in (0.5, 0.02)}
    for row in rows.values():
        assert row["low"] <= row["ratio"] <= row["high"] and row["bound"] == "exact"
        assert row["test_mae"] >= 0 and row["verdict"] in ("helps", "hurts", "cannot tell")
    assert rows[1, 0.5]["ratio"] == 1
    assert found.finished and "depth" in str(found)


def test_depths_start_from_one_function_and_see_the_same_batches(found):
    pairs = zip(found.rows, found.curves, strict=True)
    first = {(row["depth"], row["seed"]): curve.losses[0] for row, curve in pairs}
    # The first point is the loss of the first step alone: here points are single steps.
    assert found.settings.per_point == 1
    np.testing.assert_allclose(first[1, 0], first[2, 0], rtol=1e-5)
    assert abs(first[1, 0] - first[1, 1]) > 1e-3


def test_the_result_is_plain_numbers(found):
    content = found.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert {"steps_to_0.5", "steps_to_0.02", "test_mae"} <= set(content["table"][0])
    steps, losses = found.best_curves("sgd", 2)
    assert losses.shape == (2, len(steps)) and np.isfinite(losses).all()


def test_a_stopped_comparison_goes_on_to_the_same_numbers(tmp_path):
    options = {**LINEAR, "seeds": (0,), "learning_rates": [0.1, 0.3], "refine": False}
    followed = []

    def stop(progress):
        if progress.step > 40:
            signal.raise_signal(signal.SIGINT)

    with StopSignals():
        part = compare_depths(
            linear,
            regression(),
            **options,
            folder=tmp_path,
            progress=stop,
            follow=lambda run, steps, losses: followed.append((run, len(steps), len(losses))),
            seconds_between_checkpoints=0,
        )
        assert not part.finished and 0 < len(part.rows) < 4
    with pytest.warns(UserWarning) if BACKEND != "tensorflow" else contextlib.nullcontext():
        continued = compare_depths(linear, regression(), **options, folder=tmp_path)
    assert followed and all(points == losses > 0 for _, points, losses in followed)
    assert list(tmp_path.glob("depth 2/events*")) or BACKEND != "tensorflow"
    whole = compare_depths(linear, regression(), **options)
    assert continued.finished and len(continued.rows) == len(whole.rows) == 4
    for ours, theirs in zip(continued.curves, whole.curves, strict=True):
        np.testing.assert_array_equal(ours.losses, theirs.losses)
    with pytest.raises(InputError, match="another run"):
        compare_depths(linear, regression(), **{**options, "steps": 20}, folder=tmp_path)


def test_a_subclassed_model_with_inputs_by_name():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    options = {**SMALL, "optimizers": "adam", "refine": False, "learning_rates": [0.03]}
    found = compare_depths(
        Backbone, tokens(), loss=loss, targets=[0.6], layers=["dense*"], start="paper", **options
    )
    assert found.models["adam, depth 2"]["products"] == 2
    assert len(found.rows) == 4 and all(row["status"] == "finished" for row in found.rows)


def test_a_model_of_several_inputs_and_outputs():
    x, y = regression(32)
    data = [x, x[:, :2]], [y, 2 * y]
    options = {**SMALL, "seeds": (0,), "optimizers": "sgd", "learning_rates": [0.01]}
    found = compare_depths(
        two_inputs, data, loss=["mse", "mse"], targets=[1.0], refine=False, **options
    )
    assert len(found.rows) == 2 and found.models["sgd, depth 2"]["products"] == 3


def test_a_dry_run_says_what_it_takes():
    plan = compare_depths(linear, regression(), **LINEAR, dry_run=True)
    assert isinstance(plan, Plan)
    assert [cost.parameters for cost in plan.costs.values()] == [4, 5]
    assert plan.seconds > 0 and plan.bytes > 0 and "minutes" in str(plan)


def as_it_is(model, depth):
    """Leave a model as it is."""


def test_a_folder_holds_one_conversion_alone(tmp_path):
    chosen = {"width": 2, "layers": ["dense*"], "prepare": as_it_is}
    grid = {"learning_rates": [0.1], "folder": tmp_path, "follow": lambda *_: None, **chosen}
    arguments = {**LINEAR, **grid, "seeds": (0,), "steps": 4, "refine": False}
    compare_depths(linear, regression(), **arguments)
    for other, difference in (
        ({"width": 3}, 'width: "3" now, "2" in the checkpoint'),
        ({"layers": "*"}, 'layers: "[*]" now, "dense[*]" in the checkpoint'),
        ({"layers": None}, 'layers: .* now, "dense[*]" in the checkpoint'),
        ({"layers": [keras.layers.Dense]}, 'layers: "Dense" now'),
        ({"prepare": None}, 'prepare: .* now, "as_it_is" in the checkpoint'),
        ({"prepare": partial(as_it_is)}, 'prepare: "partial" now'),
    ):
        with pytest.raises(InputError, match=difference):
            compare_depths(linear, regression(), **{**arguments, **other})


def test_a_model_of_other_layers_does_not_go_on():
    training = object.__new__(Training)
    training.work = SimpleNamespace(settings=SimpleNamespace(seeds=(0,)))
    cells = {"sgd, depth 2": {"parameters": 12, "products": 2, "bytes": 48}}
    training.store = SimpleNamespace(cells=cells)
    model = SimpleNamespace(trainable_variables=[np.zeros((2, 3)), np.zeros((3, 2))])
    trainee = SimpleNamespace(bytes=48, deep=SimpleNamespace(model=model, products=[None]))
    with pytest.raises(InputError, match="12 parameters in 1 products, there 12 in 2"):
        training._note_model(trainee, "sgd", 2)


def test_a_penalty_is_told_from_the_loss():
    def penalised():
        layer = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1.0))
        return keras.Sequential([keras.Input((3,)), layer])

    options = {**LINEAR, "seeds": (0,), "learning_rates": [1e-6], "refine": False}
    plain = compare_depths(linear, regression(), **options)
    found = compare_depths(penalised, regression(), **options)
    np.testing.assert_allclose(found.curves[0].losses, plain.curves[0].losses, rtol=1e-4)
    assert found.curves[0].penalties[0] > 0.01 and plain.curves[0].penalties[0] == 0
    again = compare_depths(linear, regression(), **options, plain=plain)
    assert again.rows[0] == plain.rows[0]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"depths": (2, 3)}, "depth 1"),
        ({"targets": []}, "target"),
        ({"optimizers": "sdg"}, "optimizer"),
        ({"learning_rates": [0.0]}, "learning_rates"),
        ({"start": "cold"}, "start"),
        ({"batch_size": 65}, "batches"),
        ({"seeds": (0, 0)}, "seeds"),
        ({"window": 25}, "window"),
        (
            {"optimizers": [keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(1.0, 9))]},
            "schedule",
        ),
    ],
)
def test_bad_arguments_are_one_line(change, word):
    with pytest.raises(InputError, match=word) as caught:
        compare_depths(linear, regression(), **{**LINEAR, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [np.zeros((4, 3)), (np.zeros((4, 3)), np.zeros(3)), 5, [], "data"])
def test_bad_data_are_one_line(data):
    with pytest.raises(InputError, match="data"):
        compare_depths(linear, data, **{**LINEAR, "batch_size": 2})


def test_a_function_that_returns_no_model_is_one_line():
    with pytest.raises(InputError, match="build_model"):
        compare_depths(lambda: 7, regression(), **LINEAR)


def test_equal_starts_at_all_seeds_are_one_line():
    def build():
        layer = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
        return keras.Sequential([keras.Input((3,)), layer])

    def stop(progress):
        raise RuntimeError("after the warning")

    with (
        pytest.warns(UserWarning, match="every seed"),
        pytest.raises(RuntimeError, match="after the warning"),
    ):
        compare_depths(build, regression(), **LINEAR, progress=stop)


def test_the_rule_in_place_of_factors_is_theorem_one():
    """The plain model with SGD behind the rule, against numpy's literal sum."""

    def build():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])

    x, y = regression(32)
    options = {**SMALL, "seeds": (3,), "batch_size": 32, "update": "end_to_end", "depths": (1, 3)}
    grid = {"optimizers": ["sgd"], "learning_rates": [0.05], "refine": False}
    found = compare_depths(build, (x, y), loss="mse", targets=[0.1], **grid, **options)
    keras.utils.set_random_seed(3)
    kernel = build().layers[0].kernel.numpy().astype("float64")
    expected = []
    for _ in range(SMALL["steps"]):
        error = x @ kernel - y
        expected.append(np.mean(error**2))
        gradient = 2 * x.T @ error / error.size
        kernel = kernel - 0.05 * dense_reference.literal_sum(kernel, gradient, 3)
    _, losses = found.best_curves("sgd", 3)
    np.testing.assert_allclose(losses[0], expected, rtol=1e-4)
    assert {row["parameters"] for row in found.models.values()} == {3}


def test_the_rule_follows_the_kernels_that_would_be_products():
    recipe = Recipe(Backbone, {name: values[:1] for name, values in tokens()[0].items()})
    deep = DeepModel.make(replace(recipe, has_factors=False), 2, 0, quiet=True)
    paths = [weight.path for weight in deep.weights if weight.path.endswith("/kernel")]
    assert not deep.products and len(paths) == 2 and sorted(deep.kernels) == sorted(paths)
    table = replace(recipe, has_factors=False, layers=["embedding*"])
    (path,) = DeepModel.make(table, 2, seed=0).kernels
    assert path.endswith("/embeddings")


@pytest.mark.parametrize("options", [{"width": 2}, {"start": "paper"}])
def test_the_rule_has_no_factors_to_shape(options):
    with pytest.raises(InputError, match="for an update without factors"):
        compare_depths(linear, regression(), **LINEAR, update="end_to_end", **options)
