"""What TensorBoard shows of the curves that `FollowedRuns.curves` returned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from experiments.harness.tensorboard import Distribution, Line


def shown_curves(
    run: str, where: str, curves: Mapping[str, np.ndarray], key: str, error: str
) -> tuple[list[Line], Distribution]:
    """Return the lines of error, effective rank and loss of a run, and its singular values.

    Args:
        run: The TensorBoard run.
        where: The end of the charts' tags.
        curves: The arrays of curves.npz by name.
        key: What the names of the run's arrays begin with.
        error: What the error is of, for its tag.
    """
    steps = curves[f"{key}/steps"]
    shown = {
        error: curves[f"{key}/errors"],
        "effective rank": curves[f"{key}/ranks"],
        "log10 of the loss": np.log10(np.maximum(curves[f"{key}/losses"], 1e-30)),
    }
    lines = [Line(run, f"{tag}/{where}", (steps, values)) for tag, values in shown.items()]
    spectra = dict(zip(steps.tolist(), curves[f"{key}/singular_values"], strict=True))
    return lines, Distribution(run, f"singular values/{where}", spectra)
