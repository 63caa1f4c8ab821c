"""The error types: one line that says what was expected, what was received, and what to do."""

from __future__ import annotations

from typing import Any

_LONGEST_VALUE = 200  # characters of a received value
_LONGEST_LINE = 1000


class InputError(ValueError):
    """An argument, option or file is not usable.

    The command line prints the message as one line and exits with code 2.
    """


class DataError(InputError):
    """A data file, folder or download is not what its format or its checksum says."""


class EquivalenceError(ValueError):
    """Two models that should compute the same function differ by more than the tolerance."""


class WorkerLostError(RuntimeError):
    """Another worker ended or cannot be reached, so that no sum over workers can be computed.

    Start all workers again: training continues from the newest checkpoint.
    """


def input_error(expected: str, **received: Any) -> InputError:
    """Return an `InputError` in the words that all of them use.

    Args:
        expected: What would have been usable, and what to do where that is not obvious.
        **received: The arguments as they were received, by name. Each is written on one line, and
            a long one is cut.

    Example:
        >>> input_error("a depth >= 1", depth=0)
        InputError('Expected a depth >= 1. Received: depth=0')
    """
    values = ", ".join(f"{name}={_in_one_line(value)}" for name, value in received.items())
    return InputError(f"Expected {expected}. Received: {values}")


def one_line(text: str, most: int = _LONGEST_LINE) -> str:
    r"""Return a text as one line that can be printed; of a long one its beginning and its end.

    Args:
        text: The text.
        most: The most characters; default 1000.

    Example:
        >>> print(one_line("a path of\ntwo lines"), one_line("a" * 99 + "z", most=9))
        a path of\ntwo lines aa ... az
    """
    line = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    half = (most - len(" ... ")) // 2
    return line if len(line) <= most else f"{line[:half]} ... {line[-half:]}"


def words_of(error: object, most: int = _LONGEST_LINE) -> str:
    """Return the message of an error as one line; the name of its type if it has none.

    Args:
        error: The error, or what a library gives as its reason.
        most: The most characters; default 1000.

    Example:
        >>> words_of(ValueError("two\\n  lines")), words_of(EOFError())
        ('two lines', 'EOFError')
    """
    return one_line(" ".join(str(error).split()) or type(error).__name__, most)


def _in_one_line(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return f"a {type(value).__name__} that cannot be written"
    if "\n" in text:  # an array, for example
        text = " ".join(text.split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
