import hashlib
from dataclasses import replace

import numpy as np
import pytest

from overparam_tf.datasets import load_mnist, mnist, mnist_archive, mnist_files
from overparam_tf.datasets.mnist_archive import download_mnist
from overparam_tf.errors import DataError
from tests.datasets.digit_files import KEYS, small_arrays, write_idx, write_npz


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return a small mnist.npz that counts as Keras's one."""
    arrays = write_npz(tmp_path / "published", small_arrays())
    content = (tmp_path / "published" / "mnist.npz").read_bytes()
    monkeypatch.setattr(mnist_archive, "NPZ_SHA256", hashlib.sha256(content).hexdigest())
    known = {name: mnist_files.idx_sha256(array) for name, array in arrays.items()}
    monkeypatch.setattr(mnist_files, "SHA256", known)
    return content


def fetch(site, content, target, announce=lambda line: None):
    download_mnist(target, announce, url=site.serve(content, "/mnist.npz"), schemes=("http",))


def repacked(folder, **changes):
    np.savez(
        folder / "other.npz",
        **{**{KEYS[name]: array for name, array in small_arrays().items()}, **changes},
    )
    return (folder / "other.npz").read_bytes()


def test_the_file_arrives_under_its_final_name_and_nothing_else(site, published, tmp_path):
    notes = []
    fetch(site, published, tmp_path / "data" / "mnist", notes.append)
    assert (tmp_path / "data" / "mnist" / "mnist.npz").read_bytes() == published
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["mnist"]
    assert len(notes) == 1 and "checksum as recorded" in notes[0]


def test_a_repacked_file_is_accepted_by_its_content_with_a_note(site, published, tmp_path):
    notes = []
    fetch(site, repacked(tmp_path), tmp_path / "data" / "mnist", notes.append)
    assert len(notes) == 1 and "images and labels as published" in notes[0]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda tmp, good: repacked(tmp, y_test=np.zeros(10, np.uint8)),
            r"Expected sha256 .* other test_y\.",
        ),
        (
            lambda tmp, good: repacked(tmp, x_test=np.array([{}], object)),
            r"not in the format of mnist.npz",
        ),
        (lambda tmp, good: good[:-9], r"not in the format of mnist.npz"),
        (
            lambda tmp, good: b"<html>Please log in</html>",
            r"Checksum mismatch: .* not in the format",
        ),
    ],
    ids=["content", "pickle", "truncated", "html"],
)
def test_a_bad_file_leaves_no_trace_and_says_what_to_do(site, published, tmp_path, spoil, message):
    with pytest.raises(DataError, match=message) as caught:
        fetch(site, spoil(tmp_path, published), tmp_path / "data" / "mnist")
    assert "set OVERPARAM_TF_DATA" in str(caught.value) and "\n" not in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_failed_download_names_the_address_and_leaves_no_trace(site, tmp_path):
    with pytest.raises(
        DataError, match=rf"{site.url}/nothing.npz: server error 404 .* Put mnist.npz or"
    ):
        download_mnist(
            tmp_path / "data" / "mnist", print, url=f"{site.url}/nothing.npz", schemes=("http",)
        )
    assert list((tmp_path / "data").iterdir()) == []


def test_a_second_process_that_was_faster_is_no_error(site, published, tmp_path):
    write_idx(tmp_path / "data" / "mnist", small_arrays())
    fetch(site, published, tmp_path / "data" / "mnist")
    assert len(list((tmp_path / "data" / "mnist").iterdir())) == 4


def test_a_foreign_folder_in_the_way_is_an_error(site, published, tmp_path):
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    (tmp_path / "data" / "mnist" / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="Could not move the data"):
        fetch(site, published, tmp_path / "data" / "mnist")


def test_a_data_folder_that_is_a_file_is_an_error(site, published, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(DataError, match="Could not write to"):
        fetch(site, published, tmp_path / "data" / "mnist")


def test_load_mnist_downloads_into_the_data_folder(site, published, tmp_path, monkeypatch):
    monkeypatch.delenv("OVERPARAM_TF_DATA", raising=False)
    fetch_here = lambda target, announce: fetch(site, published, target, announce)  # noqa: E731
    monkeypatch.setattr(mnist, "MNIST", replace(mnist.MNIST, download=fetch_here))
    digits = load_mnist("mnist", data_dir=tmp_path / "data", announce=lambda line: None)
    again = load_mnist("mnist", data_dir=tmp_path / "data", download=False)
    assert digits.name == "mnist" and digits.checksum == again.checksum
