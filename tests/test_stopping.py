from __future__ import annotations

import signal
import threading

import pytest

from overparam_tf.stopping import StopSignals, deferred

HANDLERS = [signal.SIGINT, signal.SIGTERM]


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
