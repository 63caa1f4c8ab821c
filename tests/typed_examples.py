"""README's examples with the types that a user's checker infers: read by mypy, never run."""

from __future__ import annotations

import keras
import numpy as np

from overparam_tf import (
    Checkpoints,
    ConvexFloor,
    EndToEndMonitor,
    EndToEndSGD,
    FactorizedConv2D,
    FactorizedDense,
    FactorizedEinsumDense,
    FactorizedMultiHeadAttention,
    History,
    L4Loss,
    LpLoss,
    NearZero,
    Problem,
    Sweep,
    Training,
    Variant,
    collapse,
    convex_floor,
    end_to_end_update,
    get_strategy,
    kernel_axes,
    legacy_2019,
    load,
    load_collapsed,
    overparameterize,
    penalty_on,
    preconditioner,
    train,
    verify_equivalent,
)
from overparam_tf.surgery import Difference


def layers() -> list[keras.layers.Layer]:
    dense: FactorizedDense = FactorizedDense(3, depth=3, width=[5, 4], **penalty_on("first", "l2"))
    factors: list[keras.Variable] = dense.factors
    return [
        dense,
        FactorizedConv2D(4, (3, 3), depth=2, factor_kernel_sizes=[3, 1], padding="same"),
        FactorizedEinsumDense("abc,cd->abd", (None, 6), factor_initializer=NearZero(seed=1)),
        FactorizedMultiHeadAttention.from_plain(keras.layers.MultiHeadAttention(2, 3), depth=2),
        FactorizedDense.from_plain(keras.layers.Dense(len(factors))).plain_layer(),
    ]


def conversion(model: keras.Model) -> Difference:
    deep = overparameterize(model, depth=2, layers=["block_*", keras.layers.Dense])
    deep.compile(EndToEndSGD(1e-3, depth=2.5, kernels=["kernel"]), L4Loss())
    deep.compile(EndToEndSGD(1e-3, momentum=0.5, nesterov=True, kernels=kernel_axes(model)), "mse")
    deep.compile(legacy_2019("adagrad", 0.1), LpLoss(6, scale=False))
    plain = collapse(deep)
    load_collapsed("deep.weights.h5", model=lambda: deep)
    return verify_equivalent(deep, plain)


def sweep() -> tuple[History, ConvexFloor]:
    problem: Problem = load("synthetic")
    rates = (1e-4, 3e-4, 1e-3)
    variants = [
        Variant("GD", depth=1, learning_rates=rates),
        Variant("Adam, depth 3", depth=3, optimizer="adam", learning_rates=rates, seeds=(0, 1)),
    ]
    history = Sweep(problem, variants, LpLoss(4)).run(2000, targets={"half": 0.7})
    return history, convex_floor(problem.x, problem.y, 4)


def theory(kernel: np.ndarray) -> None:
    end_to_end_update(kernel, kernel, 2)
    preconditioner(kernel, 2)


def training(model: keras.Model, x: np.ndarray, y: np.ndarray) -> Training:
    return train(
        model,
        x,
        y,
        batch_size=8,
        loss="mse",
        optimizer=keras.optimizers.SGD(0.1),
        strategy=get_strategy("cpu"),
        callbacks=[EndToEndMonitor(every=10, layers="head")],
        checkpoints=Checkpoints("checkpoints", {"seed": 0}),
    )
