"""The check that all workers train on the same data; otherwise some would wait for ever."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import tensorflow as tf

from overparam_tf.distributed.batches import Chunk
from overparam_tf.distributed.feed import Feed
from overparam_tf.distributed.sources import ArrayBatches
from overparam_tf.distributed.workers import Workers


def require_same_data(workers: Workers, name: str, feed: Feed) -> None:
    """Raise an `InputError` on every worker unless all have the same data.

    Arrays are compared once and as a whole. Batches that come one after the other are compared as
    they come, before each is used.

    Args:
        workers: The workers; nothing happens if there is one.
        name: Name of the data, for the message.
        feed: The data.
    """
    if not workers.has_others:
        return
    workers.require_alike(f"number of steps of an epoch for {name}", str(feed.length))
    source = feed.source
    if isinstance(source, ArrayBatches):
        digest = hashlib.sha256()
        order = [] if source.order is None else [source.order(0)]
        for array in (*tf.nest.flatten(source.arrays), *order):
            if array is not None:
                values = np.asarray(array)
                digest.update(f"{values.dtype} {values.shape}".encode() + values.tobytes())
        text = f"{source.rows} rows, {source.size} a batch, sha256 {digest.hexdigest()}"
        workers.require_alike(f"data for {name}", text, text[:-52])
        return
    count = 0

    def check(chunk: Chunk | None, is_last: bool) -> None:
        nonlocal count
        text = f"batches from number {count} on: {_describe(chunk)}{', the last' * is_last}"
        count += 0 if chunk is None else chunk.count
        workers.require_alike(f"data for {name}", text)

    feed.check = check


def _describe(chunk: Chunk | None) -> str:
    """Return number, rows and checksum of the batches of a chunk."""
    if chunk is None:
        return "none"
    checksum = 0
    for array in tf.nest.flatten(chunk.arrays):
        if array is not None:
            checksum = zlib.crc32(np.ascontiguousarray(array).tobytes(), checksum)
    return f"{chunk.count} of {chunk.size} rows, checksum {checksum:08x}"
