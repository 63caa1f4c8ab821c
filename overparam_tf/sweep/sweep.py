"""A sweep: several variants trained in lock step on one problem."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import tensorflow as tf

from overparam_tf.checks import positive_int
from overparam_tf.datasets import Problem
from overparam_tf.errors import InputError
from overparam_tf.losses import LpLoss
from overparam_tf.progress import Progress
from overparam_tf.stopping import deferred
from overparam_tf.sweep.devices import Workers
from overparam_tf.sweep.engine import MAX_STEPS_PER_CALL, Engine
from overparam_tf.sweep.history import History
from overparam_tf.sweep.recorder import NEVER, Recorder
from overparam_tf.sweep.saving import SavedSweep, facts_of
from overparam_tf.sweep.variant import Variant

# Between calls of the compiled loop a sweep reports progress and can be interrupted.
SECONDS_PER_CALL = 1.0


@dataclass(frozen=True)
class Sweep:
    """Variants, a problem and a loss; `run` trains every run of every variant at once.

    All runs are linear predictors under one loss, so one pass over the data serves them all: it takes the
    end-to-end kernels and gives the losses and dL/dK; each variant carries dL/dK back to its own factors by the
    chain rule, and its own unmodified Keras optimizer updates them. The curves are those of Keras `fit` with the
    whole data set as one batch (the tests compare them).

    Args:
        problem: the data.
        variants: at least one `Variant`, names all different.
        loss: an `LpLoss`; default l_2, mean(e^2) / 2.
        dtype: `"float32"` or `"float64"`.

    Raises:
        InputError: if an argument is out of its range.

    Example:
        >>> import numpy as np
        >>> from overparam_tf.datasets import Problem
        >>> x = np.eye(4)
        >>> problem = Problem("toy", x, x @ np.ones((4, 1)), "made here", "none", synthetic=True)
        >>> sweep = Sweep(problem, [Variant("GD", learning_rates=(0.5, 1.0))])
        >>> history = sweep.run(100)
        >>> float(history.best("GD")["learning_rate"])
        1.0
        >>> model = history.model("GD", 1.0)  # dL/dK = (K - 1) / 4, so K = 1 - 0.75^100 but for the start
        >>> bool(abs(model.layers[0].kernel - 1).numpy().max() < 1e-6)
        True
        >>> from overparam_tf import get_strategy
        >>> again = sweep.run(100, strategy=get_strategy("cpu", report=print))
        Training on one CPU.
        >>> bool((again.losses == history.losses).all())
        True
    """

    problem: Problem
    variants: Sequence[Variant]
    loss: LpLoss = field(default_factory=lambda: LpLoss(2))
    dtype: str = "float32"

    def __post_init__(self):
        object.__setattr__(self, "variants", tuple(self.variants))
        names = [variant.name for variant in self.variants]
        if not names or len(set(names)) != len(names):
            raise InputError(
                f"A sweep needs at least one variant and no name twice. Received: names={names}"
            )
        if not isinstance(self.loss, LpLoss):
            raise InputError(
                f"A sweep needs an LpLoss, e.g. LpLoss(4). Received: loss={self.loss!r}"
            )
        if self.dtype not in ("float32", "float64"):
            raise InputError(
                f"Expected dtype 'float32' or 'float64'. Received: dtype={self.dtype!r}"
            )

    def run(
        self,
        steps: int,
        *,
        targets: Mapping[str, float] | None = None,
        points: int = 1000,
        progress: Callable[[Progress], None] | None = None,
        checkpoints: str | os.PathLike | None = None,
        seconds_between_checkpoints: float = 30.0,
        batch_size: int | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> History:
        """Trains every run from its initial factors for `steps` steps, on all rows or on one batch after the other.

        A keyboard interrupt ends the training after the current call of the compiled loop (about a second) and
        returns what there is, with status `"interrupted"`; a second one is a `KeyboardInterrupt`. In a program under
        `overparam_tf.stopping.StopSignals` its signals do so.

        With a folder for checkpoints, the newest one there is taken up first, be it of a sweep that was interrupted,
        killed, or finished. The outcome is that of an uninterrupted sweep, bit for bit (on the same machine: matrix
        products round as processor and number of threads have it).

        Under a strategy every replica holds its share of the rows; losses and gradients are summed over replicas, and
        all take the same steps as one device does, up to round-off. On several workers every one returns the history;
        the first of them writes the checkpoints, to a folder that all share, and a signal to any stops all. A sweep may
        be continued on another number of devices.

        Args:
            steps: number of updates, >= 1.
            targets: losses by name; the exact first step at or below each goes into the column `steps_to_NAME`.
            points: curves are recorded at no more than this many steps, half log-spaced, half evenly spaced.
            progress: called about once a second.
            checkpoints: folder of this sweep's checkpoints, made if need be; the last two are kept. Default: none.
            seconds_between_checkpoints: so much work at most is lost by a crash (and a slow disk gets more time: see
                `LARGEST_SHARE` of `sweep.saving`).
            batch_size: rows of a step's batch: the rows in their order, from the start again after the last, which may
                be smaller, as `fit` has them with `shuffle=False`. Losses are then those of the step's batch, but for
                the last one, which is that of all rows. Default: all rows in every step.
            strategy: the devices, say `overparam_tf.get_strategy("multiworker")`; a batch is one of all replicas
                together, of which each takes a contiguous share. Default: one device, TensorFlow's choice.

        Returns:
            The `History`.

        Raises:
            InputError: if an argument is out of its range, the newest checkpoint is of another sweep (the line names
                the first difference), or one cannot be written (the earlier ones are then as they were); if there are
                more replicas than rows, or the workers run different sweeps.
            WorkerLostError: if another worker ended or cannot be reached; start all again to continue.
        """
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
            raise InputError(f"Expected a whole number of steps >= 1. Received: steps={steps!r}")
        if batch_size is not None:
            batch_size = min(positive_int("batch_size", batch_size), self.problem.rows)
        workers = Workers(strategy, self.problem)
        recorder = Recorder(
            sum(len(variant.runs) for variant in self.variants), steps, targets or {}, points
        )
        with workers.together():
            engine = workers.make_engine(
                self.problem, self.variants, self.loss, self.dtype, batch_size
            )
            saved = None
            if checkpoints is not None or workers.has_others:
                facts = {**self._facts(steps, recorder), "batch_size": batch_size}
                workers.require_alike(facts, engine)
            if checkpoints is not None:
                saved = SavedSweep(
                    checkpoints,
                    facts,
                    engine,
                    recorder,
                    seconds_between_checkpoints,
                    writes=workers.is_chief,
                )
            step = self._train(steps, engine, recorder, saved, progress, workers)
            recorder.add(step, engine.evaluate()[None])
        return History(
            self._table(recorder, step, "finished" if step == steps else "interrupted", engine),
            recorder.steps,
            recorder.losses,
            [
                stack.weights(run)
                for stack, variant in zip(engine.stacks, self.variants, strict=True)
                for run in range(len(variant.runs))
            ],
            {
                variant.name: stack.layer_config(self.dtype)
                for stack, variant in zip(engine.stacks, self.variants, strict=True)
            },
        )

    def _train(
        self,
        steps: int,
        engine: Engine,
        recorder: Recorder,
        saved: SavedSweep | None,
        progress: Callable[[Progress], None] | None,
        workers: Workers,
    ) -> int:
        """Trains, from the newest checkpoint where there is one; returns the steps done."""
        step = first = 0 if saved is None else saved.restore()
        workers.require_same_step(step)
        size, start = engine.stride, time.monotonic()
        with deferred() as stop:
            while step < steps:
                stopped, size = workers.agree(
                    stop.signal is not None, min(size, steps - step, MAX_STEPS_PER_CALL)
                )
                if stopped:
                    break
                began = time.monotonic()
                recorder.add(step, engine.advance(size, step))
                step += size
                if saved is not None:
                    saved.save_if_due(step)
                if progress is not None:
                    seconds = time.monotonic() - start
                    progress(
                        Progress(step, steps, seconds, self._last_losses(recorder), step - first)
                    )
                # At most eightfold at a time: the first call also compiles.
                size *= int(np.clip(SECONDS_PER_CALL / (time.monotonic() - began), 1, 8))
            if saved is not None and step > first:
                saved.save(step)
        return step

    def _facts(self, steps: int, recorder: Recorder) -> dict:
        return facts_of(
            self.variants,
            steps=steps,
            targets=recorder.targets,
            points=len(recorder.steps),
            loss={"p": self.loss.p, "scale": self.loss.scale},
            dtype=self.dtype,
            data={"name": self.problem.name, "sha256": self.problem.checksum},
        )

    def _last_losses(self, recorder: Recorder) -> dict[str, float]:
        ends = np.cumsum([len(variant.runs) for variant in self.variants])[:-1]
        parts = np.split(recorder.last_loss, ends)
        return {
            variant.name: float(np.fmin.reduce(part))
            for variant, part in zip(self.variants, parts, strict=True)
        }

    def _table(self, recorder: Recorder, steps: int, status: str, engine: Engine) -> pd.DataFrame:
        described = [
            {
                "variant": variant.name,
                "optimizer": variant.optimizer_name,
                "update": variant.update,
                "depth": variant.depth,
                "width": stack.width,
                "learning_rate": rate,
                "seed": seed,
            }
            for variant, stack in zip(self.variants, engine.stacks, strict=True)
            for rate, seed in variant.runs
        ]
        diverged = recorder.diverged_at != NEVER
        facts = {
            "status": np.where(diverged, "diverged", status),
            "steps": np.where(diverged, recorder.diverged_at, steps),
            "final_loss": recorder.last_loss,
            "best_loss": recorder.best_loss,
            "diverged_at": _or_missing(recorder.diverged_at),
        }
        reached = {f"steps_to_{name}": _or_missing(at) for name, at in recorder.reached_at.items()}
        return pd.DataFrame(described).assign(**facts, **reached)


def _or_missing(steps: np.ndarray) -> pd.arrays.IntegerArray:
    return pd.array([None if step == NEVER else int(step) for step in steps], dtype="Int64")
