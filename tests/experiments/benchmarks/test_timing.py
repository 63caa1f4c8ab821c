"""Time: who is measured when, what cancels in ratios, and that every second counts once."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.benchmarks.timing import Stopwatch, Times, interleave, make_contestant


class Machine:
    """A clock that moves only when a contestant works, and a record of who worked."""

    def __init__(self, drift=0.0):
        self.now, self.drift, self.turns = 0.0, drift, []

    def contestant(self, name, seconds):
        def step():
            self.now += seconds * (1 + self.drift * self.now)

        run = make_contestant(step, clock=lambda: self.now)

        def recorded(steps):
            self.turns.append((name, steps))
            return run(steps)

        return recorded

    def measure(self, speeds, *arguments):
        contestants = {name: self.contestant(name, speed) for name, speed in speeds.items()}
        return interleave(contestants, *arguments)


def test_rounds_begin_with_each_contestant_in_turn():
    machine = Machine()
    times = machine.measure({"a": 1.0, "b": 1.0, "c": 1.0}, 12.0, 1, 4)
    turns = "".join(name for name, _ in machine.turns)
    # The first two do not count.
    assert turns == "abc" * 2 + "abc" + "bca" + "cab" + "abc" and times.rounds == 4


@pytest.mark.parametrize(
    ("seconds", "least", "most", "rounds", "steps"),
    [
        # 3 s a round of one step each.
        (60.0, 5, 50, 20, {"fast": 2, "slow": 1}),
        # Never below the least number of rounds, however long it takes.
        (3.0, 5, 50, 5, {"fast": 1, "slow": 1}),
        # Time that is left makes turns longer: 3 s for each.
        (60.0, 5, 10, 10, {"fast": 3, "slow": 2}),
    ],
)
def test_time_is_shared_out(seconds, least, most, rounds, steps):
    machine = Machine()
    times = machine.measure({"fast": 1.0, "slow": 2.0}, seconds, least, most)
    assert times.rounds == rounds and dict(machine.turns[-2:]) == steps
    assert (times.spread("fast").median, times.spread("slow").median) == (1.0, 2.0)


def test_drift_cancels_in_ratios():
    machine = Machine(drift=0.002)
    times = machine.measure({"a": 1.0, "b": 1.0}, 400.0, 5, 50)
    assert times.spread("a").high > 1.5 * times.spread("a").low
    assert times.ratio("a", to="b").median == pytest.approx(1, abs=0.01)


def test_the_fastest_is_so_within_rounds():
    # Every round slows both down; the times of b have the lesser median, the rounds say a.
    times = Times({"a": np.array([1.0, 5.0, 9.0, 9.0]), "b": np.array([1.1, 5.5, 4.0, 9.9])})
    assert times.spread("b").median < times.spread("a").median
    assert times.fastest(("a", "b")) == "a"


def test_a_contestant_waits_for_the_last_step_before_it_reads_the_clock():
    machine = Machine()

    def finish():
        machine.now = 7.0

    run = make_contestant(lambda: None, finish, clock=lambda: machine.now)
    assert run(3) == 7.0


class Worker:
    """Works on a clock of its own; `outer` does a part of its work by `inner`."""

    now = 0.0

    def outer(self):
        Worker.now += 1
        self.inner()
        Worker.now += 2

    def inner(self):
        Worker.now += 10

    def fail(self):
        Worker.now += 5
        raise ValueError


def test_every_second_counts_once_and_methods_are_given_back():
    watch, worker, originals = Stopwatch([lambda: Worker.now]), Worker(), dict(vars(Worker))
    methods = [(Worker, "outer", "a"), (Worker, "inner", "b"), (Worker, "fail", "a")]
    with watch.watch(methods), watch.measure("rest"):
        worker.outer()
        with pytest.raises(ValueError):
            worker.fail()
        Worker.now += 100
    worker.outer()  # watched no more
    seconds = {kind: seconds.item() for kind, seconds in watch.seconds.items()}
    assert seconds == {"rest": 100, "a": 8, "b": 10}
    assert all(vars(Worker)[name] is originals[name] for name in ("outer", "inner", "fail"))
