"""The result of a comparison: a tidy table of runs, curves, and a verdict for each depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam_tf.comparison.bootstrap import Estimate, speed_up
from overparam_tf.comparison.runs import Curve, point_steps, smoothed
from overparam_tf.comparison.search import final_loss, median, steps_to
from overparam_tf.comparison.settings import Settings
from overparam_tf.status import TrainingStatus

HELPS = {True: "helps", False: "hurts", None: "cannot tell"}


@dataclass(frozen=True, eq=False)
class DepthComparison:
    """What `compare_depths` found.

    Attributes:
        settings: The settings, with their defaults filled in.
        rows: A row for each run.
        curves: The curve of each run, in the same order.
        models: Parameters and bytes by optimizer and depth, `"adam, depth 2"`.
        finished: Whether the search came to its end; False after a stop signal.
    """

    settings: Settings
    rows: Sequence[Mapping[str, Any]]
    curves: Sequence[Curve]
    models: Mapping[str, Mapping[str, Any]]
    finished: bool

    def table(self) -> list[dict[str, Any]]:
        """Return a row of plain numbers for each run, such as `pandas.DataFrame` takes.

        Columns are optimizer, depth, learning_rate, seed, status, steps, first_loss, final_loss,
        best_loss, final_penalty, seconds_per_step, `steps_to_TARGET` for each target and
        `test_NAME` for what was measured on the test data; None where a number is missing. Losses
        are smoothed over the window. Runs with the first seed alone are those of the coarse grid.
        """
        flat = []
        for row in self.rows:
            targets = dict(zip(self.settings.targets, row["steps_to"], strict=True))
            plain = {name: row[name] for name in row if name not in ("steps_to", "test")}
            plain |= {f"steps_to_{target:g}": steps for target, steps in targets.items()}
            flat.append(plain | {f"test_{name}": value for name, value in row["test"].items()})
        return flat

    def verdicts(self) -> list[dict[str, Any]]:
        """Return a row for each optimizer, depth and target: does depth help?

        Only rates that all seeds trained count. Columns:

        - optimizer, depth, target; rate, the best one, and steps, the median over seeds at it.
        - ratio of the steps of depth 1 over these, each at its best rate; bound, whether it is
          exact; low and high, the ends of its 95 % bootstrap interval over seeds; verdict, `helps`
          if the interval lies above 1, `hurts` if below, else `cannot tell`.
        - seconds to the target, time_ratio with time_low and time_high, the same in time.
        - best_loss, the lowest median of last losses, and at its rate the mean of each test metric
          with its standard error over seeds, `test_NAME` and `test_NAME_error`.
        - runs, diverged and censored: how many did not reach the target otherwise.
        """
        found = []
        for optimizer in self.settings.optimizers:
            plain = self._cell(optimizer, 1)
            for depth in self.settings.depths:
                cell = self._cell(optimizer, depth)
                if plain is None or cell is None:
                    continue
                for place, target in enumerate(self.settings.targets):
                    key = {"optimizer": optimizer, "depth": depth, "target": target}
                    found.append(key | cell.against(plain, place, self.settings.steps))
        return found

    def estimates(self) -> dict[tuple[str, int, float], Estimate]:
        """Return the speed-up with its interval by optimizer, depth and target."""
        found = {}
        for optimizer in self.settings.optimizers:
            plain = self._cell(optimizer, 1)
            for depth in self.settings.depths:
                cell = self._cell(optimizer, depth)
                if plain is not None and cell is not None:
                    for place, target in enumerate(self.settings.targets):
                        gain = speed_up(plain.steps(place), cell.steps(place), self.settings.steps)
                        found[optimizer, depth, target] = gain
        return found

    def best_curves(self, optimizer: str, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """Return steps, and the smoothed losses of every seed at the rate of the lowest last loss.

        Args:
            optimizer: The optimizer's name.
            depth: Number of factors.

        Returns:
            Steps of shape (points,), losses of shape (seeds, points); no seeds if every rate
            diverged or the search did not reach this depth.
        """
        steps = point_steps(self.settings)
        cell = self._cell(optimizer, depth)
        if cell is None or cell.best_by_loss is None:
            return steps, np.empty((0, len(steps)))
        chosen = [
            curve.losses
            for row, curve in zip(self.rows, self.curves, strict=True)
            if (row["optimizer"], row["depth"]) == (optimizer, depth)
            and row["learning_rate"] == cell.best_by_loss
        ]
        losses = np.full((len(chosen), len(steps)), np.nan)
        for number, values in enumerate(chosen):
            losses[number, : len(values)] = smoothed(values, self.settings.averaged_points)
        return steps, losses

    def to_dict(self) -> dict[str, Any]:
        """Return settings, models, table and verdicts as JSON can hold them.

        Infinite and missing numbers are None.
        """
        settings = {name: _plain(value) for name, value in vars(self.settings).items()}
        return {
            "settings": settings,
            "models": _plain(self.models),
            "table": _plain(self.table()),
            "verdicts": _plain(self.verdicts()),
            "finished": self.finished,
        }

    def __str__(self) -> str:
        """Return the verdicts as lines of text."""
        lines = [f"{'optimizer':12} depth   target  steps of depth 1 / depth N [95 %]   verdict"]
        for row in self.verdicts():
            if row["depth"] > 1:
                lines.append(
                    f"{row['optimizer']:12} {row['depth']:5} {row['target']:8.4g}  "
                    f"{row['text']:32}    {row['verdict']}"
                )
        return "\n".join(lines)

    def _cell(self, optimizer: str, depth: int) -> _Cell | None:
        """Return the runs of an optimizer and depth at the rates that all seeds trained."""
        own = [row for row in self.rows if (row["optimizer"], row["depth"]) == (optimizer, depth)]
        by_rate: dict[float, dict[int, Mapping[str, Any]]] = {}
        for row in own:
            by_rate.setdefault(row["learning_rate"], {})[row["seed"]] = row
        seeds = self.settings.seeds
        full = {
            rate: [rows[seed] for seed in seeds]
            for rate, rows in sorted(by_rate.items())
            if set(rows) >= set(seeds)
        }
        return _Cell(full) if full else None


@dataclass(frozen=True, eq=False)
class _Cell:
    """The rows of one optimizer and depth, by rate those of every seed, in the order of seeds."""

    by_rate: Mapping[float, Sequence[Mapping[str, Any]]]

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        return [row for rows in self.by_rate.values() for row in rows]

    def steps(self, place: int) -> np.ndarray:
        """Return steps to a target, shape (rates, seeds); infinite where it was not reached."""
        return np.array([[steps_to(row, place) for row in rows] for rows in self.by_rate.values()])

    @property
    def best_by_loss(self) -> float | None:
        """Return the rate of the lowest median of last losses; None if every rate diverged."""
        losses = {
            rate: median([final_loss(row) for row in rows]) for rate, rows in self.by_rate.items()
        }
        best = min(losses, key=losses.__getitem__)
        return best if np.isfinite(losses[best]) else None

    @property
    def seconds_per_step(self) -> float:
        return median([row["seconds_per_step"] for row in self.rows])

    def against(self, plain: _Cell, place: int, limit: int) -> dict[str, Any]:
        """Return the columns of a verdict but its first three."""
        steps = self.steps(place)
        medians = np.median(steps, axis=1)
        fewest = float(medians.min())
        gain = speed_up(plain.steps(place), steps, limit)
        timed = gain.in_time(self.seconds_per_step / plain.seconds_per_step)
        diverged = sum(row["status"] == TrainingStatus.DIVERGED for row in self.rows)
        rates = list(self.by_rate)
        return {
            "rate": rates[int(np.argmin(medians))] if np.isfinite(fewest) else None,
            "steps": fewest,
            "ratio": gain.speed_up.ratio,
            "bound": str(gain.speed_up.bound),
            "low": gain.low,
            "high": gain.high,
            "text": gain.text(),
            "verdict": HELPS[gain.helps],
            "seconds": fewest * self.seconds_per_step,
            "time_ratio": timed.speed_up.ratio,
            "time_low": timed.low,
            "time_high": timed.high,
            **self._losses(),
            "runs": len(self.rows),
            "diverged": diverged,
            "censored": int(np.isinf(steps).sum()) - diverged,
        }

    def _losses(self) -> dict[str, Any]:
        """Return the lowest median of last losses, and the test metrics at its rate."""
        rate = self.best_by_loss
        if rate is None:
            return {"best_loss": None}
        rows = self.by_rate[rate]
        found: dict[str, Any] = {"best_loss": median([final_loss(row) for row in rows])}
        for name in rows[0]["test"]:
            values = np.array([row["test"].get(name) for row in rows], float)
            error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            found |= {f"test_{name}": float(values.mean()), f"test_{name}_error": float(error)}
        return found


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it, None for infinite numbers and NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
