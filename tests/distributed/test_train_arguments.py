"""The arguments of `train`: names and order of `fit`, a compiled model, and the order of rows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from overparam_tf import InputError, train
from overparam_tf.checkpoints import Checkpoints
from overparam_tf.distributed.requirements import check_several
from tests.distributed.fit_cases import Items, OwnStep, R, batches, functional

X, Y = R["x"], R["y"]


def linear(**options) -> keras.Model:
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"], **options)
    return model


@pytest.fixture(scope="module")
def expected():
    """Return the history of a compiled model in batches of eight."""
    return train(linear(), X, Y, batch_size=8, epochs=2).history


def test_a_compiled_model_trains_as_by_fit(expected):
    fitted = linear().fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    assert set(expected) == set(fitted)
    for name, values in fitted.items():
        np.testing.assert_allclose(expected[name], values, 1e-6)


def test_arguments_are_in_the_order_of_fit_and_progress_is_printed_as_by_it(expected, capsys):
    assert train(linear(), X, Y, 8, 2, 2).history == expected
    printed = capsys.readouterr().out
    assert "Epoch 2/2" in printed and f"mae: {expected['mae'][-1]:.4f}" in printed


@pytest.mark.parametrize(
    "form",
    [
        lambda model: train(model, (X, Y), "mse", keras.optimizers.SGD(), batch_size=8, epochs=2),
        lambda model: train(model, (X, Y), "mse", "sgd", None, batch_size=8, epochs=2),
        lambda model: train(model=model, dataset=(X, Y), loss="mse", batch_size=8, epochs=2),
        lambda model: train(model, X.tolist(), Y.tolist(), batch_size=8, epochs=2),
        lambda model: train(model, (X, Y), batch_size=8, epochs=2),
    ],
    ids=["earlier", "names", "keywords", "lists of numbers", "a tuple"],
)
def test_other_forms_of_the_call(form, expected):
    assert form(linear()).history == expected


def test_eager_steps_are_those_of_the_loop(expected):
    history = train(linear(run_eagerly=True), X, Y, batch_size=8, epochs=2).history
    np.testing.assert_allclose(history["loss"], expected["loss"], 1e-6)


@pytest.mark.filterwarnings("ignore:x ran out of data")  # as meant
def test_shuffled_rows_and_parts_of_a_pass_continue_bit_for_bit(tmp_path):
    options = {"batch_size": 5, "epochs": 4, "shuffle": True, "steps_per_epoch": 3}
    options["steps_per_call"] = 1

    def part(stop):
        seen = []
        return train(
            linear(), X, Y, **options, checkpoints=Checkpoints(tmp_path, {}),
            progress=lambda progress: seen.append(progress.step),
            should_stop=lambda: seen[-1] >= stop,
        )  # fmt: skip

    whole = train(linear(), X, Y, **options)
    assert [len(part(stop).steps["loss"]) for stop in (2, 7)] == [2, 7]
    assert (part(np.inf).steps["loss"] == whole.steps["loss"]).all()
    assert len(whole.steps["loss"]) == 10  # 3, then 2 to the end of the pass, twice
    other = train(linear(), X, Y, **options, shuffle_seed=1)
    assert (other.steps["loss"] != whole.steps["loss"]).any()


class Order(keras.utils.PyDataset):
    """Says which of its items were asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def __len__(self):
        return 6

    def __getitem__(self, item):
        self.asked.append(item)
        return X[:4], Y[:4]


def test_a_pydataset_is_shuffled_by_items():
    data = Order()
    train(linear(), data, epochs=2, shuffle=True)
    # Keras reads two items of a pass before it, for their shapes.
    first, second = data.asked[-14:-8], data.asked[-6:]
    assert sorted(first) == sorted(second) == list(range(6)) and first != second


class Batches(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append((batch, sorted(logs)))


def test_a_callback_of_ones_own_sees_every_batch_and_all_metrics():
    watch = Batches()
    train(linear(), X, Y, batch_size=8, callbacks=[watch])
    assert watch.calls == [(batch, ["loss", "mae"]) for batch in range(3)]


def test_backup_and_restore_goes_on_with_the_next_epoch(tmp_path):
    class Failure(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    options = {"batch_size": 8, "epochs": 3}
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    with pytest.raises(InterruptedError):
        train(linear(), X, Y, **options, callbacks=[backup, Failure()])
    continued = train(linear(), X, Y, **options, callbacks=[backup]).history["loss"]
    assert continued == train(linear(), X, Y, **options).history["loss"][2:]


REFUSED = {
    "a checkpoint of unknown state": lambda folder: train(
        functional(OwnStep), X, Y, loss="mse", optimizer="sgd", checkpoints=Checkpoints(folder, {})
    ),
    "an own step for some rows": lambda folder: check_several(functional(OwnStep), False),
    "accumulation under a loss scale": lambda folder: check_several(
        linear_with(keras.optimizers.SGD(gradient_accumulation_steps=2)), False
    ),
    "no optimizer": lambda folder: train(functional(keras.Model), X, Y, loss="mse"),
    "no loss": lambda folder: train(functional(keras.Model), X, Y, optimizer="sgd"),
    "one generator for two passes": lambda folder: train(
        linear(), (batch for batch in [(X, Y)]), epochs=2
    ),
    "targets beside batches": lambda folder: train(linear(), Items(), Y),
    "endless batches": lambda folder: train(
        linear(), tf.data.Dataset.from_generator(batches, output_signature=SIGNATURE).repeat()
    ),
    "two rows for one": lambda folder: train(linear(), X, Y[:2]),
}
SIGNATURE = (tf.TensorSpec((None, 3)), tf.TensorSpec((None, 2)))


def linear_with(optimizer) -> keras.Model:
    model = linear()
    model.compile(keras.optimizers.LossScaleOptimizer(optimizer), "mse")
    return model


@pytest.mark.parametrize("case", REFUSED)
def test_what_train_does_not_take_is_one_line(case, tmp_path):
    with pytest.raises(InputError) as caught:
        REFUSED[case](tmp_path)
    line = str(caught.value)
    assert line.startswith("Expected") and "Received" in line and "\n" not in line
