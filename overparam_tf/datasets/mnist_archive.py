"""The download of Keras's mnist.npz, checked against known checksums."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from overparam_tf.datasets.fetch import download, place
from overparam_tf.datasets.mnist_files import NPZ, differences, mnist_files, read_mnist
from overparam_tf.errors import DataError

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
# Recorded in keras.datasets.mnist.
NPZ_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def download_mnist(
    target: Path,
    announce: Callable[[str], None],
    *,
    url: str = URL,
    seconds: float = 60.0,
    schemes: Collection[str] = ("https",),
) -> None:
    """Download mnist.npz into the folder `target`: checked, or not at all.

    A file with the recorded checksum is accepted as it is; one that was packed again, if its four
    arrays are those of the published idx files.

    Args:
        target: New folder; its parent is made too.
        announce: Called with one line when the file is there.
        url: Address of the file.
        seconds: Limit on the download in seconds; default 60.
        schemes: Allowed schemes, see `download`.

    Raises:
        DataError: If the download, the file or its contents are not what was expected. The line
            names the address and says what to do instead.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as temporary:
            folder = Path(temporary, target.name)
            folder.mkdir()
            digest = download(url, folder / NPZ, seconds=seconds, schemes=schemes)
            checked = "checksum as recorded"
            if digest != NPZ_SHA256:
                _check_content(folder / NPZ, digest)
                checked = f"packed again, sha256 {digest}: images and labels as published"
            _place_once(folder, target)
    except OSError as error:
        raise DataError(
            f"Could not write to {target.parent}: {error.strerror}. {_advice(target)}"
        ) from None
    except DataError as error:
        raise DataError(f"{error} {_advice(target)}") from None
    announce(f"Downloaded MNIST to {target} ({checked}).")


def _check_content(file: Path, digest: str) -> None:
    expected = (
        f"Checksum mismatch: Expected sha256 {NPZ_SHA256} of {NPZ}, or the published images and "
        "labels in it."
    )
    try:
        arrays = read_mnist([file])
    except DataError:
        raise DataError(
            f"{expected} Received: sha256 {digest}, not in the format of {NPZ}."
        ) from None
    different = differences(arrays)
    if different:
        raise DataError(f"{expected} Received: sha256 {digest}, other {', '.join(different)}.")


def _place_once(folder: Path, target: Path) -> None:
    try:
        place(folder, target)
    except DataError:
        # Another process may have been faster, with a file as good as this.
        if not mnist_files(target):
            raise


def _advice(target: Path) -> str:
    return (
        f"Put {NPZ} or the four idx files into {target} or set OVERPARAM_TF_DATA to their folder."
    )
