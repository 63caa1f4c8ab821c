"""The runs of a comparison, trained one after the other."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from overparam_tf.comparison.display import Follow, follow_one, losses_shown
from overparam_tf.comparison.runs import Curve, Run, row_of
from overparam_tf.comparison.search import FINE_GROWTH, next_runs
from overparam_tf.comparison.settings import Settings
from overparam_tf.comparison.store import Partial, Store
from overparam_tf.comparison.trainee import Trainee
from overparam_tf.comparison.work import Work
from overparam_tf.errors import InputError
from overparam_tf.memory import require_memory
from overparam_tf.progress import Progress
from overparam_tf.stopping import StopSignals


@dataclass(eq=False)
class Training:
    """The runs of a comparison, trained one after the other."""

    work: Work
    store: Store
    stop: StopSignals
    follow: Follow | None
    progress: Callable[[Progress], object]
    refine: bool
    partial: Partial | None = None
    _begun: float = field(default_factory=time.monotonic)
    _steps_here: int = 0

    def train_all(self) -> bool:
        """Train all runs, and return whether that came to its end."""
        settings, is_first = self.work.settings, True
        for optimizer in settings.optimizers:
            for depth in settings.depths:
                if not self._next(optimizer, depth):
                    continue
                trainee = self.work.trainee(optimizer, depth, quiet=not is_first and depth > 1)
                is_first = is_first and depth == 1
                self._note_model(trainee, optimizer, depth)
                while runs := self._next(optimizer, depth):
                    for run in runs:
                        if not self._train(trainee, run):
                            return False
                del trainee
                gc.collect()
        return True

    def _next(self, optimizer: str, depth: int) -> list[Run]:
        settings = self.work.settings
        found = {
            (run.learning_rate, run.seed): row
            for run, row in self.store.rows.items()
            if (run.optimizer, run.depth) == (optimizer, depth)
        }
        coarse = settings.learning_rates[optimizer]
        pairs = next_runs(found, coarse, settings.seeds, self.refine)
        return [Run(optimizer, depth, rate, seed) for rate, seed in pairs]

    def _note_model(self, trainee: Trainee, optimizer: str, depth: int) -> None:
        """Keep the size of a model, which must be that of the runs in the folder.

        Raises:
            InputError: If it is another one, or the starts of all seeds do not fit into memory.
        """
        # The starts of all seeds are kept, plain and as factors.
        size = 2 * len(self.work.settings.seeds) * trainee.bytes
        require_memory("the starts of all seeds", size, depth=depth)
        model = trainee.deep.model
        parameters = sum(int(np.prod(each.shape)) for each in model.trainable_variables)
        size_of_model = {"parameters": parameters, "products": len(trainee.deep.products)}
        cell = {**size_of_model, "bytes": trainee.bytes}
        known = self.store.cells.setdefault(f"{optimizer}, depth {depth}", cell)
        if any(known[name] != number for name, number in size_of_model.items()):
            raise InputError(
                "Expected the layers and the prepare of the runs in the folder, or another folder. "
                f"Received: depth {depth} with {parameters:,} parameters in "
                f"{len(trainee.deep.products)} products, there {known['parameters']:,} in "
                f"{known['products']}"
            )

    def _train(self, trainee: Trainee, run: Run) -> bool:
        """Train a run, from where it was interrupted, and return whether it came to its end."""
        settings, curve = self.work.settings, Curve()
        trainee.begin(run)
        earlier = self.store.partial
        if earlier is not None and earlier.run == run:
            trainee.warm_up_for(run, curve)
            trainee.restore(earlier.state)
            curve = earlier.curve
        while len(curve.losses) < settings.points and curve.is_finite:
            if self.stop.signal is not None:
                self.partial = Partial(run, curve, trainee.state())
                return False
            before = len(curve.losses)
            curve = trainee.advance(run, curve)
            self._steps_here += settings.per_point * (len(curve.losses) - before)
            follow_one(self.follow, run, curve, settings)
            if self.store.is_due:
                self.store.save(Partial(run, curve, trainee.state()))
            self._report(run, curve)
        test = self.work.evaluate(trainee.deep) if curve.is_finite else {}
        self.store.add(run, row_of(run, curve, settings, test), curve)
        return True

    def _report(self, run: Run, curve: Curve) -> None:
        settings = self.work.settings
        cells = len(settings.optimizers) * len(settings.depths)
        planned = cells * runs_per_cell(settings, self.refine)
        done = len(self.store.rows)
        steps = settings.steps * done + settings.per_point * len(curve.losses)
        shown = losses_shown(list(self.store.rows.values()))
        total = settings.steps * max(planned, done + 1)
        seconds = time.monotonic() - self._begun
        self.progress(Progress(steps, total, seconds, shown, self._steps_here))


def runs_per_cell(settings: Settings, refine: bool) -> int:
    """Return about how many runs an optimizer takes at a depth.

    Of a search: the coarse grid with one seed, and three rates around the best with all seeds, or
    one more.
    """
    rates = max(len(grid) for grid in settings.learning_rates.values())
    if not refine:
        return rates * len(settings.seeds)
    return rates + (3 + FINE_GROWTH // 2) * len(settings.seeds)
