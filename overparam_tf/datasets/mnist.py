"""MNIST: the published images of handwritten digits, or a generated stand-in for them."""

from __future__ import annotations

import os
from pathlib import Path

from overparam_tf.checks import whole_number
from overparam_tf.datasets.digits import Digits
from overparam_tf.datasets.font_digits import synthetic_digits
from overparam_tf.datasets.mnist_files import NPZ, differences, mnist_files, read_mnist
from overparam_tf.datasets.search import Announce, DataSet, find_files, origin
from overparam_tf.errors import DataError, InputError
from overparam_tf.messages import print_to_stderr

MNIST = DataSet(
    name="mnist",
    title="MNIST",
    content=f"the four idx files of MNIST or {NPZ}",
    subfolder="mnist",
    subfolders=("MNIST/raw", "raw", "mnist/MNIST/raw", "MNIST", "gzip"),
    suffixes=(".npz",),
    files_in=mnist_files,
    published=(NPZ,),
    url=f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{NPZ}",
    # Recorded in keras.datasets.mnist.
    sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)
CITATION = "MNIST (Y. LeCun, C. Cortes, C. J. C. Burges), from NIST Special Databases 1 and 3"


def load_mnist(
    name_or_path: str | os.PathLike = "auto",
    *,
    seed: int = 0,
    data_dir: str | os.PathLike = "data",
    download: bool = True,
    announce: Announce = print_to_stderr,
) -> Digits:
    """Load MNIST, or a synthetic stand-in of its size, as uint8 arrays.

    The files are looked for in the same order as those of `load`: at the path, if one is given, and
    nowhere else; in the folder named by the environment variable OVERPARAM_TF_DATA, if it is set,
    and nowhere else; in `data_dir`; and with Keras, by a download of mnist.npz into
    `data_dir`/mnist. A folder may hold the files itself or in a subfolder mnist or, as torchvision
    has them, MNIST/raw: the four published idx files, gzipped or not, else mnist.npz with integers
    of any type and images with or without a channel axis, else mnist_train.csv and mnist_test.csv
    of Kaggle. EMNIST's digits are read under EMNIST's names.

    Args:
        name_or_path: "mnist" for the published images; "synthetic" for the generated stand-in;
            "auto" (default) for "mnist" where that is to be had, else "synthetic", announced by one
            line; or the path of a folder or of an npz file.
        seed: Seed of the synthetic stand-in; default 0.
        data_dir: Folder for downloads, relative to the working directory; default "data".
        download: Whether a download may be tried; default True.
        announce: Called with each line that the user should see; default prints it to standard
            error.

    Returns:
        Digits named "mnist", "mnist-like" or "synthetic-digits". "mnist" has the published content,
        byte for byte; other files in its format, such as a part of it or Fashion-MNIST, are
        "mnist-like", and an announced line says so.

    Raises:
        DataError: If the path does not exist, no data are to be had, or a file is not in its
            format.
        InputError: If another argument is unusable.

    Example:
        >>> load_mnist("synthetic")
        Digits(SYNTHETIC stand-in digits (60000 + 10000))
    """
    seed = whole_number("seed", seed)
    files = find_files(MNIST, name_or_path, data_dir=data_dir, download=download, announce=announce)
    return _from_files(files, announce) if files else _synthetic(seed)


def _from_files(files: list[Path], announce: Announce) -> Digits:
    arrays = read_mnist(files)
    name, provenance = "mnist", f"{origin(files)}: {CITATION}"
    different = differences(arrays)
    if different:
        name = "mnist-like"
        provenance = (
            f"{origin(files)}: in the format of MNIST, but with other {', '.join(different)}"
        )
    try:
        digits = Digits(name, **arrays, provenance=provenance, synthetic=False)
    except InputError as error:
        raise DataError(f"{origin(files)}: {error}") from None
    if different:
        announce(f"Note: {provenance}; called {name}.")
    return digits


def _synthetic(seed: int) -> Digits:
    arrays = synthetic_digits(seed=seed)
    provenance = (
        f"generated from seed {seed} by overparam_tf.datasets.synthetic_digits, not measured"
    )
    return Digits("synthetic-digits", *arrays, provenance=provenance, synthetic=True)
