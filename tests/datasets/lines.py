"""Helpers that write files in the published format of the gas sensor data."""

import zipfile
from pathlib import Path

import numpy as np


def line(gas=1, ppm="10.000000", values=None):
    values = np.arange(1, 129) / 8 if values is None else values
    return f"{gas};{ppm} " + " ".join(f"{i}:{v:.6f}" for i, v in enumerate(values, start=1)) + " "


def write_batch(folder: Path, number=1, lines=None, end="\n"):
    lines = [line()] if lines is None else lines
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"batch{number}.dat"
    path.write_bytes("".join(text + end for text in lines).encode())
    return path


def write_batches(folder: Path, rows=3, seed=0):
    """Write ten small files, each with `rows` rows of ethanol and one of every other gas.

    Returns:
        Ethanol's x and y.
    """
    rng = np.random.default_rng(seed)
    x = np.round(rng.standard_normal((10 * rows, 128)) * 100, 6)
    y = np.round(rng.uniform(1, 600, 10 * rows), 6)
    for number in range(10):
        here = slice(number * rows, (number + 1) * rows)
        ethanol = [line(1, f"{ppm:.6f}", row) for ppm, row in zip(y[here], x[here], strict=True)]
        write_batch(folder, number + 1, [line(2), *ethanol, *map(line, (3, 4, 5, 6))])
    return x, y[:, None]


def write_zip(path: Path, folder: Path, prefix="Dataset/", skip=(), extra=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.glob("*.dat")):
            if file.name not in skip:
                archive.write(file, prefix + file.name)
        for name, content in extra:
            archive.writestr(name, content)
    return path
