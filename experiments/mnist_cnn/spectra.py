"""Singular values of the convnet's end-to-end kernels, before training and after every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from experiments.harness.tensorboard import Distribution, Line
from overparam_tf.callbacks.singular_values import effective_rank
from overparam_tf.runlog import RunFolder

FILE = "spectra.npz"
LAYERS = ("fc1", "fc2")


class Spectra(keras.callbacks.Callback):
    """Measures fc1 and fc2 of one net, plain or factorised, and keeps the results in spectra.npz.

    There `NET/LAYER` has a row for each measurement, (epochs + 1, min(in, out)), the largest value
    first. A run that is continued adds to the rows of the epochs that were finished; an epoch that
    is trained again is measured again.

    Args:
        folder: The run folder.
        name: The net's name.
    """

    def __init__(self, folder: RunFolder, name: str):
        super().__init__()
        self._folder, self._name = folder, name

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Measure the start, unless the run is continued."""
        first_layer, *_ = LAYERS
        if f"{self._name}/{first_layer}" not in read_spectra(self._folder):
            self._measure(0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure the net after an epoch."""
        self._measure(epoch + 1)

    def _measure(self, row: int) -> None:
        """Write the row of this number, in place of it and of those after it."""
        spectra = read_spectra(self._folder)
        for layer in LAYERS:
            kernel = keras.ops.convert_to_numpy(self.model.get_layer(layer).kernel)
            values, key = singular_values(kernel), f"{self._name}/{layer}"
            earlier = spectra.get(key, np.zeros((0, len(values))))[:row]
            spectra[key] = np.concatenate([earlier, values[None]])
        self._folder.write_arrays(FILE, spectra)


def singular_values(kernel: np.ndarray) -> np.ndarray:
    """Return all singular values of a float32 kernel (in, out), the largest first.

    They are NaN if an entry of the kernel is not finite. By the Gram matrix in float64, in a tenth
    of the processor time of an SVD of fc1: its relative error, about 1e-16 (s_1 / s_r)^2, is below
    the kernel's own round-off as long as s_r / s_1 is above 1e-4.

    Example:
        >>> singular_values(np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]], "float32")).tolist()
        [2.0, 1.0]
    """
    tall = kernel if kernel.shape[0] >= kernel.shape[1] else kernel.T
    tall = tall.astype(np.float64)
    if not np.isfinite(tall).all():
        return np.full(tall.shape[1], np.nan)
    increasing = np.linalg.eigvalsh(tall.T @ tall)
    return np.sqrt(np.maximum(increasing[::-1], 0.0))


def read_spectra(folder: RunFolder) -> dict[str, np.ndarray]:
    """Return the arrays of spectra.npz; empty if it is not there yet.

    Raises:
        DataError: If it is damaged.
    """
    return folder.read_arrays(FILE) if (folder.path / FILE).is_file() else {}


def spectrum_distributions(spectra: Mapping[str, np.ndarray]) -> Iterator[Distribution]:
    """Yield the distribution of each net's and layer's singular values by epoch."""
    for key, rows in spectra.items():
        name, layer = key.rsplit("/", 1)
        yield Distribution(name, f"singular values/{layer}", _finite_rows(rows))


def rank_lines(spectra: Mapping[str, np.ndarray]) -> Iterator[Line]:
    """Yield the effective rank of each net's layers by epoch."""
    for key, rows in spectra.items():
        name, layer = key.rsplit("/", 1)
        finite = _finite_rows(rows)
        curve = list(finite), [effective_rank(row) for row in finite.values()]
        yield Line(name, f"effective rank of {layer}", curve)


def _finite_rows(rows: np.ndarray) -> dict[int, np.ndarray]:
    """Return the rows by epoch, without those that are not finite."""
    return {epoch: row for epoch, row in enumerate(rows) if np.isfinite(row).all()}
