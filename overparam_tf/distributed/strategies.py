"""Devices to train on: one `tf.distribute` strategy from one word."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from overparam_tf.checks import function, instance_of, one_of, real_number
from overparam_tf.distributed.rendezvous import meet
from overparam_tf.distributed.tf_config import Cluster, names_a_cluster
from overparam_tf.errors import InputError
from overparam_tf.messages import print_to_stderr

KINDS = ("auto", "cpu", "gpu", "mirrored", "multiworker")


def get_strategy(
    kind: str = "auto",
    report: Callable[[str], object] = print_to_stderr,
    timeout: float = 600.0,
) -> tf.distribute.Strategy:
    """Return the strategy for the devices at hand, and report in one line which they are.

    - `"auto"`: the workers of `TF_CONFIG` if it names a cluster; otherwise all GPUs, or the CPU.
    - `"cpu"`, `"gpu"`: one device, the first logical CPU or GPU.
    - `"mirrored"`: every GPU of this machine or, without a GPU, every logical CPU device.
    - `"multiworker"`: every device of every machine that the environment variable `TF_CONFIG`
      names, one process a machine. Call it before anything else of TensorFlow. It waits for the
      other workers, which must call it too, and says after ten seconds which are missing.

    Make model, optimizer and metrics under `strategy.scope()`.

    Args:
        kind: One of the above; default `"auto"`.
        report: Called with the line; default prints to standard error.
        timeout: Seconds to wait for the other workers; default 600.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        InputError: If an argument is not as described, if there is no GPU for `"gpu"`, if
            `TF_CONFIG` is missing or not as TensorFlow needs it, if the port of this worker is
            taken, or if two workers have the same index.
        WorkerLostError: If a worker has not come in time.

    Example:
        >>> strategy = get_strategy("cpu", report=print)
        Training on one CPU.
        >>> strategy.num_replicas_in_sync
        1
    """
    one_of("kind", kind, KINDS)
    function("report", report)
    timeout = real_number("timeout", timeout, above=0)
    # Before the devices are listed: that starts TensorFlow's runtime, and then it is too late for
    # collective operations.
    if kind == "multiworker" or (kind == "auto" and names_a_cluster()):
        strategy = _multiworker(Cluster.from_environment(), report, timeout)
        report(_describe_cluster(strategy))
        return strategy
    gpus, cpus = (tf.config.list_logical_devices(type_) for type_ in ("GPU", "CPU"))
    if kind == "gpu" and not gpus:
        raise InputError(
            'Expected a GPU that TensorFlow sees; "auto" takes the CPU instead. '
            "Received: kind='gpu'"
        )
    if kind == "mirrored" or (kind == "auto" and len(gpus) > 1):
        names = [device.name for device in gpus or cpus]
        report(f"Training on {_count(names)} in step.")
        # TensorFlow's default sums by collective operations, which a process can use for one number
        # of CPU devices only.
        sums = None if gpus else tf.distribute.ReductionToOneDevice()
        return tf.distribute.MirroredStrategy(names, cross_device_ops=sums)
    first, *_ = gpus if gpus and kind != "cpu" else cpus
    report(f"Training on one {first.device_type}.")
    return tf.distribute.OneDeviceStrategy(first.name)


def check_strategy(strategy: tf.distribute.Strategy) -> tf.distribute.Strategy:
    """Return a strategy.

    Raises:
        InputError: If it is none.
    """
    expected = "a tf.distribute.Strategy, as overparam_tf.get_strategy makes one,"
    return instance_of("strategy", strategy, tf.distribute.Strategy, expected)


def worker_count(strategy: tf.distribute.Strategy) -> int:
    """Return the number of processes that train together.

    That is 1 except for `tf.distribute.MultiWorkerMirroredStrategy`.
    """
    resolver = strategy.cluster_resolver
    jobs = resolver.cluster_spec().as_dict() if resolver is not None else {}
    return sum(len(tasks) for job, tasks in jobs.items() if job in ("chief", "worker")) or 1


def worker_index(strategy: tf.distribute.Strategy) -> int:
    """Return the number of this process among those that train together; 0 is the chief."""
    if worker_count(strategy) == 1:
        return 0
    resolver = strategy.cluster_resolver
    chiefs = len(resolver.cluster_spec().as_dict().get("chief", []))
    return resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Return whether this process writes what only one may write: checkpoints, logs, figures.

    Args:
        strategy: The strategy under which the processes train.

    Raises:
        InputError: If `strategy` is no `tf.distribute.Strategy`.
    """
    return worker_index(check_strategy(strategy)) == 0


def _describe_cluster(strategy: tf.distribute.Strategy) -> str:
    resolver = strategy.cluster_resolver
    devices = [_short_name(device) for device in strategy.extended.worker_devices]
    return (
        f"Training on {worker_count(strategy)} workers, "
        f"{strategy.num_replicas_in_sync} devices in all; "
        f"this is {resolver.task_type} {resolver.task_id} with {', '.join(devices)}."
    )


def _count(names: list[str]) -> str:
    """Return a number of devices in words, such as `"2 GPUs"`."""
    first, *others = names
    kind, _ = _short_name(first).split(":")
    return f"{len(names)} {kind}{'s' if others else ''}"


def _short_name(device: str) -> str:
    """Return the end of a device's name, such as `"CPU:0"`."""
    _, name = device.rsplit("device:", 1)
    return name


def _multiworker(
    cluster: Cluster, report: Callable[[str], object], timeout: float
) -> tf.distribute.MultiWorkerMirroredStrategy:
    meet(cluster, report, timeout)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise InputError(
            "Expected the multi-worker strategy to be made before anything else of TensorFlow in "
            f"this process. Received: {error}"
        ) from None
