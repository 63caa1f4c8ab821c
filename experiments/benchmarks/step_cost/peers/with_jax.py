"""JAX: `lax.scan` over steps, and `vmap` of it over learning rates."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from .serve import serve
from .task import Task
from .updates import first_slots, updated

# Steps of one compiled scan, over which the overhead of a call is spread.
STEPS_PER_SCAN = 100


class Scan:
    """`jit(scan)` of one run."""

    stride = STEPS_PER_SCAN
    vectorized = False

    def __init__(self, task: Task):
        x, y = jnp.asarray(task.x), jnp.asarray(task.y)

        def loss(factors):
            return jnp.mean((functools.reduce(jnp.matmul, factors, x) - y) ** task.p) / task.p

        def scan(rate, parts, steps):
            def step(carry, _):
                parts, steps = carry
                factors, slots = zip(*parts, strict=True)
                value, gradients = jax.value_and_grad(loss)(factors)
                steps = steps + 1
                parts = [
                    updated(task, rate, *each, steps)
                    for each in zip(factors, gradients, slots, strict=True)
                ]
                return (parts, steps), value

            return jax.lax.scan(step, (parts, steps), length=STEPS_PER_SCAN)

        def begin(rate):
            factors = map(jnp.asarray, task.factors)
            return [(factor, first_slots(task, factor)) for factor in factors], jnp.zeros_like(rate)

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
        parts, _ = self._state
        factors = [factor for factor, _ in parts]
        if self.vectorized:
            factors = [factor[-1] for factor in factors]
        return functools.reduce(np.matmul, map(np.asarray, factors))


class VectorizedScan(Scan):
    """`jit(vmap(scan))` over all runs."""

    vectorized = True


if __name__ == "__main__":
    serve({"scan": Scan, "vmap_scan": VectorizedScan}, {"jax": jax.__version__})
