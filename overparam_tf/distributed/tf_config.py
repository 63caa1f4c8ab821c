"""`TF_CONFIG`, the environment variable that names the workers of a cluster, and its check."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from overparam_tf.errors import InputError

VARIABLE = "TF_CONFIG"
FORM = (
    'TF_CONFIG={"cluster": {"worker": ["host:port", ...]}, '
    '"task": {"type": "worker", "index": 0}}, its own index for each worker'
)
JOBS = ("chief", "worker")
_LONGEST = 300  # characters of TF_CONFIG in a message


@dataclass(frozen=True)
class Cluster:
    """The workers that train together, as TF_CONFIG names them.

    Attributes:
        addresses: `"host:port"` of each, that of the chief first.
        number: The place of this process among them.
    """

    addresses: tuple[str, ...]
    number: int

    @property
    def own_address(self) -> str:
        """Return the address of this process."""
        return self.addresses[self.number]

    @classmethod
    def from_environment(cls) -> Cluster:
        """Return the cluster that TF_CONFIG names.

        Raises:
            InputError: If TF_CONFIG is missing or is not as TensorFlow needs it.
        """
        return cls.parse(os.environ.get(VARIABLE, ""))

    @classmethod
    def parse(cls, text: str) -> Cluster:
        """Return the cluster that a text names; see `from_environment`.

        Example:
            >>> task = '"task": {"type": "worker", "index": 1}'
            >>> Cluster.parse('{"cluster": {"worker": ["a:1", "b:1"]}, ' + task + "}")
            Cluster(addresses=('a:1', 'b:1'), number=1)
        """
        try:
            config = json.loads(text)
        except (ValueError, RecursionError):
            raise _refusal(FORM, text) from None
        jobs, task = _jobs(config, text), _task(config, text)
        kind, index = task["type"], task["index"]
        if kind not in jobs:
            raise _refusal(f"a task type of the cluster, one of {list(jobs)}", text)
        count = len(jobs[kind])
        if type(index) is not int or not 0 <= index < count:
            raise _refusal(f"a whole number from 0 to {count - 1} for the index of a {kind}", text)
        chiefs = jobs.get("chief", [])
        number = index + (len(chiefs) if kind == "worker" else 0)
        return cls((*chiefs, *jobs.get("worker", [])), number)


def names_a_cluster() -> bool:
    """Return whether TF_CONFIG names several workers."""
    text = os.environ.get(VARIABLE, "")
    return bool(text.strip()) and len(Cluster.parse(text).addresses) > 1


def _jobs(config: Any, text: str) -> dict[str, list[str]]:
    """Return the addresses of each job."""
    cluster = config.get("cluster") if isinstance(config, dict) else None
    if not isinstance(cluster, dict) or not cluster:
        raise _refusal(FORM, text)
    others = [job for job in cluster if job not in JOBS]
    if others:
        raise _refusal(f"a cluster of {' and '.join(JOBS)} alone, without {others[:3]}", text)
    for job, addresses in cluster.items():
        if not isinstance(addresses, list) or not addresses:
            raise _refusal(f"a list of addresses for the job {job!r}", text)
        for address in addresses:
            if not _is_address(address):
                raise _refusal(
                    f"addresses host:port with a port from 1 to 65535, not {address!r:.100}", text
                )
    if len(cluster.get("chief", [])) > 1:
        raise _refusal("one chief at most", text)
    counts = Counter(address for addresses in cluster.values() for address in addresses)
    address, most = counts.most_common(1)[0]
    if most > 1:
        raise _refusal(f"a different address for each worker, not {address} twice", text)
    return cluster


def _task(config: dict[str, Any], text: str) -> dict[str, Any]:
    task = config.get("task")
    if not isinstance(task, dict) or not {"type", "index"} <= set(task):
        raise _refusal(FORM, text)
    if not isinstance(task["type"], str):
        raise _refusal("a text for the type of the task", text)
    return task


def _is_address(address: object) -> bool:
    if not isinstance(address, str) or any(letter.isspace() for letter in address):
        return False
    host, _, port = address.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535
    # An IPv6 address has colons of its own, in brackets.
    is_host = bool(host) and "/" not in host and (":" not in host or host[0] + host[-1] == "[]")
    return is_host and is_port


def _refusal(expected: str, text: str) -> InputError:
    received = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return InputError(f"Expected {expected}. Received: TF_CONFIG={received!r}")
