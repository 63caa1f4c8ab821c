"""The import of TensorFlow keeps packages out and collects no garbage, until it is done."""

from __future__ import annotations

import gc
import sys

from experiments.harness.quiet_import import import_tensorflow


def test_the_import_leaves_packages_and_collection_as_they_were(monkeypatch):
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    import_tensorflow()
    gc.unfreeze()  # the tests' own objects
    assert gc.isenabled() and "jax" not in sys.modules
