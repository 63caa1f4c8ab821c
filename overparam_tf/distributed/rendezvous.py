"""The meeting of all workers before TensorFlow starts: who is missing is said, and not for ever.

TensorFlow itself waits for the other workers without a word and without an end. So they meet first:
the first worker listens at its address, every other one tells it its number, and all go on when the
first has heard from each.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from overparam_tf.distributed.tf_config import Cluster
from overparam_tf.errors import InputError, WorkerLostError

# After this long it is said who is awaited, and again as often.
SECONDS_OF_SILENCE = 10.0
SECONDS_BETWEEN_TRIES = 0.2
_LONGEST_LINE = 10_000
# What the first line of a worker says, unlike that of others who may come to the port.
GREETING = "overparam_tf"


def meet(cluster: Cluster, report: Callable[[str], object], timeout: float) -> None:
    """Return when every worker of a cluster is there.

    Args:
        cluster: The cluster.
        report: Called with a line that says who is awaited.
        timeout: Seconds after which it is given up.

    Raises:
        InputError: If the address of this worker is taken, two workers have the same number, or the
            workers name different clusters.
        WorkerLostError: If a worker has not come in time.
    """
    patience = _Patience(cluster, report, timeout)
    with _bound(cluster) as listener:
        if cluster.number == 0:
            _Host(cluster, listener, patience).wait()
        else:
            listener.close()
            _Guest(cluster, patience).wait()


class _Patience:
    """How long others are awaited; says whom."""

    def __init__(self, cluster: Cluster, report: Callable[[str], object], timeout: float):
        self._cluster, self._report, self._timeout = cluster, report, timeout
        self._began = time.monotonic()
        self._next_line = self._began + SECONDS_OF_SILENCE

    def is_time_to_speak(self) -> bool:
        """Return whether it was silent for long enough; if so, the silence begins again."""
        if time.monotonic() < self._next_line:
            return False
        self._next_line = time.monotonic() + SECONDS_OF_SILENCE
        return True

    def say(self, numbers: list[int]) -> None:
        """Report who is awaited."""
        self._report(f"Waiting for {self.names(numbers)}.")

    def check(self, numbers: list[int]) -> None:
        """Raise a `WorkerLostError` if the time is over."""
        if time.monotonic() - self._began >= self._timeout:
            raise WorkerLostError(
                f"Expected {self.names(numbers)} within {self._timeout:g} s. Received: nothing; "
                "start all workers, each with its own index in TF_CONFIG"
            )

    def names(self, numbers: list[int]) -> str:
        """Return workers in words, at most ten of them."""
        words = [f"worker {number} ({self._cluster.addresses[number]})" for number in numbers[:10]]
        more = [f"{len(numbers) - 10} more"] if len(numbers) > 10 else []
        return ", ".join(words + more)


class _Host:
    """The first worker, to which the others come."""

    def __init__(self, cluster: Cluster, listener: socket.socket, patience: _Patience):
        self._cluster, self._listener, self._patience = cluster, listener, patience
        self._guests: dict[int, tuple[str, socket.socket]] = {}

    def wait(self) -> None:
        """Wait for all others, and let them go on."""
        try:
            while missing := self._missing():
                self._patience.check(missing)
                if self._patience.is_time_to_speak():
                    self._patience.say(missing)
                    for _, guest in self._guests.values():
                        _send(guest, {"waiting": missing})
                with contextlib.suppress(TimeoutError):
                    guest, _ = self._listener.accept()
                    self._receive(guest)
                self._forget_those_who_left()
            for _, guest in self._guests.values():
                _send(guest, {"go": True})
        except WorkerLostError as error:
            for _, guest in self._guests.values():
                _send(guest, {"lost": str(error)})
            raise
        finally:
            for _, guest in self._guests.values():
                guest.close()

    def _missing(self) -> list[int]:
        return [n for n in range(1, len(self._cluster.addresses)) if n not in self._guests]

    def _forget_those_who_left(self) -> None:
        """Wait again for guests that were killed meanwhile."""
        for number, (_, guest) in list(self._guests.items()):
            guest.setblocking(False)
            try:
                has_left = not guest.recv(1)
            except BlockingIOError:
                has_left = False
            except OSError:
                has_left = True
            if has_left:
                guest.close()
                del self._guests[number]

    def _receive(self, guest: socket.socket) -> None:
        """Take in a guest, or end the meeting for all if it does not belong."""
        guest.settimeout(2.0)
        words = _read(guest)
        if words is None or words.get("greeting") != GREETING:  # such as a health check
            guest.close()
            return
        number = words.get("number")
        fault = None
        if words.get("cluster") != _digest(self._cluster):
            fault = "the same addresses in the TF_CONFIG of every worker"
        elif number == 0:
            fault = "a different index in the TF_CONFIG of every worker, not 0 twice"
        elif number in self._guests and self._guests[number][0] != words.get("name"):
            fault = f"a different index in the TF_CONFIG of every worker, not {number} twice"
        if fault is None and type(number) is int and number in range(len(self._cluster.addresses)):
            if number in self._guests:  # it came again
                self._guests[number][1].close()
            self._guests[number] = str(words.get("name")), guest
            return
        fault = fault or "the number of a worker"
        for _, other in [*self._guests.values(), ("", guest)]:
            _send(other, {"fault": fault})
        guest.close()
        raise _fault(fault, self._cluster)


class _Guest:
    """A worker that comes to the first one."""

    def __init__(self, cluster: Cluster, patience: _Patience):
        self._cluster, self._patience, self._name = cluster, patience, uuid.uuid4().hex

    def wait(self) -> None:
        """Come to the first worker, again and again, until it lets this one go on."""
        while not self._came():
            self._patience.check([0])
            if self._patience.is_time_to_speak():
                self._patience.say([0])
            time.sleep(SECONDS_BETWEEN_TRIES)

    def _came(self) -> bool:
        host, _, port = self._cluster.addresses[0].rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=2.0) as chief:
                words = {"greeting": GREETING, "cluster": _digest(self._cluster)}
                number = self._cluster.number
                _send(chief, {**words, "number": number, "name": self._name})
                return self._is_let_go(chief)
        except (OSError, UnicodeError):
            return False

    def _is_let_go(self, chief: socket.socket) -> bool:
        chief.settimeout(SECONDS_OF_SILENCE * 3)
        while True:
            answer = _read(chief)
            if answer is None:
                return False
            if "fault" in answer:
                raise _fault(str(answer["fault"]), self._cluster)
            if "lost" in answer:
                raise WorkerLostError(str(answer["lost"]))
            if answer.get("go"):
                return True
            missing = [number for number in answer.get("waiting", []) if type(number) is int]
            self._patience.check(missing)
            self._patience.say(missing)


@contextlib.contextmanager
def _bound(cluster: Cluster) -> Iterator[socket.socket]:
    """Open a block with a socket that listens at the port of this worker.

    Raises:
        InputError: If the port is taken.
    """
    _, _, port = cluster.own_address.rpartition(":")
    try:
        listener = _listener(int(port))
    except OSError as error:
        raise InputError(
            f"Expected a free port for {cluster.own_address}, the address of this worker (number "
            f"{cluster.number}) in TF_CONFIG. Received: {error.strerror}; does another worker have "
            "the same index?"
        ) from None
    with listener:
        listener.settimeout(SECONDS_BETWEEN_TRIES)
        yield listener


def _listener(port: int) -> socket.socket:
    """Return a socket that listens at a port, by IPv6 too where there is that."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise
    return socket.create_server(("", port), backlog=128)


def _digest(cluster: Cluster) -> str:
    return hashlib.sha256(" ".join(cluster.addresses).encode()).hexdigest()


def _fault(fault: str, cluster: Cluster) -> InputError:
    return InputError(
        f"Expected {fault}. Received: index of worker {cluster.number}, "
        f"addresses {', '.join(cluster.addresses)[:300]}"
    )


def _send(peer: socket.socket, words: dict[str, Any]) -> None:
    """Send a line; a peer that is gone is missed later."""
    with contextlib.suppress(OSError):
        peer.sendall(json.dumps(words).encode() + b"\n")


def _read(peer: socket.socket) -> dict[str, Any] | None:
    """Return what a line says, or None if the peer sends something else or nothing."""
    content = b""
    try:
        while not content.endswith(b"\n") and len(content) <= _LONGEST_LINE:
            letter = peer.recv(1)
            if not letter:
                return None
            content += letter
        words = json.loads(content)
    except (OSError, ValueError):
        return None
    return words if isinstance(words, dict) else None
