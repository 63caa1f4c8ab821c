"""Stop signals: Ctrl-C and `kill` as a question that a long loop asks between its steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

# The program-wide context, where there is one: signal handlers belong to the process, and so does this.
_program: StopSignals | None = None


class StopSignals:
    """A context for a whole program: a stop signal ends it by `KeyboardInterrupt`, and which one it was is known.

    In a block under `deferred` the first signal is only noted, and the loop there ends when it is ready to. A second
    one interrupts at once. (In a thread other than the main one Python has no signals; there this does nothing.)

    Args:
        signals: their numbers; default SIGINT (Ctrl-C) and SIGTERM (`kill`, and batch systems at a time limit).

    Attributes:
        signal: number of the first signal that came, None before. A shell expects 128 + number as the exit code.

    Example:
        >>> with StopSignals() as program, deferred() as stop:
        ...     steps = 0
        ...     while not stop.signal:
        ...         steps += 1
        ...         if steps == 3:
        ...             signal.raise_signal(signal.SIGTERM)
        >>> steps, 128 + program.signal
        (3, 143)
    """

    def __init__(self, *signals: int):
        self.signal: int | None = None
        self._signals = signals or (signal.SIGINT, signal.SIGTERM)
        self._deferring = False

    def __enter__(self) -> StopSignals:
        global _program
        self._earlier = {}
        if threading.current_thread() is threading.main_thread():
            self._earlier = {
                number: signal.signal(number, self._handle) for number in self._signals
            }
        self._outer, _program = _program, self
        return self

    def __exit__(self, *exception) -> None:
        global _program
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        _program = self._outer

    def _handle(self, number: int, frame) -> None:
        first, self.signal = self.signal is None, self.signal or number
        if not (first and self._deferring):
            raise KeyboardInterrupt


@contextlib.contextmanager
def deferred() -> Iterator[StopSignals]:
    """A block in which the first stop signal is only noted in `signal`, to be asked for between steps.

    Under a `StopSignals` those signals, and that object. Elsewhere, say in a notebook, Ctrl-C alone: a library that
    kept a program alive after `kill` would be a nuisance.
    """
    with contextlib.ExitStack() as stack:
        stop = _program or stack.enter_context(StopSignals(signal.SIGINT))
        outer, stop._deferring = stop._deferring, True
        try:
            yield stop
        finally:
            stop._deferring = outer
