"""The import of TensorFlow and Keras, which takes seconds: once the options are read."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from types import FrameType

from overparam_tf.errors import InputError, one_line


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, and show notes on standard error only if the import fails.

    Where Keras runs on another backend, TensorFlow writes event files and leaves GPUs to that.

    Some of the notes are written in C++ before TensorFlow reads its log level, so they are kept
    back at the file descriptor.
    """
    backend = os.environ["KERAS_BACKEND"]
    with tempfile.TemporaryFile() as notes:
        standard_error = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            with (
                _stopped_at_once(standard_error),
                _without({"jax", "matplotlib"} - {backend}),
                _without_collection(),
            ):
                import keras  # noqa: F401
                import tensorflow as tf
            if backend != "tensorflow":
                tf.config.set_visible_devices([], "GPU")
        except (AssertionError, ValueError) as error:
            # Keras checks what its configuration file says.
            raise InputError(
                "Expected a keras.json that Keras can read; correct or remove it. "
                f"Received: {one_line(str(error)) or 'an unknown value in it'}"
            ) from None
        except BaseException:
            notes.seek(0)
            os.write(standard_error, notes.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


@contextlib.contextmanager
def _stopped_at_once(standard_error: int) -> Iterator[None]:
    """Open a block in which a stop signal ends the process, with the exit code that shells expect.

    A KeyboardInterrupt in Python code that an extension module calls while it is imported would
    abort the process.

    Args:
        standard_error: Number of the open file to which the one line of it goes.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):  # of a terminal that is closed
            os.write(standard_error, b"interrupted while importing TensorFlow\n")
        os._exit(128 + number)

    handled = {}
    if threading.current_thread() is threading.main_thread():
        # Windows has no SIGHUP.
        for number in {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGINT)}:
            if callable(signal.getsignal(number)):
                handled[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _without(names: Iterable[str]) -> Iterator[None]:
    """Open a block in which packages cannot be imported that were not before.

    TensorFlow Lite imports JAX where it is installed, for a converter, and Keras matplotlib's
    pyplot, for pictures of images. Nothing here uses either, and they are a seventh and a
    fifteenth of the time of all imports.
    """
    kept_out = [name for name in names if name not in sys.modules]
    for name in kept_out:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in kept_out:
            del sys.modules[name]


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Open a block without garbage collection; what it makes is never looked at again.

    Otherwise a fifth of the time of the imports is spent looking at modules for garbage.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
