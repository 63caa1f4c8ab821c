"""One run by itself, under any Keras optimizer, with the factors of every step on record.

A stack of many runs takes only optimizers that treat every weight separately. A stack of one run
has no other runs to mix with: schedules, and clipping of the gradient's norm, are exact here.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checks import instance_of, one_of, whole_number
from overparam_tf.datasets import Problem
from overparam_tf.errors import input_error
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.devices import check_biases, on_matrices
from overparam_tf.sweep.engine import MAX_STEPS_PER_CALL
from overparam_tf.sweep.stacks import FactorStack
from overparam_tf.sweep.variant import Variant
from overparam_tf.sweep.whole_pass import WholePass


class RecordedRun:
    """Full-batch training of the one run of a variant.

    Args:
        problem: The data.
        variant: How the factors start: one learning rate, one seed, `update="factors"`. Its
            optimizer and rate are not used.
        optimizer: Any Keras optimizer.
        loss: An `LpLoss`.
        dtype: `"float32"` (default) or `"float64"`.

    Attributes:
        optimizer: The optimizer. A rate set between two calls holds from the next one on.

    Raises:
        InputError: If an argument is not as described.

    Example: x = y = 1 and depth 1 from w = 0.01, where a step is w <- w - eta (w - 1).

        >>> problem = Problem("toy", np.ones((1, 1)), np.ones((1, 1)), "made here", "none", True)
        >>> variant = Variant("GD", initial_factors=[np.full((1, 1), 0.01)])
        >>> run = RecordedRun(problem, variant, keras.optimizers.SGD(0.5), LpLoss(2), "float64")
        >>> losses, entries = run.advance(3)
        >>> entries[:, 0].round(6).tolist()
        [0.01, 0.505, 0.7525]
    """

    def __init__(
        self,
        problem: Problem,
        variant: Variant,
        optimizer: keras.optimizers.Optimizer,
        loss: LpLoss,
        dtype: str = "float32",
    ):
        instance_of("problem", problem, Problem)
        instance_of("variant", variant, Variant)
        if len(variant.runs) != 1 or variant.update != "factors":
            raise input_error(
                "a variant of one learning rate, one seed and update='factors'",
                runs=variant.runs,
                update=variant.update,
            )
        instance_of("optimizer", optimizer, keras.optimizers.Optimizer, "a Keras optimizer")
        instance_of("loss", loss, LpLoss, "an LpLoss, such as LpLoss(4),")
        self.optimizer = optimizer
        self._dtype = one_of("dtype", dtype, ("float32", "float64"))
        sizes = problem.features, problem.outputs
        self._stack = FactorStack(variant, *sizes, dtype, optimizer=optimizer)
        check_biases(problem, variant)
        self._data_pass = on_matrices(WholePass(problem, loss, dtype), problem)
        self._shapes = [tuple(factor.shape[1:]) for factor in self._stack.factors]
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        count = tf.TensorSpec((), tf.int32)
        advance = tf.function(self._steps, jit_compile=True, autograph=False)
        self._advance = advance.get_concrete_function(count)

    def advance(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Take steps.

        Args:
            steps: Number of steps, 1 to `overparam_tf.sweep.engine.MAX_STEPS_PER_CALL`.

        Returns:
            The losses (steps,) and the entries of all factors (steps, parameters) *before* each
            step.

        Raises:
            InputError: If `steps` is out of its range.
        """
        steps = whole_number("steps", steps, least=1, most=MAX_STEPS_PER_CALL)
        losses, entries = self._advance(tf.constant(steps))
        return losses.numpy()[:steps], entries.numpy()[:steps]

    def factors(self, entries: np.ndarray) -> list[np.ndarray]:
        """Return the entries of all factors as the factors F_1 .. F_N.

        Args:
            entries: One row of what `advance` returns, shape (parameters,).
        """
        parts = np.split(entries, np.cumsum(self._sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that a step changes, by number: factors and the optimizer's variables.

        Its learning rate is among them.
        """
        return {
            str(place): keras.ops.convert_to_numpy(variable)
            for place, variable in enumerate(self._stack.changing)
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Set everything to what `state` returned."""
        for place, variable in enumerate(self._stack.changing):
            variable.assign(state[str(place)])

    def _steps(self, steps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        losses = tf.TensorArray(self._dtype, MAX_STEPS_PER_CALL, element_shape=())
        entries = tf.TensorArray(self._dtype, MAX_STEPS_PER_CALL, element_shape=(sum(self._sizes),))

        def step(count, losses, entries):
            factors = [tf.reshape(factor.value, (-1,)) for factor in self._stack.factors]
            values = tf.concat(factors, 0)
            kernel, bias, update = self._stack.forward()
            result = self._data_pass(kernel, bias)
            update(result.kernel_gradient, result.bias_gradient)
            return count + 1, losses.write(count, result.losses[0]), entries.write(count, values)

        _, losses, entries = tf.while_loop(
            lambda count, *_: count < steps, step, (0, losses, entries)
        )
        return losses.stack(), entries.stack()
