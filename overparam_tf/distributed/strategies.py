"""Which devices to train on: one `tf.distribute` strategy from one word."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import tensorflow as tf

from overparam_tf.errors import InputError
from overparam_tf.messages import print_to_stderr

KINDS = ("auto", "cpu", "gpu", "mirrored", "multiworker")


def get_strategy(
    kind: str = "auto", report: Callable[[str], None] = print_to_stderr
) -> tf.distribute.Strategy:
    """Return the strategy for the devices at hand, and say in one line which they are.

    - ``"auto"``: the workers of ``TF_CONFIG`` where it names a cluster, else all GPUs, else the one GPU, else the CPU.
    - ``"cpu"``, ``"gpu"``: one device. The first GPU, or logical CPU.
    - ``"mirrored"``: every GPU of this machine, or, without a GPU, every logical CPU device.
    - ``"multiworker"``: every device of every machine that the environment variable ``TF_CONFIG`` names. One process a
      machine; call it before anything else of TensorFlow. It waits for the other workers.

    Make model, optimizer and metrics under ``strategy.scope()``.

    Args:
        kind: One of the above.
        report: Called with the line; default prints to standard error.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        InputError: For another kind, a GPU where there is none, or a ``TF_CONFIG`` that is missing or unreadable.

    Example:
        >>> strategy = get_strategy("cpu", report=print)
        Training on one CPU.
        >>> strategy.num_replicas_in_sync
        1
    """
    if kind not in KINDS:
        raise InputError(f"Expected a strategy among {', '.join(KINDS)}. Received: kind={kind!r}")
    # Before the devices are asked for: that starts TensorFlow's runtime, and then it is too late for collectives.
    if kind == "multiworker" or (kind == "auto" and _names_a_cluster()):
        strategy = _multiworker()
        devices = [device.rsplit("device:", 1)[1] for device in strategy.extended.worker_devices]
        task = strategy.cluster_resolver.task_type, strategy.cluster_resolver.task_id
        report(
            f"Training on {worker_count(strategy)} workers, {strategy.num_replicas_in_sync} devices in all; "
            f"this is {task[0]} {task[1]} with {', '.join(devices)}."
        )
        return strategy
    gpus, cpus = (tf.config.list_logical_devices(type_) for type_ in ("GPU", "CPU"))
    if kind == "gpu" and not gpus:
        raise InputError(
            "Expected a GPU that TensorFlow sees; \"auto\" takes the CPU instead. Received: kind='gpu'"
        )
    if kind == "mirrored" or (kind == "auto" and len(gpus) > 1):
        names = [device.name for device in gpus or cpus]
        report(f"Training on {_count(names)} in step.")
        # Sums by TensorFlow's default, collective operations, allow one number of CPU devices a process.
        sums = None if gpus else tf.distribute.ReductionToOneDevice()
        return tf.distribute.MirroredStrategy(names, cross_device_ops=sums)
    chosen = gpus[0] if gpus and kind != "cpu" else cpus[0]
    report(f"Training on one {chosen.device_type}.")
    return tf.distribute.OneDeviceStrategy(chosen.name)


def worker_count(strategy: tf.distribute.Strategy) -> int:
    """Return how many processes train together: 1 but for `tf.distribute.MultiWorkerMirroredStrategy`."""
    resolver = strategy.cluster_resolver
    jobs = resolver.cluster_spec().as_dict() if resolver is not None else {}
    return sum(len(tasks) for job, tasks in jobs.items() if job in ("chief", "worker")) or 1


def worker_index(strategy: tf.distribute.Strategy) -> int:
    """Return which of the processes that train together this is, counted from 0, the chief."""
    if worker_count(strategy) == 1:
        return 0
    resolver = strategy.cluster_resolver
    chiefs = len(resolver.cluster_spec().as_dict().get("chief", []))
    return resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Return whether this process writes what only one may write: checkpoints, logs, figures."""
    return worker_index(strategy) == 0


def _count(names: list[str]) -> str:
    kind = names[0].rsplit("device:", 1)[1].split(":")[0]
    return f"{len(names)} {kind}{'s' if len(names) > 1 else ''}"


def _names_a_cluster() -> bool:
    return bool(os.environ.get("TF_CONFIG")) and len(_workers(_tf_config())) > 1


def _tf_config() -> dict:
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        if not _workers(config) or not {"type", "index"} <= set(config["task"]):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            'Expected TF_CONFIG={"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}, '
            f"its own index for each worker. Received: TF_CONFIG={text!r}"
        ) from None
    return config


def _workers(config: dict) -> list[str]:
    cluster = config.get("cluster", {})
    return [*cluster.get("chief", []), *cluster.get("worker", [])]


def _multiworker() -> tf.distribute.MultiWorkerMirroredStrategy:
    _tf_config()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise InputError(
            "Expected the multi-worker strategy to be made before anything else of TensorFlow in this process. "
            f"Received: {error}"
        ) from None
