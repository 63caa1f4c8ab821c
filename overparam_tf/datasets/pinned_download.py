"""Downloads by pooch against a pinned checksum: all files under their final name, or none."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from overparam_tf.errors import DataError, words_of

if TYPE_CHECKING:
    import requests

MAX_BYTES = 64 << 20
SECONDS = 60.0
STALL_SECONDS = 10.0  # a download ends after this time without a connection or a byte


def download_pinned(
    url: str, sha256: str, target: Path, wanted: Collection[str], *, seconds: float = SECONDS
) -> None:
    """Download a file, or a zip archive of files, into a new folder: checked, or not at all.

    Args:
        url: Address of the file or archive.
        sha256: Its SHA-256 (hex). Other content is refused, so that an archive holds what its
            publisher put into it.
        target: New folder; its parent is made too. A folder that another process has made
            meanwhile is left as it is if it holds the wanted files.
        wanted: Names of the files: that of the address, or those in the archive, which may stand
            in any of its folders.
        seconds: Limit on the whole download, checked at each kilobyte; default 60. Nothing waits
            longer than 10 s for the server, and 64 MiB at most are taken.

    Raises:
        DataError: If there is no connection, the server reports an error, the file is too large,
            too slow, cut short or another one, or the folder cannot be written.
    """
    # Imported here, since measured data in place need no download.
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as temporary:
            folder = Path(temporary, target.name)
            folder.mkdir()
            name = url.rpartition("/")[2]
            limits = _Limits(seconds)
            downloader = pooch.HTTPDownloader(
                progressbar=limits, timeout=min(seconds, STALL_SECONDS)
            )
            file = Path(
                pooch.retrieve(
                    url, f"sha256:{sha256}", fname=name, path=temporary, downloader=downloader
                )
            )
            _collect(file, folder, wanted)
            _place(folder, target, wanted)
    except DataError:
        raise
    except requests.RequestException as error:
        raise DataError(f"Could not download {url}: {_reason(error)}.") from None
    except _LimitError as error:
        raise DataError(f"Could not download {url}: {error}.") from None
    except OSError as error:
        raise DataError(f"Could not write to {target.parent}: {error.strerror}.") from None
    except ValueError:  # pooch's, of another checksum
        raise DataError(
            f"Expected a file with sha256 {sha256} at {url}. Received: another one."
        ) from None


class _LimitError(Exception):
    """A download that is too long or too large."""


class _Limits:
    """What pooch takes for a progress bar: it ends a download that is too long or too large."""

    total = 0

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._received = 0

    def update(self, size: int) -> None:
        self._received += size
        if max(self.total, self._received) > MAX_BYTES:
            raise _LimitError(f"it has more than the allowed {MAX_BYTES} bytes")
        if time.monotonic() > self._deadline:
            raise _LimitError(f"not complete after {self._seconds:g} s")

    def reset(self) -> None:
        self._received = 0

    def close(self) -> None:
        """Do nothing: nothing is drawn."""


def _reason(error: requests.RequestException) -> str:
    """Return the cause of an error of requests, which wraps those of urllib3, in one line."""
    if error.response is not None:
        return f"server error {error.response.status_code} {error.response.reason}"
    cause = error.args[0] if error.args else error
    return words_of(getattr(cause, "reason", cause), 200)


def _collect(file: Path, folder: Path, wanted: Collection[str]) -> None:
    """Put the wanted files into a folder, from a zip archive or as the file itself."""
    if file.name in wanted:
        os.replace(file, folder / file.name)
        return
    with zipfile.ZipFile(file) as archive:
        for member in archive.namelist():
            name = Path(member).name
            if name in wanted:
                (folder / name).write_bytes(archive.read(member))


def _place(folder: Path, target: Path, wanted: Collection[str]) -> None:
    """Give a finished folder its final name in one step."""
    try:
        os.rename(folder, target)
    except OSError as error:
        # Another process may have been faster, with files as good as these.
        if not all((target / name).is_file() for name in wanted):
            raise DataError(f"Could not move the data to {target}: {error.strerror}.") from None
