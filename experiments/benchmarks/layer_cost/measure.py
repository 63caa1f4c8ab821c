"""What is measured of one layer: a training step, `fit` and inference, in rows of results.csv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from experiments.benchmarks.layer_cost.compiled_steps import (
    call,
    fit_steps,
    model_of,
    training_step,
)
from experiments.benchmarks.layer_cost.layers import Workload
from experiments.benchmarks.timing import Contestant, Spread, interleave
from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery import collapse, overparameterize

FIXED_ORDERS = ("chain", "kernel")
IN_PLACE = "in place"
Row = dict[str, Any]


def measure_dense(workload: Workload, compilers: Sequence[str], seconds: float) -> Iterator[Row]:
    """Yield the rows of a dense layer: a training step in either order, and inference.

    Args:
        workload: The layer.
        compilers: How steps and calls are compiled, each in turn; see `compiled_steps.call`.
        seconds: Time to spend on each comparison.
    """
    (kernel,) = workload.kernels
    layers = {"plain": workload.plain()}
    for contraction in (*FIXED_ORDERS, "auto"):
        layers[contraction] = FactorizedDense(
            kernel.outputs, contraction=contraction, factor_initializer="glorot_uniform"
        )
    models = {name: model_of(layer, workload.shape) for name, layer in layers.items()}
    x, y = workload.data((kernel.outputs,))
    for compiler in compilers:
        steps = {name: training_step(model, (x, y), compiler) for name, model in models.items()}
        place = {"part": "dense", "mode": "step", "compiler": compiler}
        yield from _rows(workload, place, models, steps, seconds)
        deployed = {
            "plain": models["plain"],
            "auto": models["auto"],
            "collapsed": collapse(models["auto"]),
        }
        calls = {name: call(model, x, compiler) for name, model in deployed.items()}
        place = {"part": "dense", "mode": "inference", "compiler": compiler}
        yield from _rows(workload, place, deployed, calls, seconds)


def measure_model(workload: Workload, seconds: float) -> Iterator[Row]:
    """Yield the rows of a layer in `fit` and in inference, in all its forms.

    They are the plain layer, the factorised one, the plain one with products in place of its
    kernels, and the collapsed one.

    Args:
        workload: The layer.
        seconds: Time to spend on each comparison.
    """
    plain = model_of(workload.plain(), workload.shape)
    deep = overparameterize(plain, copy=True)
    in_place = overparameterize(model_of(workload.plain(), workload.shape))
    models = {"plain": plain, "auto": deep, IN_PLACE: in_place, "collapsed": collapse(deep)}
    _, *output_shape = plain.output_shape
    x, y = workload.data(output_shape)
    fits = {name: fit_steps(model, (x, y)) for name, model in models.items()}
    compiler = "xla" if plain.jit_compile else "graph"  # what Keras has chosen
    place = {"part": "models", "mode": "fit", "compiler": compiler}
    yield from _rows(workload, place, models, fits, seconds)
    calls = {name: call(model, x, compiler) for name, model in models.items()}
    place = {"part": "models", "mode": "inference", "compiler": compiler}
    yield from _rows(workload, place, models, calls, seconds)


def _rows(
    workload: Workload,
    place: Mapping[str, str],
    models: Mapping[str, keras.Model],
    contestants: Mapping[str, Contestant],
    seconds: float,
) -> Iterator[Row]:
    """Time the contestants in turns; yield a row of results.csv for each.

    Args:
        workload: The layer.
        place: The columns part, mode and compiler.
        models: The models by contestant; the layer is the last of each.
        contestants: What is timed of them.
        seconds: Time to spend.
    """
    times = interleave(contestants, seconds)
    mode = place["mode"]
    better = times.fastest(FIXED_ORDERS) if mode == "step" else None
    for name, model in models.items():
        # A product in place is multiplied in the order of the factorised layer.
        *_, layer = models["auto" if name == IN_PLACE else name].layers
        orders = workload.orders(layer)
        parameters = model.count_params()
        row = {
            "part": place["part"],
            "layer": workload.name,
            "batch": workload.batch,
            "mode": mode,
            "compiler": place["compiler"],
            "contestant": name,
            "order": ", ".join(dict.fromkeys(orders)),
            "parameters": parameters,
            # In float32, with the momentum of `fit`; without gradients and activations.
            "parameter_and_momentum_bytes": 2 * 4 * parameters,
            "multiply_adds": workload.multiply_adds(orders),
            "timed_multiply_adds": workload.multiply_adds(orders, step=mode != "inference"),
            "rounds": times.rounds,
            **_columns("seconds", times.spread(name)),
            **_columns("to_plain", times.ratio(name, "plain")),
            "better": better,
        }
        if better is not None:
            row |= _columns("to_better", times.ratio(name, better))
        yield row


def _columns(name: str, spread: Spread) -> dict[str, float]:
    return {name: spread.median, f"{name}_low": spread.low, f"{name}_high": spread.high}
