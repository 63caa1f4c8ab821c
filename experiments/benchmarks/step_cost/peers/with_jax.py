"""JAX with optax: `lax.scan` over steps, and `vmap` of it over learning rates."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .serve import serve
from .task import Task

# Steps of one compiled scan, over which the overhead of a call is spread.
STEPS_PER_SCAN = 100


def optax_optimizer(task: Task, rate: float | jax.Array) -> optax.GradientTransformation:
    """Return the task's optimizer from optax; the rate may be traced."""
    settings = task.hyperparameters
    if task.optimizer == "sgd":
        return optax.sgd(rate)
    if task.optimizer == "adagrad":
        accumulator, epsilon = settings["accumulator"], settings["epsilon"]
        return optax.adagrad(rate, initial_accumulator_value=accumulator, eps=epsilon)
    if task.optimizer == "adadelta":
        return optax.adadelta(rate, rho=settings["rho"], eps=settings["epsilon"])
    return optax.adam(rate, b1=settings["beta_1"], b2=settings["beta_2"], eps=settings["epsilon"])


class Scan:
    """`jit(scan)` of one run."""

    stride = STEPS_PER_SCAN
    vectorized = False

    def __init__(self, task: Task):
        x, y = jnp.asarray(task.x), jnp.asarray(task.y)

        def loss(factors):
            return jnp.mean((functools.reduce(jnp.matmul, factors, x) - y) ** task.p) / task.p

        def scan(rate, factors, slots):
            optimizer = optax_optimizer(task, rate)

            def step(carry, _):
                factors, slots = carry
                value, gradients = jax.value_and_grad(loss)(factors)
                updates, slots = optimizer.update(gradients, slots, factors)
                return (optax.apply_updates(factors, updates), slots), value

            return jax.lax.scan(step, (factors, slots), length=STEPS_PER_SCAN)

        def begin(rate):
            factors = [jnp.asarray(factor) for factor in task.factors]
            return factors, optax_optimizer(task, rate).init(factors)

        if self.vectorized:
            scan, begin = jax.vmap(scan), jax.vmap(begin)
        rates = task.rates if self.vectorized else task.shared_rate
        self._rates = jnp.asarray(rates, jnp.float32)
        self._scan = jax.jit(scan)
        self._state = jax.jit(begin)(self._rates)

    def advance(self, steps: int) -> None:
        """Call the compiled scan once for every hundred steps."""
        for _ in range(steps // STEPS_PER_SCAN):
            self._state, losses = self._scan(self._rates, *self._state)
        losses.block_until_ready()

    def kernel(self) -> np.ndarray:
        """Return the product of the last run's factors."""
        factors, _ = self._state
        if self.vectorized:
            factors = [factor[-1] for factor in factors]
        return functools.reduce(np.matmul, map(np.asarray, factors))


class VectorizedScan(Scan):
    """`jit(vmap(scan))` over all runs."""

    vectorized = True


if __name__ == "__main__":
    versions = {"jax": jax.__version__, "optax": optax.__version__}
    serve({"scan": Scan, "vmap_scan": VectorizedScan}, versions)
