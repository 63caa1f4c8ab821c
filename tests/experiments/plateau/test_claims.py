"""Speed-ups of the plateau where a depth did not reach the target."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.harness.speed_up import Bound
from experiments.plateau.claims import claims_of
from experiments.plateau.searches import with_speed_ups


def test_speed_ups_say_what_is_not_known():
    columns = ["p", "ratio", "depth", "steps", "finest_steps", "stable_steps"]
    rows = [
        (4, 2, 1, 90, 80, 90),
        (4, 2, 2, 30, 8, None),
        (4, 9, 1, None, None, None),
        (4, 9, 2, 50, 40, None),
    ]
    results = with_speed_ups(pd.DataFrame(rows, columns=columns), limit=100)
    assert results["speed_up"].tolist()[1::2] == [3, 2]
    assert results["bound"].tolist() == ["exact", "exact", "unknown", "at least"]
    assert results["finest_bound"].tolist() == results["bound"].tolist()
    # Depth 1 reached the target without a rise of the loss, depth 2 did not.
    assert results["stable_bound"].tolist() == ["exact", Bound.AT_MOST, "unknown", "unknown"]
    assert results["stable_speed_up"][1] == pytest.approx(0.9)
    assert np.isnan(results["stable_speed_up"][3])
    fewer, stable, growth = claims_of(results)[1:]
    assert fewer.held and "9: >x2" in fewer.numbers and not stable.held and not growth.held
