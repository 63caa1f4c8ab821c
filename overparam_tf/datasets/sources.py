"""`load`: where a problem's data is looked for, in which order, and what happens when there is none."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from overparam_tf.datasets.gas import batch_files, check_gas, read_gas
from overparam_tf.datasets.gas_archive import ETHANOL_SHA256, download_gas
from overparam_tf.datasets.preprocessing import check_preprocessing, preprocess
from overparam_tf.datasets.problem import Problem
from overparam_tf.datasets.synthetic import synthetic_gas
from overparam_tf.errors import DataError

NAMES = ("auto", "gas", "synthetic")
VARIABLE = "OVERPARAM_TF_DATA"
SUBFOLDER = "gas_sensor"
CITATION = (
    "UCI 270, Gas Sensor Array Drift at Different Concentrations (Vergara et al. 2012, "
    "doi 10.1016/j.snb.2012.01.074; Rodriguez-Lujan et al. 2014), research use only"
)


def print_to_stderr(line: str) -> None:
    """Print one line to standard error."""
    print(line, file=sys.stderr)


def load(
    name_or_path: str | os.PathLike = "auto",
    *,
    gas: str = "ethanol",
    preprocessing: str = "zscore",
    seed: int = 0,
    data_dir: str | os.PathLike = "data",
    download: bool = True,
    announce: Callable[[str], None] = print_to_stderr,
) -> Problem:
    """Load the gas sensor problem, or a synthetic stand-in, as float64 arrays.

    The search order for the batch files is: the path if one is given, and nothing else; the folder
    named by the environment variable OVERPARAM_TF_DATA if that is set, and nothing else; data_dir;
    a download from the publisher into data_dir/gas_sensor. A folder may hold the files itself or in a
    subfolder gas_sensor.

    Args:
        name_or_path: "gas" for the measured data; "synthetic" for the generated stand-in; "auto"
            (default) for "gas" if it can be had, else "synthetic" with one announced line; anything
            else is the path of a folder with batch1.dat, batch2.dat, ... or of one such file.
        gas: "ethanol" (default), "ethylene", "ammonia", "acetaldehyde", "acetone" or "toluene".
        preprocessing: "zscore" (default), "minmax" or "none", for x and y alike.
        seed: seed of the synthetic stand-in.
        data_dir: folder for downloads, relative to the working directory.
        download: whether a download may be tried.
        announce: called with one line for everything the user should know; default: standard error.

    Returns:
        A Problem named "gas-GAS" or "synthetic-gas".

    Raises:
        DataError: unknown gas, no such path, no data to be had, or files not in the published format.
        InputError: unknown preprocessing.

    Example:
        >>> load("synthetic")
        Problem(SYNTHETIC stand-in synthetic-gas (2565 x 128, zscore))
    """
    check_gas(gas)
    check_preprocessing(preprocessing)
    if name_or_path == "synthetic":
        return _synthetic(seed, preprocessing)
    if name_or_path not in NAMES:
        return _measured(_files_at(Path(name_or_path).expanduser()), gas, preprocessing, announce)
    files = _local_files(Path(data_dir))
    if not files:
        try:
            files = _downloaded_files(Path(data_dir), download, announce)
        except DataError as error:
            if name_or_path == "gas":
                raise
            announce(f"WARNING: no measured data, using a SYNTHETIC stand-in instead. {error}")
            return _synthetic(seed, preprocessing)
    return _measured(files, gas, preprocessing, announce)


def _files_at(path: Path) -> list[Path]:
    if path.is_file() and path.suffix == ".dat":
        return [path]
    if not path.exists():
        raise DataError(
            f"Expected {', '.join(NAMES)}, or the path of a folder or .dat file. "
            f"Received: {path}, which does not exist."
        )
    if files := _files_in(path):
        return files
    raise DataError(
        f"Expected a folder with batch1.dat, batch2.dat, ... or a .dat file. Received: {path}"
    )


def _local_files(data_dir: Path) -> list[Path]:
    if not (named := os.environ.get(VARIABLE)):
        return _files_in(data_dir)
    if files := _files_in(Path(named).expanduser()):
        return files
    raise DataError(
        f"{VARIABLE} must name a folder with batch1.dat, batch2.dat, ... (or with a subfolder {SUBFOLDER} "
        f"that holds them). Received: {named}. Correct it or unset it."
    )


def _files_in(folder: Path) -> list[Path]:
    return batch_files(folder) or batch_files(folder / SUBFOLDER)


def _downloaded_files(
    data_dir: Path, download: bool, announce: Callable[[str], None]
) -> list[Path]:
    target = data_dir / SUBFOLDER
    if not download:
        raise DataError(
            f"No batch files in {target}, and no download was asked for: "
            f"put batch1.dat .. batch10.dat there or set {VARIABLE}."
        )
    download_gas(target, announce)
    return batch_files(target)


def _measured(
    files: list[Path], gas: str, preprocessing: str, announce: Callable[[str], None]
) -> Problem:
    if missing := [name for name in ETHANOL_SHA256 if name not in {file.name for file in files}]:
        announce(
            f"Note: the published data set has also {', '.join(missing)}; not in {files[0].parent}."
        )
    x, y = preprocess(*read_gas(files, gas), preprocessing)
    where = files[0] if len(files) == 1 else f"{len(files)} files in {files[0].parent}"
    return Problem(f"gas-{gas}", x, y, f"{where}: {CITATION}", preprocessing, synthetic=False)


def _synthetic(seed: int, preprocessing: str) -> Problem:
    x, y = preprocess(*synthetic_gas(seed=seed), preprocessing)
    provenance = f"generated from seed {seed} by overparam_tf.datasets.synthetic_gas, not measured"
    return Problem("synthetic-gas", x, y, provenance, preprocessing, synthetic=True)
