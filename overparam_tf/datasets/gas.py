"""The gas sensor problem: the measured rows of one gas, or a generated stand-in for them."""

from __future__ import annotations

import os
from pathlib import Path

from overparam_tf.checks import one_of, whole_number
from overparam_tf.datasets.gas_files import batch_files, batch_names, check_gas, read_gas
from overparam_tf.datasets.gas_stand_in import synthetic_gas
from overparam_tf.datasets.preprocessing import PREPROCESSINGS, preprocess
from overparam_tf.datasets.problem import Problem
from overparam_tf.datasets.search import Announce, DataSet, find_files, origin
from overparam_tf.errors import DataError, InputError
from overparam_tf.messages import print_to_stderr

GAS = DataSet(
    name="gas",
    title="gas sensor data",
    content="batch1.dat, batch2.dat, ...",
    subfolder="gas_sensor",
    subfolders=("Dataset", "gas_sensor/Dataset"),
    suffixes=(".dat", ".gz", ".zip"),
    files_in=batch_files,
    published=tuple(f"batch{number}.dat" for number in range(1, 11)),
    url=(
        "https://archive.ics.uci.edu/static/public/270/"
        "gas+sensor+array+drift+dataset+at+different+concentrations.zip"
    ),
    # Recorded by several unrelated public projects that pin the archive; README.md names them.
    sha256="98fe3a30981a222dd4518fbcc3dddd45d5c0ce9b03ef6dc6fe5cf7a04cfbff5e",
    terms="for research use only",
)
CITATION = (
    "UCI 270, Gas Sensor Array Drift at Different Concentrations (Vergara et al. 2012, "
    "doi 10.1016/j.snb.2012.01.074; Rodriguez-Lujan et al. 2014), research use only"
)


def load(
    name_or_path: str | os.PathLike = "auto",
    *,
    gas: str = "ethanol",
    preprocessing: str = "zscore",
    seed: int = 0,
    data_dir: str | os.PathLike = "data",
    download: bool = True,
    announce: Announce = print_to_stderr,
) -> Problem:
    """Load the gas sensor problem, or its synthetic stand-in, as float64 arrays.

    The batch files are looked for in this order: at the path, if one is given, and nowhere else; in
    the folder named by the environment variable OVERPARAM_TF_DATA, if it is set, and nowhere else;
    in `data_dir`; and with the publisher, by a download into `data_dir`/gas_sensor. A folder may
    hold the files itself, gzipped or not, or the publisher's zip archive, or a subfolder gas_sensor
    or Dataset with them.

    Args:
        name_or_path: "gas" for the measured data; "synthetic" for the generated stand-in; "auto"
            (default) for "gas" where that is to be had, else "synthetic", announced by one line;
            or the path of a folder with batch1.dat, batch2.dat, ..., of one such file, or of the
            publisher's zip archive.
        gas: "ethanol" (default), "ethylene", "ammonia", "acetaldehyde", "acetone" or "toluene".
        preprocessing: "zscore" (default), "minmax" or "none", for x and y alike.
        seed: Seed of the synthetic stand-in; default 0.
        data_dir: Folder for downloads, relative to the working directory; default "data".
        download: Whether a download may be tried; default True.
        announce: Called with each line that the user should see; default prints it to standard
            error.

    Returns:
        A Problem named "gas-GAS" or "synthetic-gas".

    Raises:
        DataError: If the gas is unknown, the path does not exist, no data are to be had, or a file
            is not in the published format.
        InputError: If another argument is unusable.

    Example:
        >>> load("synthetic")
        Problem(SYNTHETIC stand-in synthetic-gas (2565 x 128, zscore))
    """
    check_gas(gas)
    one_of("preprocessing", preprocessing, PREPROCESSINGS)
    seed = whole_number("seed", seed)
    files = find_files(GAS, name_or_path, data_dir=data_dir, download=download, announce=announce)
    if files:
        return _measured(files, gas, preprocessing, announce)
    return _synthetic(seed, preprocessing)


def _measured(files: list[Path], gas: str, preprocessing: str, announce: Announce) -> Problem:
    x, y = preprocess(*read_gas(files, gas), preprocessing)
    provenance = f"{origin(files)}: {CITATION}"
    try:
        problem = Problem(f"gas-{gas}", x, y, provenance, preprocessing, synthetic=False)
    except InputError as error:
        raise DataError(
            f"Expected numbers in {origin(files)} that {preprocessing} can scale. "
            f"Received: too large or too small ones; {error}"
        ) from None
    names = batch_names(files)
    missing = [name for name in GAS.published if name not in names]
    if missing:
        announce(
            f"Note: the published data set has also {', '.join(missing)}; not in {files[0].parent}."
        )
    return problem


def _synthetic(seed: int, preprocessing: str) -> Problem:
    x, y = preprocess(*synthetic_gas(seed=seed), preprocessing)
    provenance = f"generated from seed {seed} by overparam_tf.datasets.synthetic_gas, not measured"
    return Problem("synthetic-gas", x, y, provenance, preprocessing, synthetic=True)
