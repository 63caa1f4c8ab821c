"""EndToEndMonitor: the models and layers that it watches, where it writes, and what it refuses."""

import keras
import numpy as np
import pytest

from overparam_tf.callbacks.end_to_end_monitor import EndToEndMonitor
from overparam_tf.errors import InputError
from tests.backends import needs_tensorflow
from tests.callbacks.monitored import SCALARS, compiled, dense, fit


@keras.saving.register_keras_serializable("tests")
class Twins(keras.Model):
    """A subclassed model with two layers of the same name."""

    def __init__(self, **options):
        super().__init__(**options)
        self.pair = [dense(4, name="twin"), dense(4, name="twin")]

    def call(self, x):
        return self.pair[1](self.pair[0](x))


def nested():
    encoder = keras.Sequential(
        [keras.Input((4,), dtype="float64"), dense(4, name="inner")], name="encoder"
    )
    shared = dense(4, name="shared")
    spread = keras.layers.TimeDistributed(dense(4, name="each"), name="spread", dtype="float64")
    x = keras.Input((4,), dtype="float64")
    wide = keras.layers.Reshape((1, 4), dtype="float64")(shared(shared(encoder(x))))
    model = keras.Model(
        x, Twins(name="twins", dtype="float64")(keras.layers.Flatten(dtype="float64")(spread(wide)))
    )
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("layers", "paths"),
    [
        (None, ["encoder/inner", "shared", "spread/each", "twins/twin", "twins/twin_4"]),
        ("encoder/*", ["encoder/inner"]),
        (["each", "sh*"], ["shared", "spread/each"]),
    ],
)
def test_layers_are_found_wherever_they_are_and_named_by_their_path(layers, paths):
    monitor = EndToEndMonitor(layers=layers)
    logs = fit(nested(), monitor, examples=2, epochs=1)
    assert sorted(n.removesuffix("/norm") for n in logs if n.endswith("/norm")) == paths
    assert len(monitor.history) == 1 + 5 * len(paths)


@needs_tensorflow
def test_tensorboard_gets_scalars_and_histograms(tmp_path):
    from tests import event_files

    monitor = EndToEndMonitor(5, log_dir=tmp_path)
    fit(compiled([dense()]), monitor)
    values = event_files.events(tmp_path)
    for name in SCALARS:
        written = event_files.scalars(values, f"head/{name}")
        assert list(written) == [0, 5, 10, 15, 20]
        np.testing.assert_allclose(
            list(written.values()), monitor.history[f"head/{name}"], rtol=1e-6, atol=1e-9
        )
    assert [step for step, _ in values["head/singular_values"]] == [0, 5, 10, 15, 20]
    assert values["head/singular_values"][0][1].metadata.plugin_data.plugin_name == "histograms"


@needs_tensorflow
def test_tensorboard_leaves_out_what_is_not_finite(tmp_path):
    from tests import event_files

    monitor = EndToEndMonitor(1, log_dir=tmp_path)
    fit(compiled([dense()], rate=1e300), monitor, examples=4, epochs=1)
    assert np.isnan(monitor.history["head/norm"][-1])
    assert set(event_files.scalars(event_files.events(tmp_path), "head/norm")) < {0, 1, 2, 3}


# Bad input.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "Expected a positive integer for every. Received: every=0"),
        ({"top": 1.5}, "Expected a positive integer for top. Received: top=1.5"),
        ({"max_exact": -1}, "Expected a positive integer for max_exact. Received: max_exact=-1"),
        ({"layers": [3]}, "Expected names or patterns of layers. Received: layers=[3]"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError) as caught:
        EndToEndMonitor(**options)
    assert str(caught.value) == message


PLAIN = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="plain")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: compiled(PLAIN.layers), {}, "Expected a model with a factorised layer"),
        (lambda: compiled([dense()]), {"layers": "tail"}, "here head. Received: layers=['tail']"),
        (
            lambda: keras.Sequential([keras.Input((4,)), dense()]),
            {},
            "Expected an optimizer with one learning rate",
        ),
        (
            lambda: keras.Sequential([dense()]),
            {"optimizer": keras.optimizers.SGD()},
            "unbuilt layer 'head'",
        ),
        (lambda: None, {}, "call set_model(model) first"),
    ],
)
def test_models_that_cannot_be_watched(model, options, message):
    monitor = EndToEndMonitor(**options)
    monitor.set_model(model())
    with pytest.raises(InputError) as caught:
        monitor.on_step(0)
    assert message in str(caught.value) and "\n" not in str(caught.value)
