"""The tests that run under another Keras backend, and the round-off of each backend."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BACKEND = os.environ["KERAS_BACKEND"]  # conftest.py sets it
# The parts of the library that serve every backend, and the README, whose examples use them:
# `KERAS_BACKEND=jax python -m pytest` runs their tests.
PARTS = (
    "callbacks",
    "comparison",
    "dynamics",
    "guides",
    "initializers",
    "layers",
    "losses",
    "optimizers",
    "products",
    "readme",
    "regularizers",
    "surgery",
)
# Arguments of `compile` that cost the backend least. JAX would compile every operation of a step by
# itself unless it compiles the step; XLA takes longer for a step than TensorFlow for its graph.
FEW_STEPS: dict[str, bool] = {
    "run_eagerly": BACKEND != "jax",
    "jit_compile": BACKEND == "jax",
}
MANY_STEPS: dict[str, bool] = {"jit_compile": BACKEND == "jax"}
needs_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's own")
needs_xla = pytest.mark.skipif(BACKEND == "torch", reason="PyTorch's compiler takes minutes")
# Largest difference of two routes to one number in float64. Only on TensorFlow does the type
# promotion of Keras know float64, and on PyTorch `keras.ops.matmul` follows it: there Dense
# multiplies in float32.
ROUNDING = 1e-5 if BACKEND == "torch" else 1e-10
needs_float64 = pytest.mark.skipif(
    BACKEND == "torch", reason="Keras's Dense computes in float32 on PyTorch"
)


def portable_paths() -> list[str]:
    """Return the modules and tests of `PARTS`."""
    root = Path(__file__).parents[1]
    forms = (
        "overparam_tf/{}.py",
        "overparam_tf/{}",
        "tests/test_{}.py",
        "tests/{}",
        "tests/arguments/test_{}.py",
    )
    paths = [root / form.format(part) for part in PARTS for form in forms]
    return [str(path) for path in paths if path.exists()]


def compiled(function, xla=True):
    """Return the function as the backend compiles it; on PyTorch it stays eager."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=xla)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


def derivative(function, x):
    """Return the derivative of a scalar function at the array x."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        x = tf.Variable(x)
        with tf.GradientTape() as tape:
            value = function(x)
        return tape.gradient(value, x).numpy()
    if BACKEND == "jax":
        import jax

        return jax.grad(function)(x)
    import torch

    x = torch.tensor(x, requires_grad=True)
    function(x).backward()
    return x.grad.numpy()
