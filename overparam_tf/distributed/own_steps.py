"""The steps of a model that has a `train_step` of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.distributed.batches import Chunk, Share, rows_of


class OwnSteps:
    """A model's own `train_step` or `test_step`, called as `fit` calls it, on one replica.

    Args:
        model: The compiled model.
        method: `"train_step"` or `"test_step"`.
        device: Device of the rows.

    Attributes:
        logs: What the last step returned, by name.
    """

    def __init__(self, model: keras.Model, method: str, device: str):
        self.logs: dict[str, Any] = {}
        self._model, self._device = model, device
        self._step = getattr(model, method)
        if not model.run_eagerly:
            self._step = tf.function(
                self._step,
                jit_compile=model.jit_compile,
                reduce_retracing=True,
                autograph=False,
            )

    def __call__(self, chunk: Chunk, penalties: Sequence[tf.Tensor] = ()) -> np.ndarray:
        """Take the steps of a chunk.

        Args:
            chunk: The batches.
            penalties: Not used: such a step computes its penalties itself.

        Returns:
            What each step returned as `"loss"`, and NaN for data loss and penalty, which such a
            step does not tell apart: shape (count, 3).
        """
        losses = np.full((chunk.count, 3), np.nan)
        for batch in range(chunk.count):
            start = tf.constant(chunk.first + batch * chunk.size)
            rows = rows_of(chunk.arrays, start, Share(0, chunk.size), self._device)
            self.logs = self._step(rows) or {}
            losses[batch, 0] = np.mean(self.logs.get("loss", np.nan))
        return losses
