from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from overparam_tf.stopping import StopSignals, deferred

HANDLERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers_are_given_back():
    before = [signal.getsignal(number) for number in HANDLERS]
    yield
    assert [signal.getsignal(number) for number in HANDLERS] == before


@pytest.mark.parametrize("number", HANDLERS)
def test_a_signal_ends_a_program_at_once(number):
    with pytest.raises(KeyboardInterrupt), StopSignals() as program:
        signal.raise_signal(number)
    assert program.signal == number


@pytest.mark.parametrize("number", HANDLERS)
def test_a_deferred_signal_is_noted_and_the_second_is_at_once(number):
    with (
        pytest.raises(KeyboardInterrupt),
        StopSignals() as program,
        deferred() as outer,
        deferred() as stop,
    ):
        signal.raise_signal(number)
        assert stop is outer is program and stop.signal == number
        signal.raise_signal(signal.SIGINT)
    assert program.signal == number


def test_after_the_block_signals_are_at_once_again():
    with StopSignals():
        with deferred() as stop:
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


def test_without_a_program_only_the_keyboard_is_deferred():
    before = signal.getsignal(signal.SIGTERM)
    with deferred() as stop:
        assert signal.getsignal(signal.SIGTERM) is before
        signal.raise_signal(signal.SIGINT)
    assert stop.signal == signal.SIGINT
    with deferred() as stop:
        assert stop.signal is None


def test_another_thread_is_left_alone():
    seen = []

    def work():
        with deferred() as stop:
            seen.append(stop.signal)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]


def test_nohup_is_left_alone():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as program:
            signal.raise_signal(signal.SIGHUP)
        assert program.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)


PROGRAM = """
import pathlib, sys, time
from overparam_tf.stopping import StopSignals, deferred
with StopSignals() as program, deferred() as stop:
    print("ready", flush=True)
    while not stop.signal:
        time.sleep(0.01)
    print("saving", flush=True)
    print("saved", file=sys.stderr, flush=True)
    pathlib.Path(sys.argv[1]).write_text(str(int(program.signal)))
"""


def test_a_closed_terminal_lets_the_program_save(tmp_path):
    saved = tmp_path / "saved"
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-c",
        # The terminal becomes that of the session, which is told when it is closed.
        f"import fcntl, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0)\n{PROGRAM}",
        str(saved),
    ]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with subprocess.Popen(command, **streams, start_new_session=True) as program:
        os.close(theirs)
        assert b"ready" in os.read(ours, 100)
        os.close(ours)
        assert program.wait(60) == 0
    assert saved.read_text() == str(int(signal.SIGHUP))
