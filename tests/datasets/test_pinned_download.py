"""Downloads from a web server on this machine: whole and under the final name, or not at all."""

import gc
import hashlib
from dataclasses import replace

import numpy as np
import pytest

from overparam_tf.datasets import gas, load, load_mnist, mnist, pinned_download
from overparam_tf.datasets.pinned_download import download_pinned
from overparam_tf.errors import DataError
from tests.datasets.digit_files import small_arrays, write_npz
from tests.datasets.lines import write_batches, write_zip

# pooch leaves the socket of a failed download to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:.*<socket:pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(autouse=True)
def collected_sockets():
    yield
    gc.collect(1)  # they are young


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def archive(tmp_path):
    """Return the content of an archive of ten batch files in a folder, beside another file."""
    write_batches(tmp_path / "published")
    return write_zip(
        tmp_path / "a.zip", tmp_path / "published", extra=[("README", "hello")]
    ).read_bytes()


def fetch_gas(site, archive, target, **options):
    options = {"sha256": sha256(archive), "wanted": gas.GAS.published} | options
    download_pinned(options.pop("url", None) or site.serve(archive), target=target, **options)


def test_the_files_of_an_archive_arrive_and_nothing_else(site, archive, tmp_path):
    fetch_gas(site, archive, tmp_path / "data" / "gas_sensor")
    arrived = {f.name: f.read_bytes() for f in (tmp_path / "data" / "gas_sensor").iterdir()}
    assert arrived == {f.name: f.read_bytes() for f in (tmp_path / "published").iterdir()}
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["gas_sensor"]


def test_a_single_file_arrives_through_a_redirect(site, tmp_path):
    content = bytes(range(256)) * 100
    url = site.redirect(site.serve(content, "/elsewhere"), "/digits.npz")
    download_pinned(url, sha256(content), tmp_path / "mnist", ["digits.npz"])
    assert (tmp_path / "mnist" / "digits.npz").read_bytes() == content


@pytest.mark.parametrize(
    ("page", "options", "message"),
    [
        (lambda site: site.announce_more(b"half"), {}, r"IncompleteRead\(4 bytes read, 100 more"),
        (lambda site: site.serve(bytes(200_000)), {}, r"more than the allowed 100000 bytes"),
        (lambda site: site.stream(bytes(200_000)), {}, r"more than the allowed 100000 bytes"),
        (lambda site: site.drip(), {"seconds": 0.2}, r"not complete after 0.2 s"),
        (lambda site: site.stall(), {"seconds": 0.1}, r"timed out"),
        (lambda site: site.url + "/nothing.zip", {}, r"server error 404 Not Found"),
        (lambda site: "http://127.0.0.1:1/closed.zip", {}, r"refused"),
        (lambda site: "nonsense", {}, r"Could not download nonsense"),
        (
            lambda site: site.serve(b"<html>Please log in</html>"),
            {},
            r"Expected .* sha256",
        ),
    ],
    ids="cut-short announced-large large slow stalled missing refused url html".split(),
)
def test_a_failed_download_is_one_line_and_leaves_no_trace(
    site, archive, tmp_path, monkeypatch, page, options, message
):
    monkeypatch.setattr(pinned_download, "MAX_BYTES", 100_000)
    url = page(site)
    with pytest.raises(DataError, match=message) as caught:
        fetch_gas(site, archive, tmp_path / "data" / "gas_sensor", url=url, **options)
    assert "\n" not in str(caught.value) and url in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_second_process_that_was_faster_is_no_error(site, archive, tmp_path):
    write_batches(tmp_path / "data" / "gas_sensor")
    fetch_gas(site, archive, tmp_path / "data" / "gas_sensor")
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["gas_sensor"]


def test_a_foreign_folder_in_the_way_is_an_error(site, archive, tmp_path):
    (tmp_path / "gas_sensor").mkdir()
    (tmp_path / "gas_sensor" / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="Could not move the data"):
        fetch_gas(site, archive, tmp_path / "gas_sensor")
    assert (tmp_path / "gas_sensor" / "thesis.tex").read_text() == "years of work"


def test_a_data_folder_that_is_a_file_is_an_error(site, archive, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(DataError, match="Could not write to"):
        fetch_gas(site, archive, tmp_path / "data" / "gas_sensor")


def test_load_downloads_into_the_data_folder(site, archive, tmp_path, monkeypatch):
    monkeypatch.delenv("OVERPARAM_TF_DATA", raising=False)
    site_of_gas = replace(gas.GAS, url=site.serve(archive), sha256=sha256(archive))
    monkeypatch.setattr(gas, "GAS", site_of_gas)
    notes = []
    problem = load("gas", data_dir=tmp_path / "data", preprocessing="none", announce=notes.append)
    again = load("gas", data_dir=tmp_path / "data", preprocessing="none", download=False)
    np.testing.assert_array_equal(problem.x, again.x)
    assert len(notes) == 1 and "for research use only" in notes[0]


def test_load_mnist_downloads_into_the_data_folder(site, tmp_path, monkeypatch):
    monkeypatch.delenv("OVERPARAM_TF_DATA", raising=False)
    write_npz(tmp_path / "published", small_arrays())
    content = (tmp_path / "published" / "mnist.npz").read_bytes()
    url = site.serve(content, "/mnist.npz")
    monkeypatch.setattr(mnist, "MNIST", replace(mnist.MNIST, url=url, sha256=sha256(content)))
    quiet = {"announce": lambda line: None}
    digits = load_mnist("mnist", data_dir=tmp_path / "data", **quiet)
    again = load_mnist("mnist", data_dir=tmp_path / "data", download=False, **quiet)
    assert digits.checksum == again.checksum


def test_a_failed_download_says_what_to_do(site, tmp_path, monkeypatch):
    monkeypatch.delenv("OVERPARAM_TF_DATA", raising=False)
    monkeypatch.setattr(mnist, "MNIST", replace(mnist.MNIST, url=f"{site.url}/nothing.npz"))
    with pytest.raises(DataError, match=r"nothing.npz: server error 404 .* set OVERPARAM_TF_DATA"):
        load_mnist("mnist", data_dir=tmp_path / "data")
