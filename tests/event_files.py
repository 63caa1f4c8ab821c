"""Event files, read back as TensorBoard reads them."""

from __future__ import annotations

import tensorflow as tf


def events(folder):
    """Return the values of all event files directly in a folder: {tag: [(step, value), ...]}."""
    values = {}
    for path in sorted(folder.glob("events.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                values.setdefault(value.tag, []).append((event.step, value))
    return values


def scalars(values, tag):
    """Return a curve among the values of `events`: {step: number}."""
    return {step: float(tf.make_ndarray(value.tensor)) for step, value in values[tag]}
