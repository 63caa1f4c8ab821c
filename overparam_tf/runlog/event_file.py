"""One event file of TensorBoard, written record by record.

`tf.summary` takes an eager operation for each point, 0.3 ms: curves of a thousand points for each
of 50 runs then cost more than a short training. A record written directly costs 4 microseconds.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.image.metadata import create_summary_metadata as image_metadata
from tensorboard.plugins.scalar.metadata import create_summary_metadata as scalar_metadata
from tensorboard.plugins.text.summary_v2 import text_pb

from overparam_tf.errors import InputError

# TensorBoard looks for `tfevents` in a name, and reads the files of a folder by name.
PATTERN = "events.out.tfevents.*"
_count = itertools.count()


class EventFile:
    """A new event file in a run's folder; a context manager.

    Args:
        folder: The run's folder, made if need be.
        suffix: End of the file's name; default none.
        replaces: Whether the file takes the place of all that the run had before: a TensorBoard
            that is showing the run then forgets it. Default False.

    Raises:
        InputError: If the file cannot be written, because the disk is full, for example.
    """

    def __init__(self, folder: str | os.PathLike, suffix: str = "", replaces: bool = False):
        unique = f"{time.time_ns()}.{os.getpid()}.{next(_count)}"
        self._path = Path(folder) / f"events.out.tfevents.{unique}{suffix}"
        self._replaces = replaces
        self._described: set[str] = set()

    def __enter__(self) -> EventFile:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = tf.io.TFRecordWriter(os.fsencode(self._path))
        except (OSError, tf.errors.OpError) as error:
            raise _cannot_write(error) from None
        self._write(event_pb2.Event(file_version="brain.Event:2"))
        if self._replaces:
            # The start of a session at step 0 makes all steps before it invalid.
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(event_pb2.Event(step=0, session_log=start))
        return self

    def __exit__(self, *exception) -> None:
        try:
            self._writer.close()
        except tf.errors.OpError as error:
            raise _cannot_write(error) from None

    def flush(self) -> None:
        """Hand over to the system what was written, so that others can read it."""
        try:
            self._writer.flush()
        except tf.errors.OpError as error:
            raise _cannot_write(error) from None

    def _write(self, event: event_pb2.Event) -> None:
        event.wall_time = time.time()
        try:
            self._writer.write(event.SerializeToString())
        except tf.errors.OpError as error:
            raise _cannot_write(error) from None

    def summary(self, summary: summary_pb2.Summary, step: int = 0) -> None:
        """Write a summary made by one of TensorBoard's plugins."""
        event = event_pb2.Event(step=step)
        # By way of bytes, since TensorFlow has another class of that name.
        event.summary.MergeFromString(summary.SerializeToString())
        self._write(event)

    def scalars(self, tag: str, steps: Sequence[int], values: npt.ArrayLike) -> None:
        """Write a curve, or the next part of it.

        TensorBoard keeps values in float32; those that are not finite in it are left out.
        """
        with np.errstate(over="ignore"):
            kept = np.asarray(values, np.float32)
        for step, value in zip(steps, kept.tolist(), strict=True):
            if np.isfinite(value):
                tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[value])
                metadata = None
                if tag not in self._described:  # TensorBoard takes it from a tag's first point
                    metadata = scalar_metadata(display_name=None, description=None)
                    self._described.add(tag)
                point = summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
                self.summary(summary_pb2.Summary(value=[point]), int(step))

    def histogram(self, tag: str, values: Sequence[float], step: int) -> None:
        """Write a histogram of the values."""
        self.summary(histogram_pb(tag, values), step)

    def text(self, tag: str, markdown: str) -> None:
        """Write a text in Markdown."""
        self.summary(text_pb(tag, as_utf8(markdown)))

    def png(self, tag: str, path: Path) -> None:
        """Write an image, byte for byte."""
        content = path.read_bytes()
        width, height = (str(size).encode() for size in png_size(content))
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING, string_val=[width, height, content]
        )
        tensor.tensor_shape.dim.add(size=3)
        metadata = image_metadata(display_name=None, description=None)
        image = summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
        self.summary(summary_pb2.Summary(value=[image]))


def read_summaries(path: Path) -> Iterator[tuple[int, tf.compat.v1.Summary.Value]]:
    """Yield step and value of every summary in an event file.

    The last record of a process that was killed may be cut off; the file then ends before it.
    """
    try:
        for record in tf.data.TFRecordDataset(os.fsencode(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                yield event.step, value
    except (tf.errors.DataLossError, DecodeError):
        return


def as_utf8(text: str) -> str:
    r"""Return a text with escapes for what UTF-8 lacks, such as bytes of a foreign path.

    Example:
        >>> print(as_utf8("caf\udce9"))
        caf\udce9
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def png_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG image, with which its first chunk begins."""
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def _cannot_write(error: Exception) -> InputError:
    message = getattr(error, "message", None) or str(error)
    return InputError(
        f"Cannot write TensorBoard's files: {message.splitlines()[0]}. Other results are intact"
    )
