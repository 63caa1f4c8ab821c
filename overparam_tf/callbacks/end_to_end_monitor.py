"""A Keras callback that records the end-to-end kernels of a model while it is trained."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf.callbacks.singular_values import effective_rank, singular_values
from overparam_tf.callbacks.watched_layers import (
    choose_layers,
    kernel_blocks,
    largest_balance_defect,
)
from overparam_tf.checks import file_path, instance_of, list_of, positive_int, whole_number
from overparam_tf.dynamics.spectrum import null_eigenvalues
from overparam_tf.errors import InputError, input_error


class EndToEndMonitor(keras.callbacks.Callback):
    r"""Callback that records norm, rank and balance of every factorised layer during training.

    It measures the end-to-end kernel K = F_1 F_2 ... F_N. With the singular values s_1 >= s_2 >=
    ... of K as a matrix (in, out), for each `LAYER`:

    - `LAYER/norm`: the Frobenius norm of K.
    - `LAYER/effective_rank`: $\exp(-\sum_r p_r \log p_r)$ with $p_r = s_r / \sum_i s_i$. It is r
      for r equal singular values, less for unequal ones, 0 for K = 0.
    - `LAYER/balance_defect`: the relative one of `overparam_tf.dynamics.balance_defect`, 0 for
      balanced factors.
    - `LAYER/effective_learning_rate`: $\eta \, s_1^{2-2/N}$, with the optimizer's learning rate
      $\eta$ of the next step. For a single output this is the rate of Claim 2. For a matrix it is
      $\eta$ times the preconditioner's eigenvalue (Claim 1) for the largest direction of K paired
      with one that K does not have yet; along K itself it is N times as much. Claims 1 and 2 are
      not about momentum or Adam, but with these it still says how $\eta$ is scaled.
    - `LAYER/singular_values`: the `top` largest.

    All are measured at the start, every `every` steps, and at the end of training; they are NaN if
    K is not finite. The logs of each epoch get the latest scalars, so that
    `model.fit(...).history` has them and other callbacks see them; those of the last epoch are
    measured at its end.

    A factorised layer is one with `factors` and `kernel`, also inside other models and layers. Its
    name is the path to it, such as `encoder/dense`. The kernel (height, width, in, out) of a
    convolution is the matrix (height width in, out), or one such block for each group. Its balance
    defect compares, for channels m between two factors, the factors as matrices
    (height width in, m) and (m, height width out): for these too gradient flow conserves
    $F_j^\top F_j - F_{j+1} F_{j+1}^\top$.

    The cost is bounded. If the smaller of in and out is at most `max_exact`, all singular values
    are computed. Above it a randomised decomposition finds the largest, `max_exact` / 4 of them,
    and the rest of the squared norm is spread evenly over the others. This makes the effective rank
    an upper bound.

    Args:
        every: Steps, that is batches, from one measurement to the next; default 100. With
            `steps_per_execution` a measurement waits for the end of an execution.
        layers: The layers to measure: a name or glob pattern, matched with name and path, or a list
            of these; default None, all.
        top: Number of singular values to keep; default 10.
        max_exact: See above; default 512.
        log_dir: Folder for TensorBoard: scalars, and a histogram of the kept singular values.
            Default None, no files. Needs TensorFlow, whatever the backend of Keras.
        optimizer: The optimizer of the factors; default None, the one that the model is compiled
            with.
        seed: Seed of the randomised decomposition, >= 0; default 0.

    Attributes:
        history: Dict of lists of equal length: `"step"` and the measurements above.

    Raises:
        InputError: If an argument is out of its range; at the start of training, if the model has
            no such layer, or the optimizer no learning rate.

    Source:
        Arora, Cohen & Hazan 2018, Claims 1 and 2; Roy & Vetterli, "The effective rank" (EUSIPCO
        2007).

    Example:
        >>> from overparam_tf.layers import FactorizedDense
        >>> layer = FactorizedDense(2, depth=2, kernel_initializer="identity", name="head")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> model.compile(keras.optimizers.SGD(0.5), "mse")
        >>> monitor = EndToEndMonitor(every=2)
        >>> x = np.eye(2, dtype="float32")
        >>> logs = model.fit(x, x, epochs=3, callbacks=[monitor], verbose=0)
        >>> monitor.history["step"]
        [0, 2, 3]
        >>> [round(rate, 4) for rate in logs.history["head/effective_learning_rate"]]
        [0.5, 0.5, 0.5]

        In a custom training loop:

        >>> monitor = EndToEndMonitor(every=2, optimizer=keras.optimizers.SGD(0.5))
        >>> monitor.set_model(model)
        >>> for step in range(5):
        ...     monitor.on_step(step)
        >>> [round(rank, 4) for rank in monitor.history["head/effective_rank"]]
        [2.0, 2.0, 2.0]
    """

    def __init__(
        self,
        every: int = 100,
        layers: str | Sequence[str] | None = None,
        top: int = 10,
        max_exact: int = 512,
        log_dir: str | os.PathLike[str] | None = None,
        optimizer: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.every = positive_int("every", every)
        self.layers = _check_patterns(layers)
        self.top = positive_int("top", top)
        self.max_exact = positive_int("max_exact", max_exact)
        self.log_dir = None if log_dir is None else file_path("log_dir", log_dir)
        if optimizer is not None:
            instance_of("optimizer", optimizer, keras.optimizers.Optimizer, "a Keras optimizer")
        self.optimizer = optimizer
        self.seed = whole_number("seed", seed)
        self.history: dict[str, list[Any]] = {"step": []}
        self._step = self._steps_before_epoch = 0
        self._writer: Any = None

    # When to measure.

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Measure the start."""
        self._measure()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the number of steps before the epoch."""
        self._steps_before_epoch = self._step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the steps up to the end of an execution.

        Args:
            batch: Number within the epoch, from 0, of the last batch of the execution.
            logs: Those of Keras, not used.
        """
        in_epoch = (self.params or {}).get("steps")  # None for data of unknown length
        # Keras numbers the batches as if the last execution of an epoch were full too.
        done = batch + 1 if in_epoch is None else min(batch + 1, in_epoch)
        self.on_step(self._steps_before_epoch + done)

    def on_step(self, step: int) -> None:
        """Measure if a measurement is due; call it from a custom training loop.

        Args:
            step: Number of steps that have been taken, >= 0.

        Raises:
            InputError: If `step` is not an integer >= 0, or the model cannot be measured.
        """
        self._step = whole_number("step", step)
        measured = self.history["step"]
        if not measured or self._step // self.every > measured[-1] // self.every:
            self._measure()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the latest scalars into the logs."""
        if epoch + 1 == (self.params or {}).get("epochs"):
            self._measure()
        if logs is not None:
            latest = {name: values[-1] for name, values in self.history.items() if values}
            logs.update({name: value for name, value in latest.items() if isinstance(value, float)})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Measure the end and close the event file."""
        self._measure()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    # What to measure.

    def _measure(self) -> None:
        if self._step in self.history["step"][-1:]:
            return
        if self.model is None:  # the property: on JAX, it also brings the weights up to date
            raise InputError("Expected a model: call set_model(model) first. Received: model=None")
        rate = self._learning_rate()
        row: dict[str, Any] = {"step": self._step}
        for path, layer in choose_layers(self.model, self.layers).items():
            row |= {
                f"{path}/{name}": value for name, value in self._measure_layer(layer, rate).items()
            }
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        if self.log_dir is not None:
            self._write(row)

    def _learning_rate(self) -> float:
        optimizer = self.optimizer or getattr(self.model, "optimizer", None)
        rate = getattr(optimizer, "learning_rate", None)
        if rate is None:
            raise input_error(
                "an optimizer with one learning rate: compile the model, or pass the optimizer of "
                "the factors to the monitor",
                optimizer=optimizer,
            )
        return float(ops.convert_to_numpy(rate))

    def _measure_layer(self, layer: keras.layers.Layer, rate: float) -> dict[str, Any]:
        factors = [ops.convert_to_numpy(factor).astype("float64") for factor in layer.factors]
        blocks = kernel_blocks(layer, factors)
        if np.isfinite(blocks).all():
            values = singular_values(blocks, self.top, self.max_exact, self.seed)
            scale = float(null_eigenvalues(ops.convert_to_tensor(values[0]), len(factors)))
            defect = largest_balance_defect(factors)
        else:
            values = np.full(len(blocks) * min(blocks.shape[1:]), np.nan)
            scale = defect = float("nan")
        return {
            "norm": float(np.linalg.norm(values)),
            "effective_rank": effective_rank(values),
            "balance_defect": defect,
            "effective_learning_rate": rate * scale,
            "singular_values": values[: self.top].tolist(),
        }

    def _write(self, row: dict[str, Any]) -> None:
        import tensorflow as tf  # not at the top: nothing else here needs it

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.log_dir))
        with self._writer.as_default(step=row["step"]):
            for name, value in row.items():
                if name != "step" and np.isfinite(value).all():
                    write = tf.summary.histogram if isinstance(value, list) else tf.summary.scalar
                    write(name, value)


def _check_patterns(layers: Any) -> list[str] | None:
    if layers is None:
        return None
    if isinstance(layers, str):
        return [layers]
    try:
        return list_of("layers", layers, lambda name, entry: instance_of(name, entry, str))
    except InputError:
        raise input_error("names or patterns of layers", layers=layers) from None
