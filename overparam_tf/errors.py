"""The error types: one line that says what was expected, what came, and what to do."""


class InputError(ValueError):
    """An argument, option or file is not usable.

    The command line prints the message as one line and exits with code 2.
    """


class DataError(InputError):
    """A data file, folder or download is not what its format or its checksum says."""


class EquivalenceError(ValueError):
    """Two models that should compute the same function do not, up to the tolerance asked for."""


class WorkerLostError(RuntimeError):
    """Another worker ended or cannot be reached, so that no sum over workers comes about any more.

    Start all workers again: training continues from the newest checkpoint.
    """
