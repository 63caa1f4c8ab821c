"""The error types: one line that says what was expected, what came, and what to do."""

from __future__ import annotations

from typing import Any


class InputError(ValueError):
    """An argument, option or file is not usable.

    The command line prints the message as one line and exits with code 2.
    """


class DataError(InputError):
    """A data file, folder or download is not what its format or its checksum says."""


class EquivalenceError(ValueError):
    """Two models that should compute the same function do not, up to the tolerance asked for."""


class WorkerLostError(RuntimeError):
    """Another worker ended or cannot be reached, so that no sum over workers can be computed.

    Start all workers again: training continues from the newest checkpoint.
    """


def input_error(expected: str, **received: Any) -> InputError:
    """Return an `InputError` in the words that all of them use.

    Args:
        expected: What would have been usable, and what to do where that is not obvious.
        **received: The arguments as they came, by name.

    Example:
        >>> input_error("a depth >= 1", depth=0)
        InputError('Expected a depth >= 1. Received: depth=0')
    """
    values = ", ".join(f"{name}={value!r}" for name, value in received.items())
    return InputError(f"Expected {expected}. Received: {values}")
