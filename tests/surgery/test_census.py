"""The census of KerasHub's backbones, where keras-hub and a checkout of its tests are at hand."""

import os
import statistics
from pathlib import Path

import pytest

from tests.backends import needs_tensorflow

BOUND = 1e-4


@pytest.mark.slow
@needs_tensorflow
def test_nearly_all_backbones_are_converted_there_and_back():
    pytest.importorskip("keras_hub")
    checkout = os.environ.get("KERAS_HUB_CHECKOUT")
    if not checkout:
        pytest.skip("KERAS_HUB_CHECKOUT names no checkout of keras-hub")
    from tests.surgery.census import census, summary

    results = census(Path(checkout), names=[])
    print(summary(results))
    good = [result for result in results if result.problem is None]
    within = [r for r in good if max(r.converted, r.collapsed, r.reloaded) < BOUND]
    assert len(within) >= 0.95 * len(results)
    assert statistics.median(result.share for result in good) >= 0.95
