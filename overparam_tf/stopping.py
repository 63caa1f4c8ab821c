"""Stop signals (Ctrl-C, `kill`, a closed terminal) as a flag that a long loop reads."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from overparam_tf.checks import whole_number

# The context of the whole program, if there is one: signal handlers belong to the process.
_program: StopSignals | None = None


class StopSignals:
    """A context for a whole program, which a stop signal ends by a `KeyboardInterrupt`.

    In a block under `deferred` the first signal is only noted, and the loop in it ends at its next
    look. A second signal interrupts at once. (Python handles signals in the main thread only; in
    other threads this does nothing.)

    Args:
        *signals: Numbers of the signals; default SIGINT (Ctrl-C), SIGTERM (`kill`, and batch
            systems at a time limit) and SIGHUP (a terminal that is closed; left alone where
            `nohup` has it ignored).

    Attributes:
        signal: Number of the first signal received, None before. A shell expects 128 + number as
            the exit code.

    Raises:
        InputError: If an argument is no number of a signal.

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
        last = signal.NSIG - 1
        checked = [whole_number("signals", number, least=1, most=last) for number in signals]
        self._signals = checked or _default_signals()
        self._deferring = False
        self._earlier: dict[int, Any] = {}
        self._terminals: list[int] = []
        self._outer: StopSignals | None = None

    def __enter__(self) -> StopSignals:
        global _program
        self._earlier = {}
        self._terminals = [number for number in (1, 2) if os.isatty(number)]
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                self._earlier[number] = signal.signal(number, self._handle)
        self._outer, _program = _program, self
        return self

    def __exit__(self, *exception: object) -> None:
        global _program
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        _program = self._outer

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._drop_output_to_closed_terminals()
        is_first = self.signal is None
        if is_first:
            self.signal = number
        if not (is_first and self._deferring):
            raise KeyboardInterrupt

    def _drop_output_to_closed_terminals(self) -> None:
        """Send to nowhere what is printed to a terminal that is closed: it would be an error."""
        for number in self._terminals:
            if not os.isatty(number):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)


def _default_signals() -> list[int]:
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) != signal.SIG_IGN:
        numbers.append(hang_up)
    return numbers


@contextlib.contextmanager
def deferred() -> Iterator[StopSignals]:
    """Open a block in which the first stop signal is only noted in `signal`, to be read in a loop.

    Under a `StopSignals` it yields that object and defers its signals. Otherwise, as in a notebook,
    it defers Ctrl-C alone: a library should not keep a program alive after `kill`.
    """
    with contextlib.ExitStack() as stack:
        stop = _program or stack.enter_context(StopSignals(signal.SIGINT))
        outer, stop._deferring = stop._deferring, True
        try:
            yield stop
        finally:
            stop._deferring = outer
