import gzip

import numpy as np
import pytest

from overparam_tf.datasets.gas_files import GASES, batch_files, batch_names, read_gas
from overparam_tf.errors import DataError
from tests.datasets.lines import line, write_batch, write_batches, write_zip

GOOD = line()


def test_rows_come_back_in_file_order_of_numbers_not_of_names(tmp_path):
    x, y = write_batches(tmp_path)
    read = read_gas(batch_files(tmp_path))
    np.testing.assert_array_equal(read[0], x)
    np.testing.assert_array_equal(read[1], y)


@pytest.mark.parametrize(("gas", "number"), GASES.items())
def test_each_gas_has_its_class(tmp_path, gas, number):
    path = write_batch(tmp_path, 1, [line(n, ppm=str(100 + n)) for n in range(1, 7)])
    assert read_gas([path], gas)[1].tolist() == [[100.0 + number]]


# What people and their programs do to a file, without changing what it says.
AS_PEOPLE_HAVE_THEM = {
    "tabs": lambda text: text.replace(" ", "\t").encode(),
    "two blanks": lambda text: text.replace(" ", "  ").encode(),
    "blank lines": lambda text: f"\n{text}\n \t\n{text}\r\n\r\n".encode(),
    "a byte order mark": lambda text: text.encode("utf-8-sig"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "all of it": lambda text: gzip.compress(
        f"\n{text.replace(' ', chr(9) * 2)}".encode("utf-8-sig")
    ),
}


@pytest.mark.parametrize("way", AS_PEOPLE_HAVE_THEM)
def test_files_are_read_as_people_have_them(tmp_path, way):
    path = tmp_path / "batch1.dat"
    path.write_bytes(AS_PEOPLE_HAVE_THEM[way](GOOD))
    x, y = read_gas([path])
    assert (x == np.arange(1, 129) / 8).all() and (y == 10).all()


def test_gzipped_files_and_the_archive_are_found(tmp_path):
    folder = tmp_path / "plain"
    x, y = write_batches(folder)
    for path in folder.iterdir():
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    write_zip(tmp_path / "zipped" / "gas+sensor.zip", folder)
    (tmp_path / "zipped" / "other.zip").write_bytes(b"PK")
    for place in (tmp_path, tmp_path / "zipped"):
        read = read_gas(batch_files(place))
        np.testing.assert_array_equal(read[0], x)
        np.testing.assert_array_equal(read[1], y)
    assert batch_names(batch_files(tmp_path / "zipped")) == {f"batch{n}.dat" for n in range(1, 11)}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b"PK"), "each once. Received: none of them"),
        (
            lambda path: write_zip(path, path.parent, extra=[("b/batch1.dat", GOOD)]),
            "each once. Received: Dataset/batch1.dat, b/batch1.dat",
        ),
        (
            lambda path: write_zip(path, path.parent, "", extra=[("batch2.dat", "1;nonsense")]),
            r"CLASS;CONCENTRATION first in batch2.dat of .*a.zip, line 1",
        ),
    ],
)
def test_a_bad_archive_is_named(tmp_path, spoil, message):
    write_batch(tmp_path, 1)
    spoil(tmp_path / "a.zip")
    with pytest.raises(DataError, match=message) as caught:
        read_gas([tmp_path / "a.zip"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_matter(tmp_path, end):
    path = write_batch(tmp_path, 1, [GOOD, GOOD.rstrip()], end)
    assert read_gas([path])[0].shape == (2, 128)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (GOOD.replace("1;", "", 1), r"Expected CLASS;CONCENTRATION first. Received: '10.000000'"),
        (
            GOOD.replace("1;", "one;", 1),
            r"Expected CLASS;CONCENTRATION first. Received: 'one;10.000000'",
        ),
        (line(ppm="nan"), r"Expected a finite concentration. Received: nan"),
        (line(ppm="inf"), r"Expected a finite concentration. Received: inf"),
        (line(0), r"Expected a class from 1 to 6. Received: 0"),
        (line(7), r"Expected a class from 1 to 6. Received: 7"),
        (line("0" * 999 + "7"), r"Expected a class from 1 to 6. Received: 0{40}\.\.\."),
        (line(ppm="9" * 999), r"Expected a finite concentration. Received: 9{40}\.\.\."),
        (line("1.5"), r"Expected a class from 1 to 6. Received: 1.5"),
        (GOOD.rsplit(" ", 2)[0], r"Expected 128 features. Received: 127"),
        (GOOD + "129:1.0", r"Expected 128 features. Received: 129"),
        ("1;10.0", r"Expected 128 features. Received: 0"),
        (GOOD.replace(" 5:", " 6:"), r"Expected feature 5 as 5:VALUE. Received: '6:0.625000'"),
        (GOOD.replace(" 5:", " 5="), r"Expected feature 5 as 5:VALUE. Received: '5=0.625000'"),
        (GOOD.replace(" 5:", " 5;"), r"Expected feature 5 as 5:VALUE"),
        (GOOD.replace("5:0.625000", "5:"), r"Expected feature 5 as 5:VALUE. Received: '5:'"),
        (
            GOOD.replace("5:0.625000", "5:1.2.3"),
            r"Expected feature 5 as 5:VALUE. Received: '5:1.2.3'",
        ),
        (
            GOOD.replace("5:0.625000", "5:0x1p3"),
            r"Expected feature 5 as 5:VALUE. Received: '5:0x1p3'",
        ),
        (
            GOOD.replace("5:0.625000", "5:nan"),
            r"Expected a finite value of feature 5. Received: 'nan'",
        ),
        (
            GOOD.replace("5:0.625000", "5:-inf"),
            r"Expected a finite value of feature 5. Received: '-inf'",
        ),
        (
            GOOD.replace("5:0.625000", "5:1e999"),
            r"Expected a finite value of feature 5. Received: '1e999'",
        ),
        (GOOD.replace("5:0.625000", "5:1_0"), r"Expected `CLASS;CONCENTRATION 1:v ... 128:v`"),
        (GOOD.replace("1;", "1; ", 1), r"Expected CLASS;CONCENTRATION first. Received: '[14];'"),
        (GOOD + "9" * 20_000, r"Expected at most 16384 bytes. Received: 2\d{4} bytes"),
        (GOOD.replace("5:0", "5:é"), r"Expected plain text. Received: byte 0xc3"),
        (GOOD.replace("5:0", "5:\0"), r"Expected plain text. Received: byte 0x00"),
    ],
)
@pytest.mark.parametrize("gas", [1, 4], ids=["own", "other-gas"])
def test_a_bad_line_is_named_with_file_and_number(tmp_path, bad, message, gas):
    bad = bad.replace("1;", f"{gas};", 1) if bad.startswith("1;") else bad
    path = write_batch(tmp_path, 3, [GOOD, bad, GOOD])
    expected, _, received = message.partition(". Received")
    match = rf"^{expected} in .*batch3.dat, line 2. Received{received}"
    with pytest.raises(DataError, match=match) as caught:
        read_gas([path])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"Expected lines `CLASS;.* in .*batch1.dat. Received: an empty file"),
        (b"\n \n", r"Expected lines `CLASS;.* in .*batch1.dat. Received: an empty file"),
        (
            b"\x89PNG\r\n\x1a\n\0\0",
            r"Expected plain text in .*batch1.dat, line 1. Received: byte 0x89",
        ),
        ("1;10".encode("utf-16"), r"Expected plain text in .*, line 1. Received: byte 0xff"),
        ("\ufeff1;10".encode(), r"Expected 128 features in .*, line 1. Received: 0"),
        (line(2).encode(), r"Expected rows of ethanol in .*batch1.dat. Received: rows of ethylene"),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, message):
    path = tmp_path / "batch1.dat"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_gas([path])


def test_a_file_of_empty_lines_takes_no_table_of_them(tmp_path):
    """A table with a row for each of its 40 million lines would take 80 GB."""
    (tmp_path / "batch1.dat").write_bytes(b"\n" * 40_000_000 + b"1")
    with pytest.raises(
        DataError, match=r"Expected CLASS;CONCENTRATION first in .*batch1.dat, line 40000001"
    ):
        read_gas([tmp_path / "batch1.dat"])


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("overparam_tf.datasets.gas_files._MAX_FILE_BYTES", 1000)
    with pytest.raises(
        DataError, match=r"a batch file of at most 1000 bytes. Received: .*batch1.dat of \d+ bytes"
    ):
        read_gas([write_batch(tmp_path)])


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "folder"]
)
def test_what_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / "batch1.dat")
    with pytest.raises(DataError, match="no regular file"):
        read_gas([tmp_path / "batch1.dat"])


def test_an_unknown_gas_is_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"one of 'ethanol', .*'toluene' for gas. Received: gas='radon'"
    ):
        read_gas([write_batch(tmp_path)], "radon")


def test_only_batch_files_are_taken(tmp_path):
    for name in (
        "batch2.dat",
        "batch10.dat",
        "batch02.dat",
        "batch1.dat.bak",
        "abatch1.dat",
        "batch1.txt",
    ):
        (tmp_path / name).write_text("")
    assert [path.name for path in batch_files(tmp_path)] == ["batch2.dat", "batch10.dat"]


def test_an_unreadable_folder_is_named(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(DataError, match=r"Could not read .*: Permission denied"):
        batch_files(tmp_path)


def test_the_real_ethanol_rows_have_the_published_statistics(real_data):
    x, y = read_gas(batch_files(real_data))
    assert x.shape == (2565, 128)
    np.testing.assert_allclose(
        [y.mean(), y.std(ddof=1)], [114.95029239766082, 86.63749164182786], rtol=1e-14
    )
    counts = [len(read_gas([path])[0]) for path in batch_files(real_data)]
    assert counts == [90, 164, 365, 64, 28, 514, 649, 30, 61, 600]
