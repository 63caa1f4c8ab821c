"""The records of a training: the losses of every step and the logs of every epoch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

LOSSES = ("loss", "data_loss", "penalty")


class Records:
    """Losses by step and logs by epoch, and how far the epoch in progress is.

    Attributes:
        losses: Total, data loss and penalty before each step, shape (steps, 3).
        rows: Rows of each step's batch, shape (steps,).
        epochs: The logs of each finished epoch.
        epoch_began: Step at which the epoch in progress began.
        passed: Number of the pass over the data, and batches of it that are done.
        seconds: Time spent on the epoch in progress, by earlier processes too.
    """

    def __init__(self) -> None:
        self.losses = np.zeros((0, len(LOSSES)))
        self.rows = np.zeros(0, np.int64)
        self.epochs: list[dict[str, float]] = []
        self.epoch_began = 0
        self.passed = (0, 0)
        self.seconds = 0.0

    @property
    def batch(self) -> int:
        """Return how many batches of the epoch in progress are done."""
        return len(self.losses) - self.epoch_began

    def add_steps(self, losses: np.ndarray, rows: int) -> None:
        """Record the losses (T, 3) of consecutive steps on batches of `rows` rows."""
        self.losses = np.concatenate([self.losses, losses])
        self.rows = np.concatenate([self.rows, np.full(len(losses), rows)])

    def mean_loss(self) -> float:
        """Return the loss of the epoch in progress, its batches weighted by their rows."""
        totals, rows = self.losses[self.epoch_began :, 0], self.rows[self.epoch_began :]
        return mean_loss(totals, rows)

    def add_epoch(self, logs: Mapping[str, float]) -> None:
        """Record the logs of the epoch in progress, and begin the next."""
        self.epochs.append({name: float(value) for name, value in logs.items()})
        self.epoch_began, self.seconds = len(self.losses), 0.0

    def steps(self) -> dict[str, np.ndarray]:
        """Return the losses by name."""
        return dict(zip(LOSSES, self.losses.T.copy(), strict=True))

    def epoch_columns(self) -> dict[str, np.ndarray]:
        """Return the logs by name, with NaN in epochs without a log of that name."""
        names = dict.fromkeys(name for logs in self.epochs for name in logs)
        return {name: np.array([logs.get(name, np.nan) for logs in self.epochs]) for name in names}

    def history(self) -> dict[str, list[float]]:
        """Return the logs by name without the seconds, of the epochs that have them."""
        names = dict.fromkeys(name for logs in self.epochs for name in logs if name != "seconds")
        return {name: [logs[name] for logs in self.epochs if name in logs] for name in names}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all records as arrays, for a checkpoint."""
        columns = {f"epochs/{name}": column for name, column in self.epoch_columns().items()}
        place = np.array([self.epoch_began, self.seconds, *self.passed])
        return {"losses": self.losses, "rows": self.rows, "place": place, **columns}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set all records to what `arrays` returned."""
        self.losses, self.rows = arrays["losses"], arrays["rows"]
        epoch_began, seconds, number, position = arrays["place"]
        self.epoch_began, self.seconds = int(epoch_began), float(seconds)
        self.passed = (int(number), int(position))
        columns = {
            name.removeprefix("epochs/"): array
            for name, array in arrays.items()
            if name.startswith("epochs/")
        }
        count = max(map(len, columns.values()), default=0)
        self.epochs = [
            {name: float(column[epoch]) for name, column in columns.items()}
            for epoch in range(count)
        ]


def mean_loss(losses: np.ndarray, rows: np.ndarray) -> float:
    """Return the mean over rows of batch means, NaN without any."""
    return float(np.average(losses, weights=rows)) if len(rows) else float("nan")
