"""The search for a data set: path, environment variable, folder, download, stand-in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from overparam_tf.checks import boolean, file_path, function, resolve
from overparam_tf.datasets.pinned_download import download_pinned
from overparam_tf.errors import DataError, one_line

VARIABLE = "OVERPARAM_TF_DATA"
Announce = Callable[[str], None]


@dataclass(frozen=True)
class DataSet:
    """A measured data set, as far as the search for its files is concerned.

    Attributes:
        name: The name that asks for it, such as "gas".
        title: What messages call it.
        content: The files in a folder of it, in words.
        subfolder: The name of its own folder within a data folder.
        subfolders: Further folders within a data folder in which people have its files.
        suffixes: The suffixes of a single file that can be given in place of a folder.
        files_in: Function that returns its files in a folder; none if there are none.
        published: Names of the published files.
        url: Address of a download: of the published file, or of a zip archive of them.
        sha256: Its checksum, without which nothing is accepted.
        terms: The publisher's terms in words; default none.
    """

    name: str
    title: str
    content: str
    subfolder: str
    subfolders: tuple[str, ...]
    suffixes: tuple[str, ...]
    files_in: Callable[[Path], list[Path]]
    published: tuple[str, ...]
    url: str
    sha256: str
    terms: str = ""

    @property
    def folder(self) -> str:
        """Return the words for a folder that holds the data set."""
        return f"a folder with {self.content} (or with a subfolder {self.subfolder} of them)"


def find_files(
    data_set: DataSet,
    name_or_path: str | os.PathLike,
    *,
    data_dir: str | os.PathLike,
    download: bool,
    announce: Announce,
) -> list[Path]:
    """Return the files of a data set, or an empty list where its stand-in takes their place.

    The first of these that applies decides:

    - `name_or_path` is "synthetic": the stand-in.
    - `name_or_path` is a path: the files there, and nothing else.
    - The environment variable OVERPARAM_TF_DATA is set: the files in its folder, and nothing else.
    - `data_dir` holds the files, itself or in the subfolder.
    - They can be downloaded into the subfolder of `data_dir`.
    - `name_or_path` is "auto": the stand-in, announced by one line that starts with WARNING.

    Args:
        data_set: The data set.
        name_or_path: "auto", the data set's name, "synthetic", or the path of a folder or file.
        data_dir: Folder for downloads.
        download: Whether a download may be tried.
        announce: Called with each line that the user should see.

    Returns:
        The files in the order in which they are read.

    Raises:
        DataError: If the path or the folder of the variable holds no data, or if nothing but
            measured data will do and there are none.
        InputError: If an argument is of another type.
    """
    path = resolve("name_or_path", name_or_path, Path, "a name or a path")
    folder = file_path("data_dir", data_dir)
    boolean("download", download)
    function("announce", announce)
    if name_or_path == "synthetic":
        return []
    if name_or_path not in ("auto", data_set.name):
        return _files_at(data_set, path)
    files = _local_files(data_set, folder)
    if files:
        return files
    try:
        return _downloaded_files(data_set, folder, download, announce)
    except DataError as error:
        if name_or_path == data_set.name:
            raise
        announce(f"WARNING: no {data_set.title}, using a SYNTHETIC stand-in instead. {error}")
        return []


def origin(files: list[Path]) -> str:
    """Return where files are, in words: the path of a single one, else their number and folder."""
    return str(files[0]) if len(files) == 1 else f"{len(files)} files in {files[0].parent}"


def _files_at(data_set: DataSet, path: Path) -> list[Path]:
    """Return the files at a path given by the user."""
    # Functions of os.path, as those of Path raise errors for names that are too long.
    path = Path(os.path.expanduser(path))
    if path.suffix.lower() in data_set.suffixes and os.path.isfile(path):
        return [path]
    exists = os.path.exists(path)
    ending = "" if exists else ", which does not exist"
    files = _files_in(data_set, path) if exists else []
    if files:
        return files
    raise DataError(
        f"Expected auto, {data_set.name}, synthetic, or the path of {data_set.folder} or of a "
        f"{data_set.suffixes[0]} file. Received: {one_line(str(path), 200)}{ending}"
    )


def _local_files(data_set: DataSet, data_dir: Path) -> list[Path]:
    """Return the files in the folder of the variable, or, where it is not set, in `data_dir`."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return _files_in(data_set, data_dir)
    files = _files_in(data_set, Path(os.path.expanduser(folder)))
    if files:
        return files
    raise DataError(
        f"Expected {VARIABLE} to name {data_set.folder}. Received: {one_line(folder, 200)}. "
        "Correct it or unset it"
    )


def _files_in(data_set: DataSet, folder: Path) -> list[Path]:
    """Return the files in a folder, or in the first of the subfolders that has them."""
    for subfolder in ("", data_set.subfolder, *data_set.subfolders):
        files = data_set.files_in(folder / subfolder)
        if files:
            return files
    return []


def _downloaded_files(
    data_set: DataSet, data_dir: Path, download: bool, announce: Announce
) -> list[Path]:
    folder = data_dir / data_set.subfolder
    if not download:
        raise DataError(
            f"Expected {data_set.content} in {folder}. Received: none, and no download was asked "
            f"for. Put them there or set {VARIABLE}"
        )
    try:
        download_pinned(data_set.url, data_set.sha256, folder, data_set.published)
    except DataError as error:
        raise DataError(
            f"{error} Put {data_set.content} into {folder} or set {VARIABLE} to their folder."
        ) from None
    terms = f", {data_set.terms}," if data_set.terms else ""
    announce(f"Downloaded {data_set.title}{terms} to {folder} (checksum as recorded).")
    return data_set.files_in(folder)
