"""The records of a sweep: thinned curves, and exact steps of divergence and of reaching targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from overparam_tf.checks import mapping_of, real_number, whole_number

NEVER = -1
# A run that ends above this multiple of the zero kernel's loss (or of its own first loss, if that
# is larger) has diverged, however finite the numbers are: it is worse than having learned nothing.
BLOW_UP = 10.0
# A run that has been above this multiple of that bound at each of so many steps is lost: it has
# diverged, whatever it does later. Whoever overshoots and comes back does so much sooner.
LOST, LOST_STEPS = 1e6, 8192


def record_steps(steps: int, points: int = 1000) -> np.ndarray:
    """Return the steps at which curves are recorded: half log-spaced, half evenly spaced.

    Args:
        steps: Number of steps of the run, >= 0.
        points: The most steps to return, >= 2; default 1000.

    Returns:
        Increasing integers; 0 and `steps` are among them.

    Raises:
        InputError: If an argument is out of its range.

    Example:
        >>> record_steps(1000, points=8).tolist()
        [0, 1, 10, 100, 333, 667, 1000]
    """
    steps, points = whole_number("steps", steps), whole_number("points", points, least=2)
    log_spaced = np.geomspace(1, max(steps, 1), points // 2)
    evenly_spaced = np.linspace(0, steps, points - points // 2)
    recorded = np.unique(np.concatenate([log_spaced, evenly_spaced]).round().astype(np.int64))
    return recorded[recorded <= steps]


class Recorder:
    """Curves, and exact steps of what happened to each run.

    A run diverges at the first step whose loss is not finite. From there on its curve is NaN, and
    nothing later counts for it. A run that ends above `BLOW_UP` times the zero kernel's loss has
    diverged too, see `mark_blow_ups`, and so has one that is lost, see `mark_lost`.

    Args:
        runs: Number of runs R.
        steps: Number of steps of the whole sweep.
        targets: Losses by name; the first step at or below each is noted.
        points: The most points of a curve, >= 2.
        zero_loss: The loss of the zero kernel; default infinity, by which no run blows up.
        has_test: Whether test losses follow the losses of each step; default False.
        stop_at_targets: Whether the record of a run ends with the step at which it has reached
            every target: nothing later counts for it. Default False.

    Attributes:
        steps: The recorded steps, shape (S,).
        losses: The curves, shape (S, R); NaN after divergence and at steps not taken yet.
        test_losses: The same of the losses on held-out labels; None without any.
        targets: The targets.
        best_loss: Lowest loss over all steps, shape (R,).
        diverged_at: Step of divergence or NEVER, shape (R,).
        reached_at: By target, the first step at or below it or NEVER, shape (R,).
        stopped_at: The step that ended the record, all targets being reached, or NEVER, shape (R,).
        last_loss: Loss of the latest step, or of the step that ended the record, shape (R,).
        above_since: First step of the stretch, up to the latest step, in which the loss is above
            the bound, or NEVER if it is not; shape (R,).
        far_since: The same of `LOST` times the bound.
    """

    _NOTED = (
        "losses",
        "best_loss",
        "last_loss",
        "diverged_at",
        "stopped_at",
        "above_since",
        "far_since",
    )

    def __init__(
        self,
        runs: int,
        steps: int,
        targets: Mapping[str, float],
        points: int,
        zero_loss: float = np.inf,
        has_test: bool = False,
        stop_at_targets: bool = False,
    ):
        self._zero_loss, self._stops = zero_loss, stop_at_targets
        self.steps = record_steps(steps, points)
        self.losses = np.full((len(self.steps), runs), np.nan)
        self.test_losses = np.full_like(self.losses, np.nan) if has_test else None
        self.targets = mapping_of("targets", targets, real_number)
        self.best_loss = np.full(runs, np.nan)
        self.last_loss = np.full(runs, np.nan)
        self.diverged_at, self.stopped_at, self.above_since, self.far_since = (
            np.full(runs, NEVER, np.int64) for _ in range(4)
        )
        self.reached_at = {name: np.full(runs, NEVER, np.int64) for name in self.targets}

    def add(self, first_step: int, losses: np.ndarray) -> None:
        """Record the losses of consecutive steps.

        Args:
            first_step: Number of the first of them.
            losses: Their losses, shape (T, R), or (T, 2 R) with the test losses behind them.
        """
        test_losses = None
        if self.test_losses is not None:
            losses, test_losses = np.split(losses, 2, axis=1)
        is_finite = np.logical_and.accumulate(np.isfinite(losses), axis=0)
        alive = is_finite & (self.ended_at == NEVER)
        for name, target in self.targets.items():
            self._note_first(self.reached_at[name], first_step, alive & (losses <= target))
        self._stop()
        steps = first_step + np.arange(len(losses))[:, None]
        after = (self.stopped_at != NEVER) & (steps > self.stopped_at)
        self._note_first(self.diverged_at, first_step, ~is_finite & ~after)
        losses = np.where(alive & ~after, losses, np.nan)
        self.best_loss = np.fmin(self.best_loss, np.fmin.reduce(losses, axis=0))
        self.last_loss = self._last(first_step, losses)
        begin, end = np.searchsorted(self.steps, (first_step, first_step + len(losses)))
        recorded = self.steps[begin:end] - first_step
        self.losses[begin:end] = losses[recorded]
        if self.test_losses is not None and test_losses is not None:
            self.test_losses[begin:end] = np.where(alive & ~after, test_losses, np.nan)[recorded]
        bounds = BLOW_UP * np.fmax(self._zero_loss, self.losses[0])
        self.above_since = above_since(self.above_since, first_step, losses > bounds)
        self.far_since = above_since(self.far_since, first_step, losses > LOST * bounds)

    @property
    def ended_at(self) -> np.ndarray:
        """Return the step from which on nothing counts for a run, or NEVER, shape (R,)."""
        return np.where(self.diverged_at == NEVER, self.stopped_at, self.diverged_at)

    def mark_blow_ups(self) -> None:
        """Let the runs diverge whose last loss is above the bound, at the step they left for good.

        To be called after the last step: a run may come back until then.
        """
        self._diverge(self.above_since != NEVER)

    def mark_lost(self, step: int) -> None:
        """Let the runs diverge that are lost, at the step they left for good.

        A finite run could come back in theory, and no loss proves that it will not. So this is a
        definition: a run is lost that has been above `LOST` times the bound for `LOST_STEPS` steps.
        To be called at steps that depend on nothing but the number of the step.

        Args:
            step: The number of steps done.
        """
        is_long = step - self.far_since >= LOST_STEPS
        self._diverge((self.far_since != NEVER) & is_long)

    def between(self, first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the recorded steps of a range, shape (S,), and the losses there, (S, R).

        Args:
            first: The first step of the range.
            end: The step after its last one.
        """
        places = slice(*np.searchsorted(self.steps, (first, end)))
        return self.steps[places], self.losses[places]

    def state(self) -> dict[str, np.ndarray]:
        """Return all records so far."""
        reached = {f"reached_at/{name}": steps for name, steps in self.reached_at.items()}
        return {**{name: getattr(self, name) for name in self._noted}, **reached}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Set all records to what `state` returned, of a recorder made with the same arguments."""
        for name in self._noted:
            setattr(self, name, state[name])
        self.reached_at = {name: state[f"reached_at/{name}"] for name in self.targets}

    def _stop(self) -> None:
        """Note the end of the runs that have reached every target, if that ends them."""
        if not self._stops:
            return
        reached = np.stack(list(self.reached_at.values()))
        new = (reached != NEVER).all(axis=0) & (self.ended_at == NEVER)
        self.stopped_at[new] = reached.max(axis=0)[new]

    def _last(self, first_step: int, losses: np.ndarray) -> np.ndarray:
        """Return the loss of the latest step of each run that counts, shape (R,)."""
        last = losses[-1].astype(np.float64)
        stopped = self.stopped_at != NEVER
        here = stopped & (self.stopped_at >= first_step)
        last[here] = losses[self.stopped_at[here] - first_step, here]
        return np.where(stopped & ~here, self.last_loss, last)

    def _diverge(self, left: np.ndarray) -> None:
        """Let some runs diverge whose records have not ended, since they are above the bound."""
        left = left & (self.ended_at == NEVER)
        self.diverged_at = np.where(left, self.above_since, self.diverged_at)
        self.last_loss = np.where(left, np.nan, self.last_loss)
        gone = left & (self.steps[:, None] >= self.diverged_at)
        self.losses = np.where(gone, np.nan, self.losses)
        if self.test_losses is not None:
            self.test_losses = np.where(gone, np.nan, self.test_losses)

    @property
    def _noted(self) -> tuple[str, ...]:
        return self._NOTED if self.test_losses is None else (*self._NOTED, "test_losses")

    @staticmethod
    def _note_first(noted: np.ndarray, first_step: int, happened: np.ndarray) -> None:
        """Note the first step at which `happened` (T, R) is true, for runs without a note."""
        new = happened.any(axis=0) & (noted == NEVER)
        noted[new] = first_step + happened.argmax(axis=0)[new]


def above_since(since: np.ndarray, first_step: int, is_above: np.ndarray) -> np.ndarray:
    """Return the first step of the stretch above a bound in which each run is, or NEVER.

    Args:
        since: The same before these steps, shape (R,).
        first_step: Number of the first of the steps.
        is_above: Whether each run is above the bound at each of them, shape (T, R), T >= 1.

    Example:
        >>> is_above = np.array([[True, True, False], [True, False, False], [True, True, False]])
        >>> above_since(np.array([NEVER, 7, 7]), 10, is_above).tolist()
        [10, 12, -1]
    """
    last = is_above[-1]
    if not last.any():
        return np.full_like(since, NEVER)
    # Steps from the last one that is not above, to the end; all of them if there is none.
    back = np.where(is_above.all(axis=0), len(is_above), np.argmin(is_above[::-1], axis=0))
    here = first_step + len(is_above) - back
    goes_on = (back == len(is_above)) & (since != NEVER)
    return np.where(last, np.where(goes_on, since, here), NEVER)
