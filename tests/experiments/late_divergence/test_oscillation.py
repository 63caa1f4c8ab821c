"""The oscillation before a blow-up, on sequences made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.late_divergence.oscillation import linear_stretch, two_step_quotients


def test_the_stretch_to_compare_is_above_the_noise_and_still_small():
    swing = np.concatenate([np.full(50, 1e-9), 1e-9 * np.exp(0.5 * np.arange(50))])
    part = linear_stretch(np.arange(100), swing, 50.0)
    assert swing[part.start] > 30e-9 and swing[part.stop - 1] < 1e-3 and part.stop - part.start > 15


def test_the_sharpness_is_taken_on_both_sides_of_a_swing():
    sharpness = [1.0, 1.5, 2.1, 1.9, 2.12, 2.0, 9.0]
    run = pd.DataFrame(
        {"step": [0, 10, 64, 65, 128, 129, 192], "sharpness": sharpness, "threshold": 2.0}
    )
    steps, quotient = two_step_quotients(run)
    assert steps.tolist() == [0, 10, 64.5, 128.5] and quotient.tolist() == pytest.approx(
        [0.5, 0.75, 1, 1.03]
    )
    steps, quotient = two_step_quotients(run[:3])
    assert steps.tolist() == [0, 10, 64] and quotient.tolist() == pytest.approx([0.5, 0.75, 1.05])
