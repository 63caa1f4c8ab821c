"""The paper's experiments and those beyond it: `python -m experiments.NAME`."""

import os
import tempfile

# TensorFlow prints notes on processors and missing GPUs at every start. They would bury progress
# lines and the one line of an error.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _import_tensorflow_quietly() -> None:
    """Import TensorFlow, and show its notes on standard error only if the import fails.

    Some of the notes are written in C++ before TensorFlow reads its log level, so they are kept
    back at the file descriptor.
    """
    with tempfile.TemporaryFile() as notes:
        standard_error = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            notes.seek(0)
            os.write(standard_error, notes.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


_import_tensorflow_quietly()
