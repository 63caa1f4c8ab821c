"""`load_mnist`: where MNIST is looked for, in which order, and what happens when there is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from overparam_tf.datasets.digits import Digits
from overparam_tf.datasets.font_digits import synthetic_digits
from overparam_tf.datasets.mnist_archive import download_mnist
from overparam_tf.datasets.mnist_files import NPZ, differences, mnist_files, read_mnist
from overparam_tf.datasets.sources import VARIABLE, print_to_stderr
from overparam_tf.errors import DataError, InputError

NAMES = ("auto", "mnist", "synthetic")
SUBFOLDER = "mnist"
CITATION = "MNIST (Y. LeCun, C. Cortes, C. J. C. Burges), from NIST Special Databases 1 and 3"
_WANTED = f"a folder with the four idx files of MNIST or {NPZ} (or with a subfolder {SUBFOLDER} that holds them)"


def load_mnist(
    name_or_path: str | os.PathLike = "auto",
    *,
    seed: int = 0,
    data_dir: str | os.PathLike = "data",
    download: bool = True,
    announce: Callable[[str], None] = print_to_stderr,
) -> Digits:
    """Load MNIST, or a synthetic stand-in of its size, as uint8 arrays.

    The search order is that of `load`: the path if one is given, and nothing else; the folder named by the environment
    variable OVERPARAM_TF_DATA if that is set, and nothing else; data_dir; a download of Keras's mnist.npz into
    data_dir/mnist. A folder may hold the files itself or in a subfolder mnist: the four published idx files, gzipped
    or not, or else mnist.npz.

    Args:
        name_or_path: "mnist" for the measured data; "synthetic" for the generated stand-in; "auto" (default) for
            "mnist" if it can be had, else "synthetic" with one announced line; anything else is the path of a folder
            or of an npz file.
        seed: seed of the synthetic stand-in.
        data_dir: folder for downloads, relative to the working directory.
        download: whether a download may be tried.
        announce: called with one line for everything the user should know; default: standard error.

    Returns:
        Digits named "mnist", "mnist-like" or "synthetic-digits". "mnist" is content that equals the published one
        byte for byte; other files in its format, such as a part of it or Fashion-MNIST, are "mnist-like", with a note.

    Raises:
        DataError: no such path, no data to be had, or files not in their format.
        InputError: a seed that is no non-negative integer.

    Example:
        >>> load_mnist("synthetic")
        Digits(SYNTHETIC stand-in digits (60000 + 10000))
    """
    if name_or_path == "synthetic":
        return _synthetic(seed)
    if name_or_path not in NAMES:
        return _measured(_files_at(Path(name_or_path).expanduser()), announce)
    files = _local_files(Path(data_dir))
    if not files:
        try:
            files = _downloaded_files(Path(data_dir), download, announce)
        except DataError as error:
            if name_or_path == "mnist":
                raise
            announce(f"WARNING: no MNIST, using SYNTHETIC stand-in digits instead. {error}")
            return _synthetic(seed)
    return _measured(files, announce)


def _files_at(path: Path) -> list[Path]:
    if path.suffix == ".npz" and os.path.isfile(path):
        return [path]
    if files := _files_in(path):
        return files
    received = path if os.path.exists(path) else f"{path}, which does not exist."
    raise DataError(
        f"Expected {', '.join(NAMES)}, or the path of {_WANTED} or of an npz file. Received: {received}"
    )


def _local_files(data_dir: Path) -> list[Path]:
    if not (named := os.environ.get(VARIABLE)):
        return _files_in(data_dir)
    if files := _files_in(Path(named).expanduser()):
        return files
    raise DataError(f"{VARIABLE} must name {_WANTED}. Received: {named}. Correct it or unset it.")


def _files_in(folder: Path) -> list[Path]:
    return mnist_files(folder) or mnist_files(folder / SUBFOLDER)


def _downloaded_files(
    data_dir: Path, download: bool, announce: Callable[[str], None]
) -> list[Path]:
    target = data_dir / SUBFOLDER
    if not download:
        raise DataError(
            f"No MNIST in {target}, and no download was asked for: "
            f"put {NPZ} or the four idx files there or set {VARIABLE}."
        )
    download_mnist(target, announce)
    return mnist_files(target)


def _measured(files: list[Path], announce: Callable[[str], None]) -> Digits:
    arrays = read_mnist(files)
    where = files[0] if len(files) == 1 else f"{len(files)} files in {files[0].parent}"
    name, provenance = "mnist", f"{where}: {CITATION}"
    if different := differences(arrays):
        name, provenance = (
            "mnist-like",
            f"{where}: in the format of MNIST, but with other {', '.join(different)}",
        )
    try:
        digits = Digits(name, **arrays, provenance=provenance, synthetic=False)
    except InputError as error:
        raise DataError(f"{where}: {error}") from None
    if different:
        announce(f"Note: {provenance}; called {name}.")
    return digits


def _synthetic(seed: int) -> Digits:
    provenance = (
        f"generated from seed {seed} by overparam_tf.datasets.synthetic_digits, not measured"
    )
    return Digits(
        "synthetic-digits", *synthetic_digits(seed=seed), provenance=provenance, synthetic=True
    )
