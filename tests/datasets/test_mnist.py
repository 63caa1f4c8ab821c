import numpy as np
import pytest

from overparam_tf.datasets import load_mnist, mnist, mnist_files, search, synthetic_digits
from overparam_tf.datasets.mnist_files import NPZ_NAMES, read_mnist
from overparam_tf.errors import DataError, InputError
from tests.datasets.digit_files import (
    idx_bytes,
    small_arrays,
    write_csv,
    write_emnist,
    write_idx,
    write_npz,
)

# every way to put the data into a folder
FORMS = {
    "idx": write_idx,
    "idx.gz": lambda folder, arrays: write_idx(folder, arrays, end=".gz"),
    "dotted": lambda folder, arrays: write_idx(folder, arrays, "."),
    "dotted.gz": lambda folder, arrays: write_idx(folder, arrays, ".", ".gz"),
    "npz": write_npz,
    "npz of int64": lambda folder, arrays: write_npz(folder, arrays, change=np.int64),
    "npz with channels": lambda folder, arrays: write_npz(
        folder, arrays, change=lambda array: array[..., None]
    ),
    "npz with channels first": lambda folder, arrays: write_npz(
        folder, arrays, change=lambda array: array[:, None]
    ),
    "torchvision": lambda folder, arrays: write_idx(folder / "MNIST" / "raw", arrays),
    "folders of Kaggle": lambda folder, arrays: write_idx(folder, arrays, in_folders=True),
    "csv of Kaggle": write_csv,
    "csv of Fashion-MNIST": lambda folder, arrays: write_csv(folder, arrays, "fashion-mnist_"),
    "EMNIST": write_emnist,
    "EMNIST.gz": lambda folder, arrays: write_emnist(folder, arrays, end=".gz"),
}


@pytest.fixture(autouse=True)
def no_variable_no_network_and_few_digits(monkeypatch):
    def refuse(*arguments):
        raise DataError("Could not download https://publisher: no network.")

    monkeypatch.delenv("OVERPARAM_TF_DATA", raising=False)
    monkeypatch.setattr(search, "download_pinned", refuse)
    monkeypatch.setattr(mnist, "synthetic_digits", lambda seed: synthetic_digits(20, 10, seed))


def quiet(name="auto", **options):
    return load_mnist(name, announce=lambda line: None, **options)


def assert_holds(digits, arrays):
    for name, array in arrays.items():
        np.testing.assert_array_equal(getattr(digits, name), array)


@pytest.mark.parametrize("inside", ["", "mnist"])
@pytest.mark.parametrize("way", ["path", "variable", "data_dir"])
@pytest.mark.parametrize("form", FORMS)
def test_every_place_and_form_is_found(tmp_path, monkeypatch, way, inside, form):
    arrays = FORMS[form](tmp_path / inside, small_arrays())
    if way == "variable":
        monkeypatch.setenv("OVERPARAM_TF_DATA", str(tmp_path))
    place = {"data_dir": tmp_path} if way == "data_dir" else {"data_dir": tmp_path / "none"}
    digits = quiet(tmp_path if way == "path" else "mnist", **place)
    assert_holds(digits, arrays)
    assert not digits.synthetic and str(tmp_path) in digits.provenance


def test_the_order_is_path_then_variable_then_data_folder(tmp_path, monkeypatch):
    values = {
        place: write_npz(tmp_path / place, small_arrays(seed=seed))
        for seed, place in enumerate("abc")
    }
    monkeypatch.setenv("OVERPARAM_TF_DATA", str(tmp_path / "b"))
    assert_holds(quiet(tmp_path / "a", data_dir=tmp_path / "c"), values["a"])
    assert_holds(quiet(data_dir=tmp_path / "c"), values["b"])
    monkeypatch.setenv("OVERPARAM_TF_DATA", "")
    assert_holds(quiet(data_dir=tmp_path / "c"), values["c"])


def test_idx_files_go_before_npz_and_npz_before_some_idx_files(tmp_path):
    packed, plain = (
        write_npz(tmp_path, small_arrays(seed=1)),
        write_idx(tmp_path, small_arrays(seed=2)),
    )
    assert_holds(quiet(tmp_path), plain)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert_holds(quiet(tmp_path), packed)


@pytest.mark.parametrize("folder", ["mit Leerzeichen", "Übung 数字", "a'b\"c"])
def test_any_path_will_do_and_an_npz_file_may_have_any_name(tmp_path, folder):
    arrays = write_npz(tmp_path / folder, small_arrays(), "some digits.npz")
    assert_holds(quiet(str(tmp_path / folder / "some digits.npz")), arrays)
    write_idx(tmp_path / folder, arrays, end=".gz")
    assert_holds(quiet(tmp_path / folder), arrays)


def published(monkeypatch, arrays):
    known = {name: mnist_files.idx_sha256(array) for name, array in arrays.items()}
    monkeypatch.setattr(mnist_files, "SHA256", known)


@pytest.mark.parametrize("form", FORMS)
def test_published_content_is_mnist_without_a_word(tmp_path, monkeypatch, form):
    notes = []
    published(monkeypatch, FORMS[form](tmp_path, small_arrays()))
    digits = load_mnist(tmp_path, announce=notes.append)
    assert (digits.name, notes) == ("mnist", []) and "LeCun" in digits.provenance


def test_other_content_is_mnist_like_with_a_note(tmp_path, monkeypatch):
    notes = []
    published(monkeypatch, write_idx(tmp_path, small_arrays()))
    changed = small_arrays()["test_y"][::-1]
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(changed))
    digits = load_mnist(tmp_path, announce=notes.append)
    assert digits.label == "MNIST-like (20 + 10)" and "LeCun" not in digits.provenance
    assert len(notes) == 1 and "in the format of MNIST, but with other test_y" in notes[0]


def test_auto_falls_back_to_the_stand_in_with_one_loud_line(tmp_path, capsys):
    digits = load_mnist(data_dir=tmp_path)
    assert digits.label == "SYNTHETIC stand-in digits (20 + 10)" and digits.synthetic
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert "WARNING" in printed.err and "SYNTHETIC" in printed.err and "no network" in printed.err


def test_auto_without_download_says_where_to_put_the_files(tmp_path):
    notes = []
    assert load_mnist(data_dir=tmp_path, download=False, announce=notes.append).synthetic
    assert len(notes) == 1 and str(tmp_path / "mnist") in notes[0]


@pytest.mark.parametrize("download", [True, False])
def test_mnist_is_real_data_or_an_error(tmp_path, download):
    with pytest.raises(DataError, match="no network" if download else "no download was asked for"):
        load_mnist("mnist", data_dir=tmp_path, download=download)


@pytest.mark.parametrize("name", ["auto", "mnist"])
def test_a_variable_that_names_no_data_is_an_error_even_for_auto(tmp_path, monkeypatch, name):
    write_npz(tmp_path / "data", small_arrays())
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("OVERPARAM_TF_DATA", str(tmp_path / "empty"))
    with pytest.raises(
        DataError,
        match=r"Expected OVERPARAM_TF_DATA to name a folder .* Received: .*empty. Correct it",
    ):
        load_mnist(name, data_dir=tmp_path / "data")


def rewrite(file, content):
    return lambda folder: (folder / file).write_bytes(content)


LABELS = small_arrays()["train_y"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: (folder / "t10k-images-idx3-ubyte").unlink(),
            r"four idx files .* Missing: t10k-images-idx3",
        ),
        (
            rewrite("train-images-idx3-ubyte", idx_bytes(LABELS)),
            r"Expected the magic number .* in .*train-images-idx3-ubyte",
        ),
        (
            rewrite("train-labels-idx1-ubyte", b"PK"),
            r"Expected the magic number .* in .*train-labels-idx1-ubyte",
        ),
        (
            rewrite("train-labels-idx1-ubyte", idx_bytes(LABELS[:7])),
            r"files in .*: .* 20 images, 7 labels",
        ),
        (
            rewrite("train-labels-idx1-ubyte", idx_bytes(LABELS + 10)),
            r"files in .*: Expected labels from 0 to 9 for train_y",
        ),
        (
            rewrite("train-images-idx3-ubyte", idx_bytes(np.zeros((20, 28, 27), np.uint8))),
            r"files in .*: .* for train_x. Received: train_x.shape=\(20, 28, 27\)",
        ),
    ],
)
@pytest.mark.parametrize("name", ["auto", "path"])
def test_bad_files_are_one_clear_line_even_for_auto(tmp_path, spoil, message, name):
    write_idx(tmp_path, small_arrays())
    spoil(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        load_mnist(tmp_path if name == "path" else name, data_dir=tmp_path)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_two_parts_of_emnist_are_refused(tmp_path):
    write_emnist(tmp_path, small_arrays())
    write_emnist(tmp_path, small_arrays(), "emnist-mnist")
    with pytest.raises(
        DataError, match=r"one part of EMNIST .* Received: emnist-mnist, emnist-dig"
    ):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Expected rows of 785 numbers .* Received: none"),
        ("label,1x1\n", "Expected rows of 785 numbers .* Received: none"),
        ("1,2,3\n", "Expected 785 numbers, .* line 1. Received: 3"),
        (",".join(["1"] * 784 + ["256"]), "Expected whole numbers from 0 to 255"),
        (",".join(["1"] * 784 + ["-1"]), "Expected whole numbers from 0 to 255"),
        (",".join(["1"] * 784 + ["x"]), "Expected whole numbers from 0 to 255"),
        (",".join(["1"] * 784 + ["0.5"]), "Expected whole numbers from 0 to 255"),
        (",".join(["10"] + ["1"] * 784), "Expected labels from 0 to 9"),
    ],
)
def test_a_bad_csv_file_is_one_clear_line(tmp_path, content, message):
    write_csv(tmp_path, small_arrays())
    (tmp_path / "mnist_test.csv").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        load_mnist(tmp_path)
    assert "\n" not in str(caught.value)


def test_integers_beyond_bytes_are_refused(tmp_path):
    write_npz(tmp_path, {**small_arrays(), "train_y": np.full(20, 256)})
    with pytest.raises(DataError, match=r"whole numbers from 0 to 255 for y_train"):
        load_mnist(tmp_path)


def test_an_npz_file_without_one_array_is_named(tmp_path):
    arrays = small_arrays()
    del arrays["test_x"]
    write_npz(tmp_path, arrays)
    with pytest.raises(
        DataError, match=r"Expected the arrays x_train, .* in .*mnist.npz. Missing: x_test"
    ):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        (
            "nowhere",
            {},
            DataError,
            "Expected auto, mnist, synthetic, or the path .* nowhere, which does not exist",
        ),
        ("nowhere.npz", {}, DataError, "nowhere.npz, which does not exist"),
        (
            ".",
            {},
            DataError,
            r"Expected auto, .*four idx files of MNIST or mnist.npz .* Received: \.$",
        ),
        ("notes.txt", {}, DataError, "Expected auto, .* Received: notes.txt$"),
        ("a" * 5000, {}, DataError, "which does not exist"),
        ("a\0b", {}, DataError, "which does not exist"),
        (
            "synthetic",
            {"seed": -1},
            InputError,
            "Expected an integer >= 0 for seed. Received: seed=-1",
        ),
    ],
    ids=range(7),
)
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, name, options, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(error, match=message) as caught:
        load_mnist(name, **options)
    assert "\n" not in str(caught.value)


def test_the_seed_reaches_the_stand_in_and_its_provenance():
    assert quiet("synthetic", seed=3).checksum != quiet("synthetic").checksum
    assert "seed 3" in quiet("synthetic", seed=3).provenance


def test_the_real_images_and_labels_have_the_known_statistics(mnist):
    assert mnist.label == "MNIST (60000 + 10000)" and not mnist.synthetic
    assert np.bincount(mnist.train_y).tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]
    assert np.bincount(mnist.test_y).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    measured = [mnist.train_x.mean(), mnist.test_x.mean(), mnist.train_x.std() / 255]
    np.testing.assert_allclose(
        measured, [33.318421449829934, 33.791224489795916, 0.30810780385646264], rtol=1e-12
    )
    assert [len(part.y) for part in mnist.split()] == [55_000, 5_000, 10_000]


def test_the_real_arrays_survive_the_format_of_keras(mnist, tmp_path):
    arrays = {name: getattr(mnist, name) for name in NPZ_NAMES}
    np.savez(tmp_path / "mnist.npz", **{key: arrays[name] for name, key in NPZ_NAMES.items()})
    assert mnist_files.differences(read_mnist([tmp_path / "mnist.npz"])) == []
