"""EndToEndMonitor: at which steps it measures."""

import keras
import numpy as np
import pytest

from overparam_tf.callbacks.end_to_end_monitor import EndToEndMonitor
from tests.backends import BACKEND
from tests.callbacks.monitored import SCALARS, compiled, dense, fit

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("every", "per_execution", "steps"),
    [
        (4, 1, [0, 4, 8, 12, 16, 20]),
        (100, 1, [0, 20]),
        (4, 3, [0, 6, 9, 13, 16, 20]),  # executions end after 3, 6, 9, 10, 13, 16, 19, 20 steps
        (1, 4, [0, 4, 8, 10, 14, 18, 20]),
    ],
)
def test_steps_are_batches_at_the_ends_of_executions(every, per_execution, steps):
    if per_execution > 1 and BACKEND == "torch":
        pytest.skip("Keras on PyTorch has no steps_per_execution")
    monitor = EndToEndMonitor(every)
    model = compiled([dense()], steps_per_execution=per_execution)
    logs = fit(model, monitor)
    assert monitor.history["step"] == steps
    assert {len(values) for values in monitor.history.values()} == {len(steps)}
    for name in SCALARS:
        at_epoch_ends = [
            monitor.history[f"head/{name}"][max(i for i, s in enumerate(steps) if s <= end)]
            for end in (10, 20)
        ]
        assert logs[f"head/{name}"] == at_epoch_ends
    assert "step" not in logs and "head/singular_values" not in logs


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_steps_go_on_in_the_next_fit_and_need_no_known_length():
    monitor, model = EndToEndMonitor(5), compiled([dense()])
    fit(model, monitor, examples=7, epochs=1)
    batches = ((RNG.normal(size=(1, 4)), np.zeros((1, 3))) for _ in range(6))
    model.fit(batches, shuffle=False, callbacks=[monitor], verbose=0)
    assert monitor.history["step"] == [0, 5, 7, 10, 13]


def test_training_that_stops_early_is_measured_at_its_end():
    monitor, stop = (
        EndToEndMonitor(100),
        keras.callbacks.EarlyStopping("head/norm", patience=1, mode="min"),
    )
    model = compiled([dense()])
    model.fit(np.zeros((3, 4)), np.zeros((3, 3)), 1, epochs=9, callbacks=[monitor, stop], verbose=0)
    assert monitor.history["step"] == [0, 6]


def test_a_custom_training_loop():
    layer = dense()
    layer.build((None, 4))
    monitor = EndToEndMonitor(10, optimizer=keras.optimizers.SGD(0.5))
    monitor.set_model(keras.Sequential([layer]))
    for step in (1, 9, 10, 11, 25, 30, 32):
        monitor.on_step(step)
    monitor.on_train_end()
    assert monitor.history["step"] == [1, 10, 25, 30, 32]


# What is measured.
