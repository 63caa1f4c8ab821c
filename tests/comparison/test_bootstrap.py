"""The bootstrap interval against a distribution whose ratio of medians is known."""

from __future__ import annotations

import numpy as np

from overparam_tf.comparison.bootstrap import speed_up


def test_the_interval_covers_the_truth_in_most_samples():
    # Steps are exponential with the means 200 and 100: the ratio of medians is 2.
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(60):
        plain, other = (rng.exponential(mean, (1, 15)) for mean in (200, 100))
        gain = speed_up(plain, other, limit=1e6, bootstraps=300, seed=trial)
        covered += gain.low <= 2 <= gain.high
    assert 50 <= covered <= 60
