import ast
import sys
from pathlib import Path

import numpy as np
import pytest

import overparam_tf.datasets
from overparam_tf.datasets import load, search
from overparam_tf.errors import DataError, InputError
from tests.datasets.lines import write_batch, write_batches


@pytest.fixture(autouse=True)
def no_variable_and_no_network(request, monkeypatch):
    def refuse(*arguments):
        raise DataError("Could not download https://publisher: no network.")

    if "real_data" not in request.fixturenames:
        monkeypatch.delenv("OVERPARAM_TF_DATA", raising=False)
    monkeypatch.setattr(search, "download_pinned", refuse)


def raw(name, **options):
    return load(name, preprocessing="none", **options)


@pytest.mark.parametrize("inside", ["", "gas_sensor"])
@pytest.mark.parametrize("way", ["path", "variable", "data_dir"])
def test_every_place_is_found_with_and_without_the_subfolder(tmp_path, monkeypatch, way, inside):
    x, y = write_batches(tmp_path / inside)
    if way == "variable":
        monkeypatch.setenv("OVERPARAM_TF_DATA", str(tmp_path))
    place = {"data_dir": tmp_path} if way == "data_dir" else {"data_dir": tmp_path / "none"}
    problem = raw(tmp_path if way == "path" else "auto", **place)
    np.testing.assert_array_equal(problem.x, x)
    np.testing.assert_array_equal(problem.y, y)
    assert (problem.name, problem.synthetic) == ("gas-ethanol", False)


def test_the_order_is_path_then_variable_then_data_folder(tmp_path, monkeypatch):
    values = {
        place: write_batches(tmp_path / place, seed=seed)[0] for seed, place in enumerate("abc")
    }
    monkeypatch.setenv("OVERPARAM_TF_DATA", str(tmp_path / "b"))
    assert (raw(tmp_path / "a", data_dir=tmp_path / "c").x == values["a"]).all()
    assert (raw("gas", data_dir=tmp_path / "c").x == values["b"]).all()
    monkeypatch.setenv("OVERPARAM_TF_DATA", "")
    assert (raw("gas", data_dir=tmp_path / "c").x == values["c"]).all()


def test_one_file_is_enough_and_the_rest_is_noted(tmp_path):
    notes = []
    problem = raw(str(write_batch(tmp_path, 2)), announce=notes.append)
    assert problem.rows == 1 and "batch2.dat: UCI 270" in problem.provenance
    assert len(notes) == 1 and "batch1.dat, batch3.dat" in notes[0]


def test_a_complete_folder_is_loaded_without_a_word(tmp_path):
    notes = []
    write_batches(tmp_path)
    raw(tmp_path, announce=notes.append)
    assert notes == []


def test_auto_falls_back_to_the_stand_in_with_one_loud_line(tmp_path, capsys):
    problem = load(data_dir=tmp_path)
    assert problem.label == "SYNTHETIC stand-in synthetic-gas (2565 x 128, zscore)"
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert "WARNING" in printed.err and "SYNTHETIC" in printed.err and "no network" in printed.err


def test_auto_without_download_says_where_to_put_the_files(tmp_path):
    notes = []
    assert load(data_dir=tmp_path, download=False, announce=notes.append).synthetic
    assert len(notes) == 1 and str(tmp_path / "gas_sensor") in notes[0]


@pytest.mark.parametrize("download", [True, False])
def test_gas_is_real_data_or_an_error(tmp_path, download):
    with pytest.raises(DataError, match="no network" if download else "no download was asked for"):
        load("gas", data_dir=tmp_path, download=download)


@pytest.mark.parametrize("name", ["auto", "gas"])
def test_a_variable_that_names_no_data_is_an_error_even_for_auto(tmp_path, monkeypatch, name):
    write_batches(tmp_path / "data")
    monkeypatch.setenv("OVERPARAM_TF_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(
        DataError, match=r"Expected OVERPARAM_TF_DATA to name a folder .* Received: .*nowhere"
    ):
        load(name, data_dir=tmp_path / "data")


def test_bad_files_are_an_error_even_for_auto(tmp_path):
    write_batch(tmp_path, 1, ["1;nonsense"])
    with pytest.raises(
        DataError, match=r"Expected CLASS;CONCENTRATION first in .*batch1.dat, line 1"
    ):
        load("auto", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("nowhere", {}, DataError, "Expected auto, gas, synthetic, or .* nowhere, which does not"),
        (".", {}, DataError, r"Expected auto, .* a folder with batch1.dat, .* Received: \.$"),
        (
            "notes.txt",
            {},
            DataError,
            "Expected auto, .* a folder with batch1.dat, .* Received: notes.txt$",
        ),
        ("auto", {"gas": "radon"}, DataError, "one of .* for gas. Received: gas='radon'"),
        ("synthetic", {"gas": "radon"}, DataError, "one of .* for gas. Received: gas='radon'"),
        (
            "auto",
            {"preprocessing": "raw"},
            InputError,
            "one of .* for preprocessing. Received: preprocessing='raw'",
        ),
        ("synthetic", {"seed": -1}, InputError, "Expected an integer >= 0 for seed"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, name, options, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(error, match=message) as caught:
        load(name, **options)
    assert "\n" not in str(caught.value)


def test_the_seed_reaches_the_stand_in_and_its_provenance():
    assert load("synthetic", seed=3).checksum != load("synthetic").checksum
    assert "seed 3" in load("synthetic", seed=3).provenance


def test_real_data_has_the_known_conditioning_and_starting_loss(real_data):
    problem = load("gas")
    assert problem.label == "gas-ethanol (2565 x 128, zscore)"
    np.testing.assert_allclose(np.linalg.cond(problem.x) ** 2, 5.038e9, rtol=1e-3)
    np.testing.assert_allclose(np.mean(problem.y**4) / 4, 1.3925, rtol=1e-4)


def test_the_package_needs_few_others():
    package = Path(overparam_tf.datasets.__file__).parent
    # What it needs of the library, besides itself.
    shared = ("errors", "checks", "memory", "messages")
    ours = ("overparam_tf.datasets", *(f"overparam_tf.{name}" for name in shared))
    allowed = sys.stdlib_module_names | {"numpy", "__future__"}
    needs = {
        "font_digits.py": {"matplotlib", "PIL", "scipy"},
        "pinned_download.py": {"pooch", "requests"},
    }
    # A name is that of a module, or of a folder of them.
    modules = [package.parent / f"{name}.py" for name in shared]
    theirs = [file for module in modules for file in module.parent.glob(f"{module.stem}/*.py")]
    theirs += [module for module in modules if module.exists()]
    assert len(theirs) >= len(shared)
    for file in [*package.glob("*.py"), *theirs]:
        own = needs.get(file.name, set())
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] in allowed | own or name.startswith(ours), (
                    f"{file.name} imports {name}"
                )
