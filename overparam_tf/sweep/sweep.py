"""A sweep: several variants trained in lock step on one problem."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from overparam_tf.checks import (
    boolean,
    function,
    has_duplicates,
    instance_of,
    list_of,
    one_of,
    optional,
    positive_int,
    whole_number,
)
from overparam_tf.datasets import Problem
from overparam_tf.distributed.workers import Workers
from overparam_tf.errors import input_error
from overparam_tf.losses import LpLoss
from overparam_tf.progress import Progress
from overparam_tf.status import TrainingStatus
from overparam_tf.sweep.departures import Departures
from overparam_tf.sweep.devices import check_biases, check_devices, make_engine
from overparam_tf.sweep.engine import MAX_STEPS_PER_CALL, Engine
from overparam_tf.sweep.history import History
from overparam_tf.sweep.memory import check_memory
from overparam_tf.sweep.recorder import Recorder
from overparam_tf.sweep.runs_table import history_of
from overparam_tf.sweep.saving import SavedSweep, Saving, digest_of, identity_of
from overparam_tf.sweep.sharing import share_of_variants
from overparam_tf.sweep.shrinking_engine import ShrinkingEngine
from overparam_tf.sweep.training_loop import TrainingLoop
from overparam_tf.sweep.variant import Variant

# The compiled loop counts steps in 32 bits.
MOST_STEPS = 2 * 10**9


@dataclass(frozen=True)
class Sweep:
    """Variants, a problem and a loss; `run` trains every run of every variant at once.

    All runs are linear predictors under one loss, so one pass over the data a step serves them all:
    it takes the end-to-end kernels and returns the losses and dL/dK. Each variant carries dL/dK
    back to its own factors by the chain rule, and its own unmodified Keras optimizer updates them.
    The curves are those of Keras `fit` with the whole data set as one batch; the tests compare
    them.

    Args:
        problem: The data; if it has a held-out problem, the loss on that is recorded too.
        variants: At least one `Variant`, all of different names.
        loss: An `LpLoss`; default l_2, mean(e^2) / 2.
        dtype: `"float32"` (default) or `"float64"`.

    Raises:
        InputError: If an argument is not as described.

    Example:
        >>> import numpy as np
        >>> from overparam_tf.datasets import Problem
        >>> x = np.eye(4)
        >>> problem = Problem("toy", x, x @ np.ones((4, 1)), "made here", "none", synthetic=True)
        >>> sweep = Sweep(problem, [Variant("GD", learning_rates=(0.5, 1.0))])
        >>> history = sweep.run(100)
        >>> float(history.best("GD")["learning_rate"])
        1.0
        >>> model = history.model("GD", 1.0)  # dL/dK = (K - 1) / 4: K is near 1 - 0.75^100
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

    def __post_init__(self) -> None:
        instance_of("problem", self.problem, Problem)
        variants = tuple(list_of("variants", self.variants, _variant))
        if not variants or has_duplicates(variant.name for variant in variants):
            names = [variant.name for variant in variants]
            raise input_error("at least one variant and no name twice", variants=names)
        instance_of("loss", self.loss, LpLoss, "an LpLoss, such as LpLoss(4),")
        one_of("dtype", self.dtype, ("float32", "float64"))
        for variant in variants:
            _check_rates(variant, self.dtype)
            check_biases(self.problem, variant)
        object.__setattr__(self, "variants", variants)

    def share(self, number: int, of: int) -> Sweep:
        """Return the sweep of one share of the runs, for one of several machines.

        The shares are contiguous and of nearly equal cost, and every machine finds its own without
        communication. Their histories joined are that of the undivided sweep, up to round-off:
        matrix products round differently for other numbers of runs.

        Args:
            number: Number of the share, 1 to `of`.
            of: Number of shares, at most that of the runs.

        Raises:
            InputError: If a number is out of its range.

        Example:
            >>> problem = Problem("toy", np.eye(2), np.ones((2, 1)), "made here", "none", True)
            >>> sweep = Sweep(problem, [Variant("GD", learning_rates=(0.1, 0.2, 0.3))])
            >>> first, second = (sweep.share(number, of=2).run(10) for number in (1, 2))
            >>> joined, whole = first.join(second), sweep.run(10)
            >>> joined.runs["learning_rate"].tolist()
            [0.1, 0.2, 0.3]
            >>> bool(np.allclose(joined.losses, whole.losses))
            True
        """
        return replace(self, variants=share_of_variants(self.variants, self.problem, number, of))

    def run(
        self,
        steps: int,
        *,
        targets: Mapping[str, float] | None = None,
        stop_at_targets: bool = False,
        points: int = 1000,
        progress: Callable[[Progress], object] | None = None,
        follow: Callable[[np.ndarray, np.ndarray], object] | None = None,
        checkpoints: str | os.PathLike | None = None,
        seconds_between_checkpoints: float = 30.0,
        checkpoint_share: float = 0.02,
        steps_per_call: int = MAX_STEPS_PER_CALL,
        batch_size: int | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> History:
        """Train every run from its initial factors, on all rows or on one batch after the other.

        A keyboard interrupt ends the training after the current call of the compiled loop, about a
        second long. The history up to there is returned, with the status `"interrupted"`; a second
        interrupt raises a `KeyboardInterrupt`. In a program under
        `overparam_tf.stopping.StopSignals` its signals do the same.

        If the folder of checkpoints holds some, training continues from the newest, whether that
        sweep was interrupted, killed or finished. The outcome is that of an uninterrupted sweep,
        bit for bit on the same machine: rounding in products of matrices depends on the processor
        and on the number of threads.

        A run has the status `"diverged"` from its first loss that is not finite. So has a run that
        ends above ten times the loss of the zero kernel (or ten times its own first loss, if that
        is larger), from the step after which it stayed there. Such a run may be finite, but has
        left for good. It has diverged before the end already if it was above a million times that
        bound for 8,192 steps: it might come back in theory, but this is the definition.

        A run whose record has ended, by divergence or by `stop_at_targets`, is no longer trained,
        as soon as a smaller stack is worth compiling. That is decided at certain steps, from the
        number of the step and the cost of the runs. The weights of such a run are those with which
        it left. The runs that stay are the same up to round-off, as they are in shares.

        Under a strategy every replica holds its share of the rows. Losses and gradients are summed
        over replicas, and all take the steps of one device, up to round-off. On several workers
        each returns the history; the first writes the checkpoints, to a folder that all share; a
        signal to any of them stops all. A sweep may be continued on another number of devices.

        Args:
            steps: Number of updates, from 1 to two billion.
            targets: Losses by name; the first step at or below each, exactly, is the column
                `steps_to_NAME` of the runs. Default None, no targets.
            stop_at_targets: End the record of a run with the step at which it has reached every
                target. Its status is then `"stopped"`, its final loss is that of this step, and its
                curve is NaN after it. Default False.
            points: The most points of a curve, >= 2, half of them log-spaced and half evenly
                spaced; default 1000.
            progress: Called about once a second; default None, no reports.
            follow: Called about once a second with the points of the curves that are new since its
                last call: increasing steps (S,) and losses (S, R), in the order of `History.runs`.
                A continued sweep calls it first with all points up to its checkpoint. Of several
                workers the first calls it. Default None.
            checkpoints: Folder of this sweep's checkpoints, made if it does not exist; the last two
                are kept. Default None, no checkpoints.
            seconds_between_checkpoints: Least time between two checkpoints, and the most work that
                a crash destroys; default 30.
            checkpoint_share: Largest share of the time that saving may take, above 0 and at most 1;
                a slow disk gets fewer checkpoints. Default 0.02.
            steps_per_call: The most steps of a call of the compiled loop, 1 to 2048; default 2048.
            batch_size: Rows of a step's batch. The batches are the rows in their order, the last
                one possibly smaller, and begin again after it, as `fit` does with `shuffle=False`.
                Losses are then those of the step's batch, except the last, which is that of all
                rows. Default None, all rows in every step.
            strategy: The devices, such as `overparam_tf.get_strategy("multiworker")`; a batch is
                one of all replicas together, and each takes a contiguous share of it. Default None,
                TensorFlow's default device.

        Returns:
            The `History`.

        Raises:
            InputError: If an argument is not as described; if the newest checkpoint is of another
                sweep (the line names the first difference); if a checkpoint cannot be written (the
                earlier ones are then as they were); if there are more replicas than rows; or if the
                workers run different sweeps.
            WorkerLostError: If another worker ended or cannot be reached. Start all of them again
                to continue.
        """
        steps = whole_number("steps", steps, least=1, most=MOST_STEPS)
        progress = optional("progress", progress, function)
        follow = optional("follow", follow, function)
        steps_per_call = whole_number(
            "steps_per_call", steps_per_call, least=1, most=MAX_STEPS_PER_CALL
        )
        batch_size = optional("batch_size", batch_size, positive_int)
        if batch_size is not None:
            batch_size = min(batch_size, self.problem.rows)
        points = whole_number("points", points, least=2)
        check_memory(self.problem, self.variants, self.dtype, points)
        saving = Saving(checkpoints, seconds_between_checkpoints, checkpoint_share)
        recorder = self._recorder(steps, targets, stop_at_targets, points)
        strategy = check_devices(strategy, self.problem)
        workers = Workers(strategy)
        with workers.together():
            engine = self._engine(recorder, batch_size, strategy)
            saved = None
            if saving.folder is not None or workers.has_others:
                identity = self._identity(
                    recorder, steps=steps, batch_size=batch_size, stop_at_targets=stop_at_targets
                )
                self._require_alike(workers, identity, engine)
                if saving.folder is not None:
                    saved = SavedSweep(saving, identity, engine, recorder, workers.is_chief)
            loop = TrainingLoop(
                engine,
                recorder,
                Departures(self.variants, self.problem, steps, batch_size),
                workers,
                self.variants,
                saved,
                steps_per_call,
                progress,
                follow if workers.is_chief else None,
            )
            steps_done = loop.run(steps)
            recorder.add(steps_done, engine.evaluate()[None])
        status = TrainingStatus.INTERRUPTED
        if steps_done == steps:
            status = TrainingStatus.FINISHED
            recorder.mark_blow_ups()
        return history_of(self.variants, engine, recorder, steps_done, status)

    def _recorder(
        self, steps: int, targets: Mapping[str, float] | None, stop_at_targets: bool, points: int
    ) -> Recorder:
        """Return the recorder of a run of the sweep; for the arguments see `run`."""
        recorder = Recorder(
            sum(len(variant.runs) for variant in self.variants),
            steps,
            {} if targets is None else targets,
            points,
            self._zero_loss(),
            has_test=self.problem.held_out is not None,
            stop_at_targets=boolean("stop_at_targets", stop_at_targets),
        )
        if stop_at_targets and not recorder.targets:
            raise input_error("targets for stop_at_targets=True", targets=targets)
        return recorder

    def _engine(
        self, recorder: Recorder, batch_size: int | None, strategy: tf.distribute.Strategy | None
    ) -> ShrinkingEngine:
        """Return the engine of all runs, which makes one of fewer runs when some have ended."""

        def make(variants: Sequence[Variant]) -> Engine:
            return make_engine(
                self.problem,
                variants,
                self.loss,
                self.dtype,
                batch_size,
                strategy,
                recorded=recorder.steps,
            )

        has_test = self.problem.held_out is not None
        return ShrinkingEngine(make, self.variants, self.dtype, has_test=has_test)

    def _zero_loss(self) -> float:
        """Return the loss of the zero kernel."""
        mean = float(np.mean(self.problem.known_labels.astype(np.float64) ** self.loss.p))
        return mean / self.loss.p if self.loss.scale else mean

    def _identity(self, recorder: Recorder, steps: int, **settings: Any) -> dict[str, Any]:
        """Return what must be equal for a checkpoint of this sweep to be continued."""
        test = self.problem.held_out
        held_out = {} if test is None else {"held_out": test.checksum}
        return identity_of(
            self.variants,
            steps=steps,
            targets=recorder.targets,
            points=len(recorder.steps),
            loss={"p": self.loss.p, "scale": self.loss.scale},
            dtype=self.dtype,
            data={"name": self.problem.name, "sha256": self.problem.checksum, **held_out},
            **settings,
        )

    def _require_alike(
        self, workers: Workers, identity: dict[str, Any], engine: ShrinkingEngine
    ) -> None:
        """Check that all workers run this sweep from the same factors."""
        workers.require_alike(
            "sweep (data, variants, steps, versions)",
            json.dumps(identity) + digest_of(engine.state()),
            f"that on data {self.problem.name}, sha256 {self.problem.checksum[:12]}",
        )


def _variant(name: str, value: object) -> Variant:
    return instance_of(name, value, Variant)


def _check_rates(variant: Variant, dtype: str) -> None:
    """Check that the learning rates of a variant are as many positive numbers in a dtype."""
    kind = np.dtype(dtype).type
    with np.errstate(all="ignore"):
        rates = [kind(rate) for rate in variant.learning_rates]
    numbers = np.finfo(dtype)
    if min(rates) < numbers.tiny or max(rates) > numbers.max or has_duplicates(rates):
        raise input_error(
            f"learning_rates from {numbers.tiny:.2g} to {numbers.max:.2g} that differ in {dtype}, "
            f"in the variant {variant.name!r}",
            learning_rates=variant.learning_rates,
        )
