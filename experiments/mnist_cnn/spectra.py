"""Singular values of the convnet's end-to-end kernels, before training and after every epoch."""

from __future__ import annotations

import keras
import numpy as np

from overparam_tf.callbacks.singular_values import effective_rank
from overparam_tf.runlog import RunFolder, TensorBoardLog

FILE = "spectra.npz"
LAYERS = ("fc1", "fc2")
RANKS = [f"effective rank of {layer}" for layer in LAYERS]


class Spectra(keras.callbacks.Callback):
    """Measures fc1 and fc2 of one net, plain or factorised, and keeps that in the run folder's spectra.npz.

    There `NET/LAYER` has a row for each measurement, (epochs + 1, min(in, out)), the largest value first. A run that is
    continued adds to the rows of the epochs that were finished; an epoch that is trained again is measured again.

    Args:
        folder: the run folder.
        name: the net's name.
    """

    def __init__(self, folder: RunFolder, name: str):
        super().__init__()
        self._folder, self._name = folder, name

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Measures the start, unless the run is continued."""
        if f"{self._name}/{LAYERS[0]}" not in read_spectra(self._folder):
            self._measure(0)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Measures what the epoch came to."""
        self._measure(epoch + 1)

    def _measure(self, row: int) -> None:
        found = read_spectra(self._folder)
        for layer in LAYERS:
            values = singular_values(keras.ops.convert_to_numpy(self.model.get_layer(layer).kernel))
            earlier = found.get(f"{self._name}/{layer}", np.zeros((0, len(values))))[:row]
            found[f"{self._name}/{layer}"] = np.concatenate([earlier, values[None]])
        self._folder.write_arrays(FILE, found)


def singular_values(kernel: np.ndarray) -> np.ndarray:
    """All singular values of a float32 kernel (in, out), the largest first; NaN if one of its entries is not finite.

    By the Gram matrix in float64, in a tenth of the processor time of an SVD of fc1: its relative error, about
    1e-16 (s_1 / s_r)^2, is below the kernel's own round-off as long as s_r / s_1 is above 1e-4.

    Example:
        >>> singular_values(np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]], "float32")).tolist()
        [2.0, 1.0]
    """
    tall = (
        kernel.astype(np.float64)
        if kernel.shape[0] >= kernel.shape[1]
        else kernel.T.astype(np.float64)
    )
    if not np.isfinite(tall).all():
        return np.full(tall.shape[1], np.nan)
    return np.sqrt(np.maximum(np.linalg.eigvalsh(tall.T @ tall)[::-1], 0.0))


def read_spectra(folder: RunFolder) -> dict[str, np.ndarray]:
    """What spectra.npz holds; nothing where there is none yet."""
    if not (folder.path / FILE).is_file():
        return {}
    with np.load(folder.path / FILE, allow_pickle=False) as arrays:
        return dict(arrays)


def write_distributions(log: TensorBoardLog, folder: RunFolder) -> None:
    """TensorBoard, by epoch: the distributions of the singular values, and their effective rank."""
    for key, rows in read_spectra(folder).items():
        name, layer = key.rsplit("/", 1)
        finite = {epoch: row for epoch, row in enumerate(rows) if np.isfinite(row).all()}
        log.distribution(name, f"singular values/{layer}", finite)
        log.line(
            name,
            f"effective rank of {layer}",
            (list(finite), [effective_rank(row) for row in finite.values()]),
        )
