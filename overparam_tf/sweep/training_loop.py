"""The loop around the compiled loop: calls, records, checkpoints, progress and stop signals."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from overparam_tf.distributed.workers import Workers
from overparam_tf.progress import Progress
from overparam_tf.stopping import deferred
from overparam_tf.sweep.departures import Departures, next_boundary
from overparam_tf.sweep.recorder import Recorder
from overparam_tf.sweep.saving import SavedSweep
from overparam_tf.sweep.shrinking_engine import ShrinkingEngine
from overparam_tf.sweep.variant import Variant

# A call of the compiled loop is to take this long. Between calls a sweep reports progress, saves,
# and can be interrupted.
SECONDS_PER_CALL = 1.0
# The longest time without a new point of a curve for those who follow it.
SECONDS_WITHOUT_POINTS = 5.0
# A call has at most this many times the steps of the one before. The first one also compiles, so
# that its time says little.
GROWTH = 8


class TrainingLoop:
    """Training from the newest checkpoint to the last step, or to a stop signal.

    Runs whose records have ended leave the stack at boundaries, see `Departures`; when no run is
    left, the training is finished.

    Args:
        engine: The engine.
        recorder: The records.
        departures: The decision which runs leave.
        workers: The processes that train together.
        variants: The variants, for the losses in progress reports.
        saved: The checkpoints; None for none.
        steps_per_call: The most steps of a call, rounded down to a multiple of the engine's stride.
        progress: Called with a `Progress` after each call of the engine; None for no reports.
        follow: Called with new points of the curves, see `Sweep.run`; None for nobody.
    """

    def __init__(
        self,
        engine: ShrinkingEngine,
        recorder: Recorder,
        departures: Departures,
        workers: Workers,
        variants: Sequence[Variant],
        saved: SavedSweep | None,
        steps_per_call: int,
        progress: Callable[[Progress], object] | None,
        follow: Callable[[np.ndarray, np.ndarray], object] | None,
    ):
        self._engine, self._recorder, self._workers = engine, recorder, workers
        self._departures, self._steps_per_call = departures, steps_per_call
        self._variants, self._saved = variants, saved
        self._progress, self._follow = progress, follow
        self._followed, self._followed_at = 0, time.monotonic()

    def run(self, steps: int) -> int:
        """Train up to `steps` steps, those of the checkpoint included; return the steps done."""
        step = first = 0 if self._saved is None else self._saved.restore()
        self._workers.require_alike(
            "newest checkpoint, in one folder that all share,", str(step), f"that of step {step}"
        )
        self._show_curves(step)
        start, size = time.monotonic(), self._engine.stride
        with deferred() as stop:
            while step < steps:
                size = self._size(size, step, steps)
                stopped, size = self._workers.agree(stop.signal is not None, size)
                if stopped:
                    break
                began = time.monotonic()
                self._recorder.add(step, self._engine.advance(size, step))
                step += size
                self._let_leave(step)
                if not self._engine.in_stack.any():
                    step = steps  # all records have ended: no further step would change one
                if self._saved is not None:
                    self._saved.save_if_due(step)
                self._show_curves(step)
                if self._progress is not None:
                    seconds = time.monotonic() - start
                    losses = self._losses()
                    self._progress(Progress(step, steps, seconds, losses, step - first))
                size *= int(np.clip(SECONDS_PER_CALL / (time.monotonic() - began), 1, GROWTH))
            if self._saved is not None and step > first:
                self._saved.save(step)
        return step

    def _size(self, size: int, step: int, steps: int) -> int:
        """Return the number of steps of a call: up to a boundary at most, in whole strides."""
        stride = self._engine.stride
        most = min(size, self._steps_per_call, next_boundary(step) - step)
        return min(max(most - most % stride, stride), steps - step)

    def _let_leave(self, step: int) -> None:
        """Go on without the runs whose records have ended, if `step` is a boundary and that pays.

        The first of several workers decides.
        """
        if step != next_boundary(step - 1):
            return
        self._recorder.mark_lost(step)
        staying = self._departures.staying(step, self._engine.in_stack, self._recorder.ended_at)
        decision = self._workers.text_of_chief(lambda: "".join(map(str, staying.astype(int))))
        self._engine.keep(np.array(list(decision)) == "1")

    def _show_curves(self, step: int) -> None:
        """Call `follow` with the points of the curves up to `step` that it has not had."""
        if self._follow is None or not step:
            return
        steps, losses = self._recorder.between(self._followed, step)
        if not len(steps):
            # Of a very long run few steps are recorded; the latest one stands in for them.
            if time.monotonic() - self._followed_at < SECONDS_WITHOUT_POINTS:
                return
            steps, losses = np.array([step - 1]), self._recorder.last_loss[None]
        self._follow(steps, losses)
        self._followed, self._followed_at = step, time.monotonic()

    def _losses(self) -> dict[str, float]:
        """Return, by variant, the lowest last loss of its runs."""
        ends = np.cumsum([len(variant.runs) for variant in self._variants])[:-1]
        parts = np.split(self._recorder.last_loss, ends)
        return {
            variant.name: float(np.fmin.reduce(part))
            for variant, part in zip(self._variants, parts, strict=True)
        }
