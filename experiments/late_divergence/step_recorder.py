"""The recorded steps of a run: its loss curve, factors at snapshots, and every one of the last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from overparam_tf.sweep import record_steps
from overparam_tf.sweep.engine import MAX_STEPS_PER_CALL
from overparam_tf.sweep.recorder import BLOW_UP, NEVER, above_since

# Steps kept one by one before the end, to see a blow-up from the crossing on.
TAIL = 8192
# Of these, the Hessian is taken at two successive steps out of this many: weights that swing to and
# fro have another sharpness on either side.
TAIL_STRIDE = 64


class Steps(NamedTuple):
    """Some steps of a run, not necessarily successive.

    Attributes:
        numbers: Their numbers, shape (S,).
        losses: The loss before each of them, (S,).
        entries: All entries of all factors before each of them, (S, parameters).
        squared_steps: Sum over the steps before each of them of |theta(t+1) - theta(t)|^2, where
            theta are all entries of all factors, (S,).
    """

    numbers: np.ndarray
    losses: np.ndarray
    entries: np.ndarray
    squared_steps: np.ndarray

    def select(self, which: np.ndarray | slice) -> Steps:
        """Return a part of them, by a mask, indices or a slice."""
        return Steps(*(values[which] for values in self))

    @classmethod
    def join(cls, blocks: Sequence[Steps]) -> Steps:
        """Return all steps of several blocks."""
        return cls(*(np.concatenate(values) for values in zip(*blocks, strict=True)))


class StepRecorder:
    """Keeps what is needed later of the steps of a run.

    Args:
        steps: Length of the run.
        snapshots: How many times over the run, evenly spaced, the factors are kept.
        zero_loss: The loss of the zero kernel, see `mark_blow_up`; default infinity.

    Attributes:
        next_step: Number of the next step.
        diverged_at: Number of the first step without a finite loss; None before it.
    """

    def __init__(self, steps: int, snapshots: int, zero_loss: float = np.inf):
        self._bound, self._above_since = BLOW_UP * zero_loss, np.array([NEVER])
        self.next_step = 0
        self.diverged_at: int | None = None
        self._curve_steps = record_steps(steps)
        self._snapshot_steps = np.linspace(0, steps, snapshots + 1).astype(int)
        self._curve: list[Steps] = []
        self._snapshots: list[Steps] = []
        self._tail: deque[Steps] = deque(maxlen=-(-TAIL // MAX_STEPS_PER_CALL) + 1)
        self._squared_steps = 0.0
        self._last_entries: np.ndarray | None = None

    def state(self) -> dict[str, np.ndarray]:
        """Return all records so far, of at least one call."""
        blocks = {"curve": self._curve, "snapshots": self._snapshots, "tail": list(self._tail)}
        arrays = {
            f"{name}/{field}": values
            for name, steps in blocks.items()
            for field, values in Steps.join(steps)._asdict().items()
        }
        numbers = {"next_step": self.next_step, "squared_steps": self._squared_steps}
        return {
            **arrays,
            **{name: np.array(number) for name, number in numbers.items()},
            "above_since": self._above_since,
            "last_entries": self._last_entries,
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Set all records to what `state` returned, of a run that has not diverged."""
        curve, snapshots, tail = (
            Steps(**{field: state[f"{name}/{field}"] for field in Steps._fields})
            for name in ("curve", "snapshots", "tail")
        )
        self._curve, self._snapshots = [curve], [snapshots]
        self._tail.append(tail)
        self.next_step = int(state["next_step"])
        self._squared_steps = float(state["squared_steps"])
        self._above_since, self._last_entries = state["above_since"], state["last_entries"]

    def add(self, losses: np.ndarray, entries: np.ndarray) -> int:
        """Record the steps of a call.

        Args:
            losses: The loss before each step, (S,).
            entries: All entries of all factors before each step, (S, parameters).

        Returns:
            How many of the losses, from the first on, are finite.
        """
        finite = np.isfinite(losses)
        alive = len(losses) if finite.all() else int(finite.argmin())
        if alive < len(losses):
            self.diverged_at = self.next_step + alive
        if alive:
            is_above = losses[:alive, None] > self._bound
            self._above_since = above_since(self._above_since, self.next_step, is_above)
        numbers = np.arange(self.next_step, self.next_step + alive)
        squared_steps = self._add_squared_steps(entries[:alive])
        block = Steps(numbers, losses[:alive], entries[:alive], squared_steps)
        self._curve.append(block.select(np.isin(numbers, self._curve_steps)))
        self._snapshots.append(block.select(np.isin(numbers, self._snapshot_steps)))
        self._tail.append(block)
        self.next_step += len(losses)
        return alive

    def mark_blow_up(self) -> None:
        """Let a run that ended far above the zero kernel's loss diverge where it left for good.

        See `overparam_tf.sweep.recorder.Recorder`.
        """
        (since,) = self._above_since.tolist()
        if self.diverged_at is None and since != NEVER:
            self.diverged_at = since

    def _add_squared_steps(self, entries: np.ndarray) -> np.ndarray:
        """Return the sum of the squared steps before each step of a call."""
        values = entries.astype(np.float64)
        if not len(values):
            return np.zeros(0)
        previous = values[:1] if self._last_entries is None else self._last_entries
        moved = np.diff(np.concatenate([previous, values]), axis=0)
        with np.errstate(over="ignore"):  # the last steps of a blow-up
            sums = self._squared_steps + np.cumsum(np.sum(moved**2, axis=1))
        self._last_entries, self._squared_steps = values[-1:], float(sums[-1])
        return sums

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and losses of the curve, spaced as those of a sweep."""
        steps = Steps.join(self._curve)
        return steps.numbers, steps.losses

    def last_steps(self) -> Steps:
        """Return the last `TAIL` steps."""
        return Steps.join(self._tail).select(slice(-TAIL, None))

    def snapshots(self) -> Steps:
        """Return the snapshots; of a run that diverged, with pairs of successive last steps."""
        blocks = self._snapshots
        if self.diverged_at is not None:
            last = self.last_steps()
            blocks = [*blocks, last.select(last.numbers % TAIL_STRIDE < 2)]
        steps = Steps.join(blocks)
        _, first_indices = np.unique(steps.numbers, return_index=True)
        return steps.select(first_indices)
