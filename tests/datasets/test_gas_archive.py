import hashlib
from dataclasses import replace

import numpy as np
import pytest

from overparam_tf.datasets import gas, gas_archive, load
from overparam_tf.datasets.gas_archive import download_gas, ethanol_sha256
from overparam_tf.errors import DataError
from tests.datasets.lines import line, write_batch, write_batches, write_zip


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return ten small files that count as the published ones, and their archive."""
    folder = tmp_path / "published"
    write_batches(folder)
    archive = write_zip(tmp_path / "good.zip", folder)
    monkeypatch.setattr(
        gas_archive, "ARCHIVE_SHA256", hashlib.sha256(archive.read_bytes()).hexdigest()
    )
    known = {f"batch{n}.dat": ethanol_sha256(folder / f"batch{n}.dat") for n in range(1, 11)}
    monkeypatch.setattr(gas_archive, "ETHANOL_SHA256", known)
    return folder, archive


def fetch(site, archive, target, announce=lambda line: None, **options):
    url = site.serve(archive.read_bytes())
    download_gas(target, announce, url=url, schemes=("http",), **options)


def test_the_files_arrive_under_their_final_name_and_nothing_else(site, published, tmp_path):
    folder, archive = published
    notes = []
    fetch(site, archive, tmp_path / "data" / "gas_sensor", notes.append)
    arrived = {f.name: f.read_bytes() for f in (tmp_path / "data" / "gas_sensor").iterdir()}
    assert arrived == {f.name: f.read_bytes() for f in folder.iterdir()}
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["gas_sensor"]
    assert len(notes) == 1 and "checksum as recorded" in notes[0]


def test_a_repacked_archive_is_accepted_by_its_ethanol_rows_with_a_note(site, published, tmp_path):
    folder, _ = published
    notes = []
    repacked = write_zip(
        tmp_path / "repacked.zip", folder, prefix="elsewhere/", extra=[("README", "hello")]
    )
    fetch(site, repacked, tmp_path / "data" / "gas_sensor", notes.append)
    assert len(notes) == 1 and "other gases unchecked" in notes[0]


def changed_row(folder, archive):
    write_batch(folder, 4, [line(1, "11.000000")])
    return write_zip(archive, folder)


def rewritten(archive, content):
    archive.write_bytes(content)
    return archive


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (changed_row, r"Checksum mismatch: .*batch4.dat"),
        (
            lambda folder, archive: write_zip(archive, folder, skip=["batch7.dat"]),
            r"lacks batch7.dat",
        ),
        (
            lambda folder, archive: write_zip(archive, folder, extra=[("../x", "")]),
            r"would leave its folder",
        ),
        (lambda folder, archive: rewritten(archive, b"no zip"), r"no zip archive"),
        (lambda folder, archive: rewritten(archive, archive.read_bytes()[:-9]), r"no zip archive"),
    ],
    ids=["checksum", "missing-file", "escape", "no-zip", "truncated"],
)
def test_a_bad_archive_leaves_no_trace_and_says_what_to_do(
    site, published, tmp_path, spoil, message
):
    archive = spoil(*published)
    with pytest.raises(DataError, match=message) as caught:
        fetch(site, archive, tmp_path / "data" / "gas_sensor")
    assert "set OVERPARAM_TF_DATA" in str(caught.value) and "\n" not in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_second_process_that_was_faster_is_no_error(site, published, tmp_path):
    target = tmp_path / "data" / "gas_sensor"
    write_batches(target)
    fetch(site, published[1], target)
    assert len(list(target.iterdir())) == 10


def test_a_foreign_folder_in_the_way_is_an_error(site, published, tmp_path):
    (tmp_path / "data" / "gas_sensor").mkdir(parents=True)
    (tmp_path / "data" / "gas_sensor" / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="Could not move the data"):
        fetch(site, published[1], tmp_path / "data" / "gas_sensor")


def test_a_data_folder_that_is_a_file_is_an_error(site, published, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(DataError, match="Could not write to"):
        fetch(site, published[1], tmp_path / "data" / "gas_sensor")


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_the_ethanol_checksum_ignores_line_ends_order_and_other_gases(tmp_path, end):
    rows = [line(1, "20.000000"), line(1, "10.000000"), line(3)]
    path = write_batch(tmp_path, 1, rows, end)
    expected = "".join(f"{row.rstrip()}\n" for row in (rows[1], rows[0]))
    assert ethanol_sha256(path) == hashlib.sha256(expected.encode()).hexdigest()


def test_the_real_files_have_the_known_checksums(real_data):
    gas_archive.check_ethanol(real_data)


def test_load_downloads_into_the_data_folder(site, published, tmp_path, monkeypatch):
    monkeypatch.delenv("OVERPARAM_TF_DATA", raising=False)
    url = site.serve(published[1].read_bytes())
    fetch_here = lambda target, announce: download_gas(target, announce, url=url, schemes=("http",))  # noqa: E731
    monkeypatch.setattr(gas, "GAS", replace(gas.GAS, download=fetch_here))
    problem = load(
        "gas", data_dir=tmp_path / "data", preprocessing="none", announce=lambda line: None
    )
    again = load("gas", data_dir=tmp_path / "data", preprocessing="none", download=False)
    np.testing.assert_array_equal(problem.x, again.x)
