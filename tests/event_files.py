"""Event files read back the way TensorBoard reads them."""

from __future__ import annotations

import tensorflow as tf


def events(folder):
    """{tag: [(step, value)]} of all event files directly in `folder`."""
    found = {}
    for path in sorted(folder.glob("events.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


def scalars(found, tag):
    return {step: float(tf.make_ndarray(value.tensor)) for step, value in found[tag]}
