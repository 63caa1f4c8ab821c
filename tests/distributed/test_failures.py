from __future__ import annotations

import weakref
from multiprocessing.pool import ThreadPool

import pytest
import tensorflow as tf

from overparam_tf import WorkerLostError
from overparam_tf.distributed import failures

ABORTED = "Collective ops is aborted by: Error reported from worker 1\n more"


@pytest.fixture
def two_workers(monkeypatch):
    monkeypatch.setattr(failures, "worker_count", lambda strategy: 2)


@pytest.mark.filterwarnings(
    "ignore:unclosed running multiprocessing pool:ResourceWarning"
)  # as it goes
def test_a_lost_worker_leaves_no_pool_of_threads_open(two_workers):
    # As TensorFlow sums eagerly: the pool is closed only where all went well.
    pools = []

    def eager_sum():
        def reduce(device):
            raise tf.errors.InternalError(None, None, ABORTED)

        pool = ThreadPool(2)
        pools.append(weakref.ref(pool))
        pool.map(reduce, range(2))
        pool.close()

    with (
        pytest.raises(WorkerLostError, match="start all workers again") as caught,
        failures.workers_watched(tf.distribute.get_strategy()),
    ):
        eager_sum()
    assert "\n" not in str(caught.value)
    assert pools[0]() is None


@pytest.mark.parametrize("workers, message", [(1, ABORTED), (2, "out of memory")])
def test_other_errors_pass_as_they_are(workers, message, monkeypatch):
    monkeypatch.setattr(failures, "worker_count", lambda strategy: workers)
    with (
        pytest.raises(tf.errors.InternalError),
        failures.workers_watched(tf.distribute.get_strategy()),
    ):
        raise tf.errors.InternalError(None, None, message)
