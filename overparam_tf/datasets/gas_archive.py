"""The download of UCI 270 from its publisher, checked against known checksums."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from overparam_tf.datasets.fetch import download, place, unzip
from overparam_tf.datasets.gas_files import batch_files
from overparam_tf.errors import DataError

URL = (
    "https://archive.ics.uci.edu/static/public/270/"
    "gas+sensor+array+drift+dataset+at+different+concentrations.zip"
)
# Recorded by several unrelated public projects that pin the archive; README.md names them.
ARCHIVE_SHA256 = "98fe3a30981a222dd4518fbcc3dddd45d5c0ce9b03ef6dc6fe5cf7a04cfbff5e"
# Of the ethanol lines of each file, see `ethanol_sha256`; README.md says how they were made.
ETHANOL_SHA256 = {
    "batch1.dat": "805e8a6d102ac707c7c5605b73e01344130773c3b6cdb77b91a338b92783316b",
    "batch2.dat": "3dda1bb0fd0158bc880e4efebb1bd79f3386ac61fd60bc61c91094bd1a4fb3ea",
    "batch3.dat": "bc2f5d6a280bed9aca437b2178b9e0396f929be13407615d29bb0c286eb68584",
    "batch4.dat": "afdf298b1c7845c4196809544bc6ea381aaae53bd015beb1939805becd6434ad",
    "batch5.dat": "fcd65e5b3140165bcd3147eba1afda631ad9f6330a6aad83aa8c3fb319f94112",
    "batch6.dat": "d61746148f06035ba3856edce90a2364a69d758b33d46dd9ade9ac0d34323c24",
    "batch7.dat": "3e7050d3bb3b565b19fcd156480d0ebd6c5fbe64d9c15f6452d4a1f4b519428a",
    "batch8.dat": "573434e79f3fe554266564f58d722474c5d1497d4cf02a6966775d6a63d74416",
    "batch9.dat": "035ef436d506cf1ab18899a4a4e558151634e6e800497550362909d39b8ae5b2",
    "batch10.dat": "9e4258c7f6e350fb017913ed65db2038309e8753f9f3031d4d8cbd4aa4472433",
}


def download_gas(
    target: Path,
    announce: Callable[[str], None],
    *,
    url: str = URL,
    seconds: float = 60.0,
    schemes: Collection[str] = ("https",),
) -> None:
    """Download the ten batch files into the folder `target`: all of them, checked, or none.

    An archive with the recorded checksum is accepted as it is. Should the publisher pack the same
    files again, the ethanol rows decide, and the announced line says that the other five gases went
    unchecked.

    Args:
        target: New folder; its parent is made too.
        announce: Called with one line when the files are there.
        url: Address of the archive.
        seconds: Limit on the download in seconds; default 60.
        schemes: Allowed schemes, see `download`.

    Raises:
        DataError: If the download, the archive or its contents are not what was expected. The line
            names the address and says what to do instead.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as temporary:
            archive, folder = Path(temporary, "archive.zip"), Path(temporary, "unpacked")
            digest = download(url, archive, seconds=seconds, schemes=schemes)
            folder.mkdir()
            unzip(archive, folder, ETHANOL_SHA256)
            checked = "checksum as recorded"
            if digest != ARCHIVE_SHA256:
                check_ethanol(folder)
                checked = (
                    f"packed again, sha256 {digest}: ethanol rows as known, other gases unchecked"
                )
            _place_once(folder, target)
    except OSError as error:
        raise DataError(
            f"Could not write to {target.parent}: {error.strerror}. {_advice(target)}"
        ) from None
    except DataError as error:
        raise DataError(f"{error} {_advice(target)}") from None
    announce(f"Downloaded the gas sensor data, for research use only, to {target} ({checked}).")


def check_ethanol(folder: Path) -> None:
    """Check that every batch file in a folder holds the known ethanol rows.

    Raises:
        DataError: If one does not.
    """
    for name, expected in ETHANOL_SHA256.items():
        digest = ethanol_sha256(folder / name)
        if digest != expected:
            raise DataError(
                f"Checksum mismatch: Expected sha256 {expected} of the ethanol rows of {name}. "
                f"Received: {digest}."
            )


def ethanol_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's ethanol lines, stripped and sorted.

    It is that of `grep '^1;' FILE | sed 's/[[:space:]]*$//' | LC_ALL=C sort | sha256sum`: sorted,
    because the published order of the rows of batches 7 and 10 was not known when the checksums
    were made.
    """
    lines = sorted(
        line.rstrip() for line in path.read_bytes().splitlines() if line.startswith(b"1;")
    )
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()


def _place_once(folder: Path, target: Path) -> None:
    try:
        place(folder, target)
    except DataError:
        # Another process may have been faster, with files as good as these.
        if not batch_files(target):
            raise


def _advice(target: Path) -> str:
    return f"Put batch1.dat .. batch10.dat into {target} or set OVERPARAM_TF_DATA to their folder."
