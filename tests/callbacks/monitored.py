"""Small compiled models, and what EndToEndMonitor measures in them."""

import keras
import numpy as np
from keras import ops

from overparam_tf.callbacks.end_to_end_monitor import EndToEndMonitor
from overparam_tf.layers import FactorizedDense

RNG = np.random.default_rng(0)
SCALARS = ("norm", "effective_rank", "balance_defect", "effective_learning_rate")


def compiled(layers, inputs=(4,), rate=0.01, **options):
    model = keras.Sequential([keras.Input(inputs, dtype="float64"), *layers])
    model.compile(keras.optimizers.SGD(rate), "mse", **options)
    return model


def dense(units=3, depth=2, name="head", **options):
    return FactorizedDense(
        units,
        depth=depth,
        kernel_initializer="glorot_uniform",
        name=name,
        dtype="float64",
        **options,
    )


def kernel_of(layer):
    return ops.convert_to_numpy(layer.kernel)


def fit(model, monitor, examples=10, epochs=2, **options):
    x = RNG.normal(size=(examples, *model.input_shape[1:]))
    y = RNG.normal(size=(examples, *model.output_shape[1:]))
    return model.fit(
        x, y, batch_size=1, epochs=epochs, callbacks=[monitor], verbose=0, **options
    ).history


def measured(layer, inputs, rate=0.1, **options):
    """Return what the monitor measures of one layer, by name."""
    model = compiled([layer], inputs, rate)
    monitor = EndToEndMonitor(**options)
    monitor.set_model(model)
    monitor.on_step(0)
    return {
        name.removeprefix(f"{layer.name}/"): values[0] for name, values in monitor.history.items()
    }


# When it measures.
