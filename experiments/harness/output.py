"""Standard output that may lack characters or a reader; neither may cost a run its results."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class _Output:
    """A text stream that leaves out what cannot be written, and says so once.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: TextIO):
        self._stream, self._is_open = stream, True
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a terminal in latin-1 has no lambda

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, unless an earlier one could not be written."""
        if self._is_open:
            try:
                return self._stream.write(text)
            except OSError as error:
                self._close(error)
        return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        if self._is_open:
            try:
                self._stream.flush()
            except OSError as error:
                self._close(error)

    def _close(self, error: OSError) -> None:
        self._is_open = False
        # Python flushes the stream at its end once more: it then leads nowhere.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if not isinstance(error, BrokenPipeError):  # the reader of `| head` knows
            print(f"Cannot write to standard output: {error.strerror}", file=sys.stderr)


@contextlib.contextmanager
def forgiving_output() -> Iterator[None]:
    """Open a block in which standard output cannot end the program."""
    with contextlib.redirect_stdout(_Output(sys.stdout)):
        yield
        sys.stdout.flush()
