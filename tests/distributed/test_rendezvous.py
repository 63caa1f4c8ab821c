"""TF_CONFIG is refused in one line, and the workers that it names meet before TensorFlow waits."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from overparam_tf import InputError, WorkerLostError, get_strategy
from overparam_tf.distributed import rendezvous
from overparam_tf.distributed.rendezvous import meet
from overparam_tf.distributed.tf_config import Cluster
from tests.distributed.workers import free_ports

TWO = ["127.0.0.1:1", "127.0.0.1:2"]


def config(workers=TWO, kind="worker", index=0, **jobs):
    return {"cluster": {"worker": workers, **jobs}, "task": {"type": kind, "index": index}}


BAD = {
    "index out of range": (config(index=2), "from 0 to 1"),
    "negative index": (config(index=-1), "from 0 to 1"),
    "index as a text": (config(index="0"), "from 0 to 1"),
    "index null": (config(index=None), "from 0 to 1"),
    "index true": (config(index=True), "from 0 to 1"),
    "index 0.5": (config(index=0.5), "from 0 to 1"),
    "index a list": (config(index=[0]), "from 0 to 1"),
    "type ps": (config(kind="ps"), "one of"),
    "nonsense type": (config(kind=""), "one of"),
    "type null": (config(kind=None), "a text for the type"),
    "a parameter server": (config(ps=["127.0.0.1:3"]), "without"),
    "an evaluator": (config(evaluator=["127.0.0.1:3"]), "without"),
    "no port": (config(["a", "b:1"]), "not 'a'"),
    "empty port": (config(["a:", "b:1"]), "not 'a:'"),
    "port 0": (config(["a:0", "b:1"]), "not 'a:0'"),
    "port 99999": (config(["a:99999", "b:1"]), "not 'a:99999'"),
    "port with a sign": (config(["a:+1", "b:1"]), "not 'a:"),
    "no host": (config([":1", "b:1"]), "not ':1'"),
    "a URL": (config(["http://a:1", "b:1"]), "not 'http"),
    "a blank": (config(["a b:1", "b:1"]), "not 'a b:1'"),
    "a number": (config([1, 2]), "not 1"),
    "one address twice": (config(["a:1", "a:1"]), "a:1 twice"),
    "chief and worker alike": (config(["a:1", "b:1"], chief=["a:1"]), "a:1 twice"),
    "two chiefs": (config(chief=["c:1", "d:1"]), "one chief"),
    "addresses as a text": (config("a:1"), "a list of addresses"),
    "addresses as a mapping": (config({"0": "a:1"}), "a list of addresses"),
    "no workers": (config([]), "a list of addresses"),
    "cluster a list": ({"cluster": [], "task": {"type": "worker", "index": 0}}, "TF_CONFIG="),
    "task a text": ({"cluster": {"worker": TWO}, "task": "worker"}, "TF_CONFIG="),
    "deep nesting": ("[" * 100_000, "TF_CONFIG="),
    "a text": ('"worker"', "TF_CONFIG="),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_config_is_one_line(case, monkeypatch):
    content, expected = BAD[case]
    text = content if isinstance(content, str) else json.dumps(content)
    monkeypatch.setenv("TF_CONFIG", text)
    for kind in ("auto", "multiworker"):
        with pytest.raises(InputError) as caught:
            get_strategy(kind)
        line = str(caught.value)
        assert expected in line and "\n" not in line and len(line) < 800


def test_good_ones_are_read():
    text = json.dumps(config(["b:1", "[::1]:65535"], index=1, chief=["c:2"]))
    cluster = Cluster.parse(text)
    assert cluster.addresses == ("c:2", "b:1", "[::1]:65535")
    assert cluster.number == 2 and cluster.own_address == "[::1]:65535"


@pytest.fixture
def addresses(monkeypatch):
    monkeypatch.setattr(rendezvous, "SECONDS_OF_SILENCE", 0.3)
    return tuple(f"127.0.0.1:{port}" for port in free_ports(3))


def met(addresses, numbers, timeout=20.0, pauses=()):
    """Let workers meet; return what each raised or None, and their lines."""
    lines = {number: [] for number in numbers}

    def come(place):
        number = numbers[place]
        time.sleep(pauses[place] if pauses else 0)
        try:
            meet(Cluster(addresses, number), lines[number].append, timeout)
        except (InputError, WorkerLostError) as error:
            return error
        return None

    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(come, range(len(numbers)))), lines


def test_all_go_on_when_all_are_there(addresses):
    def disturb():
        host, _, port = addresses[0].rpartition(":")
        while True:
            try:
                with socket.create_connection((host, int(port)), timeout=1) as stranger:
                    stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    return
            except OSError:
                time.sleep(0.05)

    stranger = threading.Thread(target=disturb)
    stranger.start()
    errors, lines = met(addresses, (2, 0, 1), pauses=(0, 0.2, 1.2))
    stranger.join()
    assert errors == [None] * 3
    assert f"Waiting for worker 1 ({addresses[1]})." in lines[0]
    assert f"Waiting for worker 1 ({addresses[1]})." in lines[2]


def test_it_is_given_up_in_time_and_says_for_whom(addresses):
    errors, _ = met(addresses, (0, 2), timeout=1.0)
    for error in errors:
        assert isinstance(error, WorkerLostError)
        assert f"worker 1 ({addresses[1]}) within 1 s" in str(error)
    ((alone,), lines) = met(addresses, (1,), timeout=0.6)
    assert f"worker 0 ({addresses[0]})" in str(alone) and lines[1]


def test_both_workers_index_0(addresses):
    errors, _ = met(addresses, (0, 0), timeout=1.0)
    taken = [error for error in errors if isinstance(error, InputError)]
    assert len(taken) == 1 and "does another worker have the same index?" in str(taken[0])


def test_one_index_twice_on_two_machines(addresses, monkeypatch):
    # Their ports are those of two machines, so that only the first worker can tell.
    bound, calls = rendezvous._bound, []

    def anywhere(cluster):
        calls.append(cluster)
        if cluster.number == 0:
            return bound(cluster)
        port = free_ports(1)[0]
        return bound(Cluster(tuple(f"127.0.0.1:{port}" for _ in range(3)), cluster.number))

    monkeypatch.setattr(rendezvous, "_bound", anywhere)
    errors, _ = met(addresses, (0, 1, 1), timeout=5.0)
    assert all("not 1 twice" in str(error) for error in errors)


def test_workers_of_other_clusters_are_refused(addresses):
    others = (addresses[0], addresses[2], addresses[1])
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(met, addresses, (0,), 5.0),
            pool.submit(met, others, (1,), 5.0),
        ]
        errors = [error for job in jobs for error in job.result()[0]]
    assert all("the same addresses" in str(error) for error in errors)


def test_a_time_to_wait_is_positive():
    for timeout in (0, -1, float("nan"), "long", None):
        with pytest.raises(InputError, match="timeout"):
            get_strategy("cpu", timeout=timeout)
