"""The paper's experiments, one module per figure: `python -m experiments.NAME`."""

import os
import tempfile

# TensorFlow greets every start with notes on processors and missing GPUs. They would bury progress lines and the
# one line that an error is to be.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _import_tensorflow_quietly() -> None:
    """Imports TensorFlow; what it says on standard error meanwhile is shown only if that fails.

    Some of the notes are written before TensorFlow reads its log level, from C++, so that only holding back the
    file descriptor helps.
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
