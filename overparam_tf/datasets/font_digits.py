"""The stand-in for MNIST: digits of matplotlib's fonts, distorted, blurred and noisy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from overparam_tf.checks import positive_int, whole_number
from overparam_tf.datasets.digits import SIDE
from overparam_tf.errors import DataError
from overparam_tf.memory import require_memory

# Fonts that every matplotlib ships. Left out: symbols, and cmmi10 with its old-style digits.
FONTS = (
    *(f"DejaVuSans{style}.ttf" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}.ttf" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}.ttf" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}.ttf" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10.ttf", "cmb10.ttf", "cmss10.ttf", "cmtt10.ttf"),
)
# Set by hand so that a linear classifier errs as often as on MNIST; see `synthetic_digits`. A digit
# is 2 units high in a frame that is SIDE / 10 = 2.8 units wide.
ROTATION = 0.2  # standard deviation, radians
SHEAR = 0.2  # standard deviation
LOG_SIZE = 0.12  # standard deviation, of width and height each
SHIFT = 0.08  # standard deviation, units
THICKNESS = (-0.06, 0.06)  # units on either side of a stroke
BLUR = (0.1, 0.25)  # units from blank to full ink
NOISE = 10.0  # standard deviation, grey levels

_GRID = 64  # samples of a distance field along one side
_REACH = 1.6  # its half width in units
_RASTER = 4 * _GRID  # pixels of a drawn glyph along one side


def synthetic_digits(
    train: int = 60_000, test: int = 10_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Generate labelled images of digits in the shape of MNIST.

    Glyphs. A digit of a font is a distance field: d(u) is the distance of the point u to the
    glyph's outline, positive inside, in units in which the glyph is 2 high and centred at 0.

    Images. The pixel with centre c in [-1.4, 1.4]^2 (10 pixels a unit: digits of 20 pixels in a
    frame of 28, as in MNIST) has the grey value

        v = 255 clip(1/2 + (d(A^-1 (c - s)) + t) / b, 0, 1) + 10 e,
        A = R(phi) [1 k; 0 1] diag(w, h),

    rounded and clipped to 0..255. Every image draws its own

        phi           ~ N(0, 0.2^2)       rotation, radians
        k             ~ N(0, 0.2^2)       shear
        log w, log h  ~ N(0, 0.12^2)      width and height
        s_1, s_2      ~ N(0, 0.08^2)      shift
        t             ~ U(-0.06, 0.06)    thickness of the strokes
        b             ~ U(0.1, 0.25)      blur

    and every pixel with some ink its own e ~ N(0, 1). All 20 fonts are equally likely; each digit
    is as frequent as the others, up to one image.

    Args:
        train: Number of training images, at least 1; default 60,000.
        test: Number of test images, at least 1; default 10,000. They have a random stream of their
            own.
        seed: Equal seeds give equal bits on one installation; on another, rounding may change a
            pixel by one grey level. Default 0.

    Returns:
        train_x, train_y, test_x, test_y: images (n, 28, 28) and labels (n,), all uint8.

    Raises:
        InputError: If a size is below 1, or the seed is no integer >= 0.
        DataError: If this matplotlib lacks one of the fonts.

    Example:
        >>> x, y, _, _ = synthetic_digits(100, 10)
        >>> x.shape, x.dtype.name, np.bincount(y).tolist()
        ((100, 28, 28), 'uint8', [10, 10, 10, 10, 10, 10, 10, 10, 10, 10])
    """
    sizes = positive_int("train", train), positive_int("test", test)
    # A grey value of each pixel, and its sum in eight bytes.
    require_memory("images", 9.0 * SIDE**2 * sum(sizes), train=train, test=test)
    streams = np.random.SeedSequence(whole_number("seed", seed)).spawn(2)
    (train_x, train_y), (test_x, test_y) = (
        _images(size, np.random.default_rng(stream))
        for size, stream in zip(sizes, streams, strict=True)
    )
    return train_x, train_y, test_x, test_y


def _images(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    from scipy import ndimage  # imported here, since measured data need none of it

    labels = rng.permutation(np.arange(size) % 10).astype(np.uint8)
    fonts = rng.integers(len(FONTS), size=size)
    matrices, offsets = _maps_to_grid(size, rng)
    thickness, blur = (rng.uniform(*limits, size) for limits in (THICKNESS, BLUR))
    fields = _distance_fields()
    images = np.empty((size, SIDE, SIDE), np.uint8)
    for i in range(size):
        distance = ndimage.affine_transform(
            fields[fonts[i], labels[i]],
            matrices[i],
            offsets[i],
            output_shape=(SIDE, SIDE),
            order=1,  # bilinear interpolation
            mode="nearest",
        )
        grey = 255 * np.clip(0.5 + (distance + thickness[i]) / blur[i], 0, 1)
        grey += NOISE * rng.standard_normal(grey.shape, np.float32) * (grey > 0)
        images[i] = np.clip(np.rint(grey), 0, 255)
    return images, labels


def _maps_to_grid(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return n maps from the pixels of an image to a distance field's grid, A^-1 (c - s).

    Returns:
        Matrices (n, 2, 2) and offsets (n, 2), for (row, column): the place of the pixel p in the
        grid is matrix @ p + offset.
    """
    phi, k = ROTATION * rng.standard_normal(n), SHEAR * rng.standard_normal(n)
    w, h = np.exp(LOG_SIZE * rng.standard_normal((2, n)))
    shift = SHIFT * rng.standard_normal((n, 2))
    cos, sin = np.cos(phi), np.sin(phi)
    entries = np.stack([w * cos, h * (k * cos - sin), w * sin, h * (k * sin + cos)], axis=-1)
    inverse = np.linalg.inv(entries.reshape(n, 2, 2))
    # A row counts downwards, the second coordinate upwards: (row, column) -> (x, y).
    flip = np.array([[0.0, 1.0], [-1.0, 0.0]])
    cells = _GRID / (2 * _REACH)  # of the grid, in a unit
    matrices = flip.T @ inverse @ flip * (cells / 10)
    # The centre of the image goes to that of the grid, moved by the shift.
    centre = np.full(2, (SIDE - 1) / 2)
    moved = (flip.T @ inverse @ shift[..., None])[..., 0] * cells
    offsets = (_GRID - 1) / 2 - matrices @ centre - moved
    return matrices, offsets


@cache
def _distance_fields() -> np.ndarray:
    """Return d(u) of every font's digits 0 to 9 on a grid, shape (fonts, 10, 64, 64).

    The first row of the grid is the highest.
    """
    from scipy import ndimage

    pixel = 2 * _REACH / _RASTER  # in units
    fields = np.empty((len(FONTS), 10, _GRID, _GRID), np.float32)
    for font, file in enumerate(FONTS):
        for digit in range(10):
            inside = _glyph(file, str(digit))
            # From the centre of a pixel to that of the nearest one on the other side; the outline
            # lies half a pixel before that.
            distance = ndimage.distance_transform_edt(inside) - 0.5
            outside = 0.5 - ndimage.distance_transform_edt(~inside)
            signed = np.where(inside, distance, outside) * pixel
            cells = signed.reshape(_GRID, _RASTER // _GRID, _GRID, _RASTER // _GRID)
            fields[font, digit] = cells.mean(axis=(1, 3))
    return fields


def _glyph(font: str, digit: str) -> np.ndarray:
    """Return which pixels a glyph fills, (256, 256) booleans: it is 2 units high and centred."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", font)
    if not file.is_file():
        raise DataError(
            f"Expected the font {font} among those of matplotlib. Received: no file {file}"
        )
    # At twice the size FreeType's hints move an outline by a small part of a pixel only.
    side = 2 * _RASTER
    height = side / _REACH  # of 2 units, in pixels
    size = 250.0
    for _ in range(2):  # the height at one size gives the size for a height
        image = Image.new("L", (2 * side, 2 * side))
        ImageDraw.Draw(image).text(
            (side // 2, side // 2), digit, 255, ImageFont.truetype(file, size)
        )
        ink = image.crop(image.getbbox())
        size *= height / ink.height
    glyph = Image.new("L", (side, side))
    glyph.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
    return np.asarray(glyph.reduce(side // _RASTER)) > 127
