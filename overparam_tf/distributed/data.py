"""What `fit` takes as data: arrays, `tf.data.Dataset`, `PyDataset`, generators, data loaders."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Keras reads PyDatasets, generators and data loaders by adapters that have no public name.
from keras.src.trainers.data_adapters import get_data_adapter

from overparam_tf.checks import one_of, optional, positive_int, whole_number
from overparam_tf.distributed.array_rows import class_weights, row_count, to_tensors
from overparam_tf.distributed.feed import Feed
from overparam_tf.distributed.orders import OrderedDataset, order_of
from overparam_tf.distributed.sources import ArrayBatches, DatasetBatches, Source
from overparam_tf.errors import InputError, input_error, words_of

BATCH_SIZE = 32  # as of `fit`


@dataclass(frozen=True)
class Data:
    """One set of data as `fit` takes it.

    Attributes:
        name: The argument's name, for messages.
        x: Arrays, nested arrays, or an iterable of batches.
        y: The targets if `x` is arrays.
        sample_weight: Weights of the rows if `x` is arrays.
        class_weight: Weight by class number, instead of `sample_weight`.
        shuffle: False, True or `"batch"`.
        seed: Seed of the order.
    """

    name: str
    x: Any
    y: Any = None
    sample_weight: Any = None
    class_weight: Mapping[int, float] | None = None
    shuffle: bool | str = False
    seed: int = 0

    @property
    def has_batches(self) -> bool:
        """Return whether the data come in batches."""
        return is_iterable_of_batches(self.x)

    def shuffled(self, shuffle: bool | str, seed: int) -> Data:
        """Return the data in another order each pass.

        Args:
            shuffle: False, True, or `"batch"` to exchange rows of one batch only.
            seed: Seed of the orders.

        Raises:
            InputError: If an argument is not as described, or the data give their own order.
        """
        is_arrays = not self.has_batches
        one_of("shuffle", shuffle, (False, True, "batch") if is_arrays else (False, True))
        seed = whole_number("shuffle_seed", seed)
        if shuffle and not is_arrays and not isinstance(self.x, keras.utils.PyDataset):
            raise input_error(
                f"shuffle=False beside {_kind(self.x)}, which gives its own order: shuffle it "
                "there",
                shuffle=shuffle,
            )
        return dataclasses.replace(self, shuffle=shuffle, seed=seed)

    def feed(self, batch_size: int | None, steps: int | None, device: str) -> Feed:
        """Return the batches by epochs; see `source`."""
        return Feed(self.name, self.source(batch_size, steps, device), steps)

    def source(self, batch_size: int | None, steps: int | None, device: str) -> Source:
        """Return the batches.

        Args:
            batch_size: Rows of a global batch, for arrays only; None for 32, or for as many rows as
                make `steps` batches.
            steps: Number of steps of an epoch, or None.
            device: Device where the rows wait to be sliced.

        Raises:
            InputError: If the data have no form that `fit` takes, or other arguments do not go
                with it.
        """
        if not self.has_batches:
            return self._of_arrays(batch_size, steps, device)
        for name, value in (("y", self.y), ("sample_weight", self.sample_weight)):
            if value is not None:
                raise input_error(f"no {name} beside batches for {self.name}", **{name: value})
        if batch_size is not None:
            raise input_error(
                f"no batch_size beside {_kind(self.x)} for {self.name}, whose elements are the "
                "batches",
                batch_size=batch_size,
            )
        if isinstance(self.x, keras.utils.PyDataset):
            return self._of_py_dataset(steps, device)
        if isinstance(self.x, tf.data.Dataset):
            return self._of_dataset(steps, device)
        return self._of_iterator(steps, device)

    def _of_arrays(self, batch_size: int | None, steps: int | None, device: str) -> ArrayBatches:
        x, y = to_tensors(self.name, self.x), to_tensors(self.name, self.y)
        weights = to_tensors("sample_weight", self.sample_weight)
        if self.class_weight is not None:
            if weights is not None:
                raise InputError(
                    "Expected either class_weight or sample_weight. Received: both of them"
                )
            weights = to_tensors("class_weight", class_weights(y, self.class_weight))
        arrays = keras.utils.pack_x_y_sample_weight(x, y, weights)
        rows = row_count(self.name, arrays)
        size = optional("batch_size", batch_size, positive_int)
        if size is None:
            size = math.ceil(rows / steps) if steps else BATCH_SIZE
        order = None
        if self.shuffle:

            def order(number: int) -> np.ndarray:
                return order_of(rows, self.seed, number, self.shuffle, size)

        return ArrayBatches(arrays, size, order, device)

    def _of_dataset(self, steps: int | None, device: str) -> DatasetBatches:
        """Return the batches of a `tf.data.Dataset`, which shuffles itself if it does."""
        dataset = self._weighted(self.x)
        count = int(dataset.cardinality())
        if count == tf.data.INFINITE_CARDINALITY and steps is None:
            raise input_error(
                f"a finite dataset for {self.name}, or a number of steps such as steps_per_epoch",
                cardinality="infinite",
            )

        def make(number: int, skip: int) -> tf.data.Dataset:
            return dataset.skip(skip).prefetch(tf.data.AUTOTUNE)

        example = _dense(self.name, dataset.element_spec)
        return DatasetBatches(self.name, make, example, count if count >= 0 else None, device)

    def _of_py_dataset(self, steps: int | None, device: str) -> DatasetBatches:
        dataset, count = self.x, self.x.num_batches
        if count is None and steps is None:
            raise input_error(
                f"a finite PyDataset for {self.name}, or a number of steps such as steps_per_epoch",
                num_batches=None,
            )

        def make(number: int, skip: int) -> tf.data.Dataset:
            # In the order of `fit`, which calls the first before the first epoch as well.
            dataset.on_epoch_end()
            dataset.on_epoch_begin()
            if count is None:
                return self._adapted(dataset).skip(skip)
            order = np.arange(count)
            if self.shuffle:
                order = order_of(count, self.seed, number)
            return self._adapted(OrderedDataset(dataset, order[skip:]))

        example = _dense(self.name, self._adapted(dataset).element_spec)
        return DatasetBatches(self.name, make, example, count, device)

    def _of_iterator(self, steps: int | None, device: str) -> DatasetBatches:
        """Return the batches of a generator or a data loader.

        A generator can be passed over once, and not from its middle.
        """
        adapted = self._adapted(self.x)
        is_generator = isinstance(self.x, types.GeneratorType)

        def make(number: int, skip: int) -> tf.data.Dataset:
            if is_generator and (number or skip):
                raise InputError(
                    f"Expected a generator for {self.name} with enough batches for all steps from "
                    "the first: a generator can neither begin again nor be continued from a "
                    f"checkpoint. Received: one that ended, or is needed from batch {skip}"
                )
            return adapted.skip(skip)

        return DatasetBatches(
            self.name, make, _dense(self.name, adapted.element_spec), None, device
        )

    def _adapted(self, data: Any) -> tf.data.Dataset:
        try:
            adapter = get_data_adapter(data, class_weight=self.class_weight)
            return adapter.get_tf_dataset()
        except (TypeError, ValueError) as error:
            raise InputError(
                f"Expected batches that `fit` takes. Received: {words_of(error)}"
            ) from error

    def _weighted(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        return dataset if self.class_weight is None else self._adapted(dataset)


def is_iterable_of_batches(x: Any) -> bool:
    """Return whether data yield batches by themselves."""
    kinds = (tf.data.Dataset, keras.utils.PyDataset, types.GeneratorType)
    modules = {kind.__module__.split(".")[0] for kind in type(x).__mro__}
    return isinstance(x, kinds) or bool(modules & {"torch", "grain"} and _is_loader(x))


def _is_loader(x: Any) -> bool:
    names = {kind.__name__ for kind in type(x).__mro__}
    return bool(names & {"DataLoader", "MapDataset", "IterDataset"})


def _kind(x: Any) -> str:
    names = {tf.data.Dataset: "a tf.data.Dataset", keras.utils.PyDataset: "a PyDataset"}
    return next((name for kind, name in names.items() if isinstance(x, kind)), "a generator")


def _dense(name: str, spec: Any) -> Any:
    """Return the specification of a dataset's elements, if all are dense arrays."""
    for part in tf.nest.flatten(spec):
        if isinstance(part, (tf.SparseTensorSpec, tf.RaggedTensorSpec)):
            raise InputError(
                f"Expected dense arrays for {name}. Received: a sparse or ragged {part}"
            )
    return spec
