"""The import of TensorFlow and Keras, which takes seconds: once the options are read."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from overparam_tf.errors import InputError, one_line


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, and show notes on standard error only if the import fails.

    Some of the notes are written in C++ before TensorFlow reads its log level, so they are kept
    back at the file descriptor.
    """
    with tempfile.TemporaryFile() as notes:
        standard_error = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            with _without_jax():
                import keras  # noqa: F401
                import tensorflow  # noqa: F401
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
def _without_jax() -> Iterator[None]:
    """Open a block in which JAX cannot be imported, if it was not before.

    TensorFlow Lite imports JAX where it is installed, a seventh of the time of all imports, for a
    converter that nothing here uses.
    """
    if "jax" in sys.modules:
        yield
        return
    sys.modules["jax"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["jax"]
