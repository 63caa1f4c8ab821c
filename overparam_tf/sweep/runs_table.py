"""The table of a sweep's runs: what each run is, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from overparam_tf.status import TrainingStatus
from overparam_tf.sweep.recorder import NEVER, Recorder
from overparam_tf.sweep.stacks import Stack
from overparam_tf.sweep.variant import Variant


def runs_table(
    variants: Sequence[Variant],
    stacks: Sequence[Stack],
    recorder: Recorder,
    steps: int,
    status: TrainingStatus,
) -> pd.DataFrame:
    """Return one row a run; for the columns see `History.runs`.

    Args:
        variants: The variants.
        stacks: Their stacks.
        recorder: The records of all runs.
        steps: Number of steps taken.
        status: How the runs ended that did not diverge.
    """
    diverged = recorder.diverged_at != NEVER
    outcome = {
        "status": np.where(diverged, TrainingStatus.DIVERGED.value, status.value),
        "steps": np.where(diverged, recorder.diverged_at, steps),
        "final_loss": recorder.last_loss,
        "best_loss": recorder.best_loss,
        "diverged_at": _or_missing(recorder.diverged_at),
        **_test_columns(recorder, steps),
    }
    reached = {
        f"steps_to_{name}": _or_missing(reached_at)
        for name, reached_at in recorder.reached_at.items()
    }
    return pd.DataFrame(list(_described(variants, stacks))).assign(**outcome, **reached)


def _test_columns(recorder: Recorder, steps: int) -> dict[str, np.ndarray]:
    """Return the last test loss and the lowest of those recorded; nothing without test losses."""
    if recorder.test_losses is None:
        return {}
    last = np.searchsorted(recorder.steps, steps)
    best = np.fmin.reduce(recorder.test_losses, axis=0)
    return {"final_test_loss": recorder.test_losses[last], "best_test_loss": best}


def _described(variants: Sequence[Variant], stacks: Sequence[Stack]) -> Iterator[dict[str, Any]]:
    for variant, stack in zip(variants, stacks, strict=True):
        for rate, seed in variant.runs:
            yield {
                "variant": variant.name,
                "optimizer": variant.optimizer_name,
                "update": variant.update,
                "depth": variant.depth,
                "width": stack.width,
                "learning_rate": rate,
                "seed": seed,
            }


def _or_missing(steps: np.ndarray) -> pd.arrays.IntegerArray:
    """Return steps as nullable integers, missing where they are NEVER."""
    return pd.array([None if step == NEVER else int(step) for step in steps], dtype="Int64")
