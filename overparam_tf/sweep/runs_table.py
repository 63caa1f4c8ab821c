"""The history of a sweep, and in it the table of the runs: what each is, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from overparam_tf.status import TrainingStatus
from overparam_tf.sweep.history import History
from overparam_tf.sweep.recorder import NEVER, Recorder
from overparam_tf.sweep.shrinking_engine import ShrinkingEngine, StackForm
from overparam_tf.sweep.variant import Variant


def history_of(
    variants: Sequence[Variant],
    engine: ShrinkingEngine,
    recorder: Recorder,
    steps: int,
    status: TrainingStatus,
) -> History:
    """Return the history of a sweep.

    Args:
        variants: The variants.
        engine: What trained them.
        recorder: The records of all runs.
        steps: Number of steps taken.
        status: How the runs ended that neither diverged nor stopped.
    """
    runs = _runs_table(variants, engine.forms, recorder, steps, status)
    layers = {
        variant.name: form.layer for variant, form in zip(variants, engine.forms, strict=True)
    }
    weights, test_losses = engine.weights(), recorder.test_losses
    return History(runs, recorder.steps, recorder.losses, weights, layers, test_losses)


def _runs_table(
    variants: Sequence[Variant],
    forms: Sequence[StackForm],
    recorder: Recorder,
    steps: int,
    status: TrainingStatus,
) -> pd.DataFrame:
    """Return one row a run; for the columns see `History.runs`."""
    diverged, stopped = recorder.diverged_at != NEVER, recorder.stopped_at != NEVER
    ends = [TrainingStatus.DIVERGED.value, TrainingStatus.STOPPED.value]
    outcome = {
        "status": np.select([diverged, stopped], ends, status.value),
        "steps": np.where(recorder.ended_at == NEVER, steps, recorder.ended_at),
        "final_loss": recorder.last_loss,
        "best_loss": recorder.best_loss,
        "diverged_at": _or_missing(recorder.diverged_at),
        **_test_columns(recorder, steps),
    }
    reached = {
        f"steps_to_{name}": _or_missing(reached_at)
        for name, reached_at in recorder.reached_at.items()
    }
    return pd.DataFrame(list(_described(variants, forms))).assign(**outcome, **reached)


def _test_columns(recorder: Recorder, steps: int) -> dict[str, np.ndarray]:
    """Return the last test loss and the lowest of those recorded; nothing without test losses.

    Of a run that stopped the last one is that of the recorded step at or before its end.
    """
    if recorder.test_losses is None:
        return {}
    stopped = recorder.stopped_at != NEVER
    last = np.full(len(stopped), np.searchsorted(recorder.steps, steps))
    ends = recorder.stopped_at[stopped]
    last[stopped] = np.searchsorted(recorder.steps, ends, side="right") - 1
    final = np.take_along_axis(recorder.test_losses, last[None], axis=0)[0]
    best = np.fmin.reduce(recorder.test_losses, axis=0)
    return {"final_test_loss": final, "best_test_loss": best}


def _described(variants: Sequence[Variant], forms: Sequence[StackForm]) -> Iterator[dict[str, Any]]:
    for variant, form in zip(variants, forms, strict=True):
        for rate, seed in variant.runs:
            yield {
                "variant": variant.name,
                "optimizer": variant.optimizer_name,
                "update": variant.update,
                "depth": variant.depth,
                "width": form.width,
                "learning_rate": rate,
                "seed": seed,
            }


def _or_missing(steps: np.ndarray) -> pd.arrays.IntegerArray:
    """Return steps as nullable integers, missing where they are NEVER."""
    return pd.array([None if step == NEVER else int(step) for step in steps], dtype="Int64")
