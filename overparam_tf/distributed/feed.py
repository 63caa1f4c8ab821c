"""The batches of each epoch: whole passes over the data, or a number of steps of a pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

from overparam_tf.distributed.batches import Chunk
from overparam_tf.distributed.sources import Source
from overparam_tf.errors import InputError


class Feed:
    """Epochs as `fit` counts them.

    Without `steps_per_epoch` an epoch is a pass. With it, an epoch goes on where the one before it
    ended, and a pass that ends within an epoch ends the epoch.

    Args:
        name: The data's name, for messages.
        source: The data.
        steps_per_epoch: The most steps of an epoch; None for whole passes.

    Attributes:
        source: The data.
        number: How many passes were begun before this one.
        position: How many batches of this pass are done.
        check: Called with each chunk before it is yielded, or with None instead of one where there
            is no more, and whether it is the epoch's last; None for nothing.
    """

    def __init__(self, name: str, source: Source, steps_per_epoch: int | None):
        self.source, self._name, self._steps = source, name, steps_per_epoch
        self.number = self.position = 0
        self.check: Callable[[Chunk | None, bool], None] | None = None
        self._chunks: Iterator[tuple[Chunk, bool]] | None = None
        self._wanted = 0

    @property
    def length(self) -> int | None:
        """Return the most steps of an epoch, or None if that is unknown."""
        return self._steps or self.source.count

    def seek(self, number: int, position: int) -> None:
        """Go to a batch of a pass."""
        self.number, self.position, self._chunks = number, position, None

    def epoch(self, done: int, most: int) -> Iterator[tuple[Chunk, bool]]:
        """Yield the rest of an epoch in chunks, and of each chunk whether it is the epoch's last.

        Args:
            done: Steps of the epoch that are done.
            most: The most batches of a chunk.
        """
        is_last = False
        while not is_last:
            chunk, ends_pass = self._next(min(most, self._steps - done) if self._steps else most)
            done += chunk.count
            is_last = ends_pass or done == self._steps
            if self.check is not None:
                self.check(chunk, is_last)
            yield chunk, is_last
        if self._steps and done < self._steps:
            warnings.warn(
                f"{self._name} ran out of data after {done} of {self._steps} steps of an epoch; "
                "repeat the dataset, or ask for fewer steps an epoch",
                stacklevel=2,
            )

    def _next(self, most: int) -> tuple[Chunk, bool]:
        self._wanted = most
        if self._chunks is None:
            self._chunks = self.source.chunks(self.number, self.position, lambda: self._wanted)
        chunk, ends_pass = next(self._chunks, (None, True))
        if chunk is None:
            if self.check is not None:
                self.check(None, True)
            raise InputError(f"Expected at least one batch for {self._name}. Received: no more")
        self.position += chunk.count
        if ends_pass:
            self.seek(self.number + 1, 0)
        return chunk, ends_pass
