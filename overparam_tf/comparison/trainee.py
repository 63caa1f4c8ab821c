"""One compiled model for one optimizer at one depth, which trains every rate and seed in turn."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf.comparison.batches import Rows, batch_rows
from overparam_tf.comparison.models import DeepModel, Recipe
from overparam_tf.comparison.recorder import DataLoss, Recorder
from overparam_tf.comparison.runs import Curve, Run
from overparam_tf.comparison.settings import Settings, fresh_optimizer
from overparam_tf.optimizers import EndToEnd
from overparam_tf.products import MatrixAxes

# About how long a call of `fit` takes, between which a run can be saved and stopped.
SECONDS_PER_CALL = 4.0
# Most bytes of the batches of one call.
BYTES_PER_CALL = 2**28


class Trainee:
    """A compiled model, put back to the start of a seed and to a rate before each run.

    Args:
        recipe: How the model is made.
        settings: The settings.
        optimizer: The optimizer's name.
        depth: Number of factors.
        loss: The loss.
        rows: The training data.
        starts: Returns the numbers of the plain model at a seed.
        jit_compile: As `compile` takes it.
        quiet: Whether the conversion says nothing of weights that it leaves as they are.

    Attributes:
        deep: The model.
        compile_seconds: Seconds until the first steps were done; 0 before `warm_up`.
    """

    def __init__(
        self,
        recipe: Recipe,
        settings: Settings,
        optimizer: str,
        depth: int,
        loss: Any,
        rows: Rows,
        starts: Callable[[int], Sequence[np.ndarray]],
        jit_compile: bool | str = "auto",
        quiet: bool = False,
    ):
        first_seed, *_ = settings.seeds
        first_rate, *_ = settings.learning_rates[optimizer]
        self.deep = DeepModel.make(recipe, depth, first_seed, quiet)
        self._settings, self._rows, self._starts = settings, rows, starts
        model = self.deep.model
        is_grouped = keras.backend.backend() == "tensorflow"
        metrics = [DataLoss(loss)] if _is_one_penalised(model, loss) else None
        model.compile(
            _optimizer(settings.optimizers[optimizer], first_rate, depth, self.deep.kernels),
            loss,
            weighted_metrics=metrics,
            jit_compile=jit_compile,
            steps_per_execution=settings.per_point if is_grouped else 1,
        )
        model.optimizer.build(model.trainable_variables)
        self._optimizer_start = _numbers(model.optimizer.variables)
        self._raw_starts: dict[int, list[np.ndarray]] = {}
        self._steps_per_call = settings.per_point
        self._is_grouped = is_grouped
        self.compile_seconds = 0.0

    @property
    def bytes(self) -> int:
        """Return the bytes of weights, gradients and optimizer state."""
        model = self.deep.model
        weights = sum(_bytes(variable) for variable in model.variables)
        gradients = sum(_bytes(variable) for variable in model.trainable_variables)
        return weights + gradients + sum(_bytes(v) for v in model.optimizer.variables)

    def warm_up(self) -> None:
        """Compile, by the steps of one point, and note how long that takes."""
        if not self.compile_seconds:
            first_seed, *_ = self._settings.seeds
            begin = time.perf_counter()
            self._fit(first_seed, 0, self._settings.per_point)
            self.compile_seconds = time.perf_counter() - begin

    def begin(self, run: Run) -> None:
        """Put the model to the start of a run."""
        model = self.deep.model
        if run.seed not in self._raw_starts:
            self.deep.assign(self._starts(run.seed))
            if run.depth > 1 and self._settings.start == "paper":
                self.deep.draw_factors(run.seed)
            self._raw_starts[run.seed] = _numbers(model.variables)
        _assign(model.variables, self._raw_starts[run.seed])
        _assign(model.optimizer.variables, self._optimizer_start)
        model.optimizer.learning_rate = run.learning_rate

    def advance(self, run: Run, curve: Curve) -> Curve:
        """Return the curve after some seconds of steps more, up to the end of the run.

        Args:
            run: The run, which `begin` or `restore` prepared.
            curve: Its curve so far.
        """
        self.warm_up_for(run, curve)
        per_point = self._settings.per_point
        first = per_point * len(curve.losses)
        last = min(first + self._steps_per_call, self._settings.steps)
        begin = time.perf_counter()
        recorder = self._fit(run.seed, first, last)
        seconds = time.perf_counter() - begin
        if self._is_grouped:
            per_step = seconds / max(1, per_point * len(recorder.losses))
            batch = self._settings.batch_size * sum(
                array.nbytes // len(array) for array in self._rows.arrays
            )
            steps = min(SECONDS_PER_CALL / per_step, BYTES_PER_CALL / max(batch, 1))
            self._steps_per_call = per_point * max(1, int(steps // per_point))
        return curve.extended(recorder.losses, recorder.penalties, seconds)

    def warm_up_for(self, run: Run, curve: Curve) -> None:
        """Compile before the first run, and put its state back."""
        if not self.compile_seconds:
            state = self.state()
            self.warm_up()
            self.restore(state)

    def state(self) -> dict[str, np.ndarray]:
        """Return all that a run needs to go on, by name."""
        model = self.deep.model
        named = {"model": model.variables, "optimizer": model.optimizer.variables}
        return {
            f"{kind}/{number}": value
            for kind, variables in named.items()
            for number, value in enumerate(_numbers(variables))
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take a state that `state` returned."""
        model = self.deep.model
        named = {"model": model.variables, "optimizer": model.optimizer.variables}
        for kind, variables in named.items():
            _assign(variables, [state[f"{kind}/{number}"] for number in range(len(variables))])

    def _fit(self, seed: int, first: int, last: int) -> Recorder:
        size, recorder = self._settings.batch_size, Recorder()
        rows = self._rows.at(batch_rows(seed, len(self._rows), size, first, last))
        self.deep.model.fit(
            rows.x,
            rows.y,
            sample_weight=rows.weights,
            batch_size=size,
            shuffle=False,
            verbose=0,
            callbacks=[recorder],
        )
        return recorder


def _optimizer(
    config: dict[str, Any], learning_rate: float, depth: int, kernels: Mapping[str, MatrixAxes]
) -> keras.optimizers.Optimizer:
    """Return a new optimizer, behind the rule of a depth if there are kernels for it."""
    optimizer = fresh_optimizer(config, learning_rate)
    if not kernels:
        return optimizer
    chosen: dict[str, Any] = {
        f"^{re.escape(path)}$": (axes.inputs, axes.outputs) for path, axes in kernels.items()
    }
    return EndToEnd(optimizer, depth, {**chosen, "": None})


def _is_one_penalised(model: keras.Model, loss: Any) -> bool:
    """Return whether a model has penalties, and one loss from which they can be told apart."""
    penalised = any(v.regularizer is not None for v in model.trainable_variables) or any(
        getattr(layer, "activity_regularizer", None) is not None
        for layer in model._flatten_layers()
    )
    return penalised and not isinstance(loss, (list, tuple, dict))


def _numbers(variables: Sequence[Any]) -> list[np.ndarray]:
    """Return the values of variables as arrays that no later step changes."""
    found = [np.array(ops.convert_to_numpy(variable)) for variable in variables]
    # A file of arrays knows no bfloat16.
    return [array.astype(np.float32) if array.dtype.kind == "V" else array for array in found]


def _assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _bytes(variable: Any) -> int:
    # The first number of a name such as float8_e4m3fn; bool has none.
    found = re.search(r"\d+", keras.backend.standardize_dtype(variable.dtype))
    bits = 8 if found is None else int(found[0])
    return int(np.prod(variable.shape)) * bits // 8
