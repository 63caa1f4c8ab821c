"""The order of rows and of batches in a pass: a function of a seed and of the pass alone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def order_of(
    count: int, seed: int, number: int, shuffle: bool | str = True, size: int = 1
) -> np.ndarray:
    """Return the numbers 0 ... count - 1 in the order of pass `number`.

    Args:
        count: How many there are.
        seed: The seed.
        number: Number of the pass, from 0.
        shuffle: True for any order, `"batch"` to exchange rows of one batch only.
        size: Rows of a batch, for `"batch"`.

    Example:
        >>> sorted(order_of(3, seed=0, number=1).tolist())
        [0, 1, 2]
    """
    rng = np.random.default_rng((seed, number))
    if shuffle != "batch":
        return rng.permutation(count)
    blocks = np.split(np.arange(count), range(size, count, size))
    return np.concatenate([rng.permutation(block) for block in blocks])


class OrderedDataset(keras.utils.PyDataset):
    """Some items of a `keras.utils.PyDataset`, in an order of their own.

    Args:
        dataset: The data set.
        order: Numbers of its items.
    """

    def __init__(self, dataset: keras.utils.PyDataset, order: np.ndarray):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self._dataset, self._order = dataset, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, place: int) -> Any:
        return self._dataset[int(self._order[place])]
