"""Bounded downloads, checked zip archives and atomic placement, of any data set.

A checked download takes three steps: `download` to a temporary folder, `unzip` beside it, `place`
under the final name. Whatever fails, the final name never holds a part of the data.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from overparam_tf.errors import DataError

MAX_BYTES = 64 << 20
_CHUNK = 1 << 16
# The errors that zipfile raises on damaged archives (ValueError: names that are no UTF-8).
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
_STALL_SECONDS = 10.0  # a download ends after this time without a connection or a byte


def download(
    url: str,
    target: Path,
    *,
    max_bytes: int = MAX_BYTES,
    seconds: float = 60.0,
    schemes: Collection[str] = ("https",),
) -> str:
    """Download a file and return its SHA-256 (hex).

    Args:
        url: Address of the file.
        target: File to write.
        max_bytes: Larger files are refused, by their announced and by their real size; default 64
            MiB.
        seconds: Limit on the whole download, checked between reads; default 60. A read waits 10 s
            at most.
        schemes: Allowed schemes of the address and of every redirect; default https alone. Tests
            with a server on this machine allow "http"; nothing else should.

    Raises:
        DataError: If the scheme is another, there is no connection, the server reports an error, or
            the file is too large, too slow, or cut short.
    """
    _check_scheme(url, schemes)
    request = urllib.request.Request(url, headers={"User-Agent": "overparam_tf"})
    opener = urllib.request.build_opener(_CheckedRedirects(schemes))
    deadline = time.monotonic() + seconds
    digest, received = hashlib.sha256(), 0
    try:
        with (
            opener.open(request, timeout=min(seconds, _STALL_SECONDS)) as reply,
            open(target, "wb") as file,
        ):
            announced = reply.length  # None if the server does not say
            if announced is not None and announced > max_bytes:
                raise DataError(f"{url} has {announced} bytes, more than the allowed {max_bytes}.")
            # read1 waits at most once, so that the deadline is checked in time.
            while chunk := reply.read1(_CHUNK):
                received += len(chunk)
                if received > max_bytes:
                    raise DataError(f"{url} has more than the allowed {max_bytes} bytes.")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not complete after {seconds:g} s ({received} bytes came)")
                digest.update(chunk)
                file.write(chunk)
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(
            f"Could not download {url}: server error {error.code} {error.reason}."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split())
        raise DataError(f"Could not download {url}: {reason}.") from None
    if announced is not None and received != announced:
        raise DataError(
            f"The download of {url} was cut short: {received} of {announced} bytes came."
        )
    return digest.hexdigest()


def unzip(
    archive: Path, folder: Path, wanted: Collection[str], *, max_bytes: int = 4 * MAX_BYTES
) -> None:
    """Unpack exactly the wanted files from a zip archive, from any of its folders.

    Args:
        archive: The zip file.
        folder: Existing folder for the files, which are flushed to disk under their base names.
        wanted: Base names; each must be there once. Other members are not unpacked.
        max_bytes: Limit on the unpacked size of all wanted files together, counted while unpacking;
            default 256 MiB.

    Raises:
        DataError: If the archive is damaged or none, a member leaves the folder or is a link, or a
            wanted file is missing, there twice, encrypted, neither stored nor deflated, or too
            large when unpacked.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            left = max_bytes
            for name, member in _wanted_members(source, wanted).items():
                left -= _unpack(source, member, folder / name, left)
    except DataError:
        raise
    except ZIP_DAMAGE as error:
        raise DataError(
            f"{archive.name} is no zip archive or a damaged one: {error!s:.100}."
        ) from None
    except OSError as error:
        raise DataError(f"Could not unpack {archive.name} to {folder}: {error.strerror}.") from None


def open_member(source: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member that can be read in pieces of bounded size.

    Only stored and deflated ones can: of bzip2 and LZMA, zipfile unpacks every compressed chunk as
    a whole, and a kilobyte may hold a gigabyte.

    Raises:
        BadZipFile: If it is packed by another method. Like `zipfile.ZipFile.open` it may raise any
            of ZIP_DAMAGE.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile(f"{member.filename!r:.100} is neither stored nor deflated")
    return source.open(member)


def place(folder: Path, target: Path) -> None:
    """Give a finished folder its final name in one step, and flush the renaming to disk.

    Raises:
        DataError: If `target` exists and is not an empty folder, or the renaming is refused.
    """
    try:
        _flush(folder)
        os.rename(folder, target)
        _flush(target.parent)
    except OSError as error:
        raise DataError(f"Could not move the data to {target}: {error.strerror}.") from None


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, schemes: Collection[str]) -> None:
        self._schemes = schemes

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        try:
            _check_scheme(newurl, self._schemes)
        except DataError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str, schemes: Collection[str]) -> None:
    if urllib.parse.urlsplit(url).scheme not in schemes:
        raise DataError(f"Only {', '.join(schemes)} addresses are downloaded. Received: {url}")


def _wanted_members(source: zipfile.ZipFile, wanted: Collection[str]) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in source.infolist():
        _check_member(member)
        name = PurePosixPath(member.filename).name
        if name in wanted and not member.is_dir():
            if name in members:
                raise DataError(f"The archive holds {name} twice.")
            members[name] = member
    missing = sorted(set(wanted) - set(members))
    if missing:
        raise DataError(f"The archive lacks {', '.join(missing)}.")
    return members


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise DataError(f"The archive has a member that would leave its folder: {name!r:.100}.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(f"The archive has a link, which is not unpacked: {name!r:.100}.")


def _unpack(source: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, max_bytes: int) -> int:
    """Write one member to a file and return its size, counted, since the announced one can lie."""
    size = 0
    with open_member(source, member) as stream, open(path, "xb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise DataError(
                    "The archive unpacks to more than the allowed size, "
                    f"at {member.filename!r:.100}."
                )
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size


def _flush(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened for flushing
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
