"""The stand-in for MNIST: digits of matplotlib's fonts, distorted, blurred and noisy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from overparam_tf.checks import positive_int, whole_number
from overparam_tf.errors import DataError

# Fonts that every matplotlib ships. Left out: symbols, and cmmi10 with its old-style digits.
FONTS = (
    *(f"DejaVuSans{style}.ttf" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}.ttf" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}.ttf" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}.ttf" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10.ttf", "cmb10.ttf", "cmss10.ttf", "cmtt10.ttf"),
)
# Pixels of an image. A digit is 2 units high in a frame that is SIDE / 10 = 2.8 units wide.
SIDE = 28

# Set by hand so that a linear classifier errs as often as on MNIST; see `synthetic_digits`.
ROTATION = 0.2  # standard deviation, radians
SHEAR = 0.2  # standard deviation
LOG_SIZE = 0.12  # standard deviation, of width and height each
SHIFT = 0.08  # standard deviation, units
THICKNESS = (-0.06, 0.06)  # units on either side of a stroke
BLUR = (0.1, 0.25)  # units from blank to full ink
NOISE = 10.0  # standard deviation, grey levels

_GRID = 64  # samples of a distance field along one side
_REACH = 1.6  # its half width in units
_CHUNK = 250  # images at a time


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
    streams = np.random.SeedSequence(whole_number("seed", seed)).spawn(2)
    (train_x, train_y), (test_x, test_y) = (
        _images(size, np.random.default_rng(stream))
        for size, stream in zip(sizes, streams, strict=True)
    )
    return train_x, train_y, test_x, test_y


def _images(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.permutation(np.arange(size) % 10).astype(np.uint8)
    images = np.empty((size, SIDE, SIDE), np.uint8)
    for start in range(0, size, _CHUNK):
        images[start : start + _CHUNK] = _drawn(labels[start : start + _CHUNK], rng)
    return images, labels


def _drawn(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an image of each label, shape (n, 28, 28)."""
    n = len(labels)
    glyph = labels + 10 * rng.integers(len(FONTS), size=n)
    distance = _sampled(_distance_fields(), glyph, *_glyph_points(n, rng))
    thickness, blur = (
        rng.uniform(*limits, (n, 1)).astype(np.float32) for limits in (THICKNESS, BLUR)
    )
    grey = 255 * np.clip(0.5 + (distance + thickness) / blur, 0, 1)
    grey += NOISE * rng.standard_normal(grey.shape, np.float32) * (grey > 0)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8).reshape(n, SIDE, SIDE)


def _glyph_points(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of n glyphs at the centres of the pixels, A^-1 (c - s).

    Returns:
        Their two coordinates, each of shape (n, 784).
    """
    phi, k = ROTATION * rng.standard_normal(n), SHEAR * rng.standard_normal(n)
    w, h = np.exp(LOG_SIZE * rng.standard_normal((2, n)))
    shift = SHIFT * rng.standard_normal((n, 2, 1))
    cos, sin = np.cos(phi), np.sin(phi)
    entries = np.stack([w * cos, h * (k * cos - sin), w * sin, h * (k * sin + cos)], axis=-1)
    centres = (np.arange(SIDE) - (SIDE - 1) / 2) / 10
    # The first row of pixels is the highest.
    c = np.stack([axis.ravel() for axis in np.meshgrid(centres, -centres)])
    points = (np.linalg.inv(entries.reshape(n, 2, 2)) @ (c - shift)).astype(np.float32)
    return points[:, 0], points[:, 1]


def _sampled(fields: np.ndarray, glyph: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return field number glyph[i] at the points (x[i], y[i]), by bilinear interpolation."""
    column, row = (np.clip((v / _REACH + 1) * ((_GRID - 1) / 2), 0, _GRID - 1.001) for v in (x, y))
    left, low = column.astype(np.int32), row.astype(np.int32)
    right_share, high_share = column - left, row - low
    at = glyph.astype(np.int32)[:, None] * _GRID**2 + low * _GRID + left
    flat = fields.ravel()
    lower = flat[at] + right_share * (flat[at + 1] - flat[at])
    upper = flat[at + _GRID] + right_share * (flat[at + _GRID + 1] - flat[at + _GRID])
    return lower + high_share * (upper - lower)


@cache
def _distance_fields() -> np.ndarray:
    """Return d(u) of every font's digits 0 to 9 on a grid, shape (10 * fonts, 64, 64).

    The rows of the grid go upwards.
    """
    axis = np.linspace(-_REACH, _REACH, _GRID)
    points = np.stack([a.ravel() for a in np.meshgrid(axis, axis)], axis=-1).astype(np.float32)
    fields = [
        _signed_distance(points, _outlines(font, digit)) for font in FONTS for digit in "0123456789"
    ]
    return np.array(fields, np.float32).reshape(-1, _GRID, _GRID)


def _outlines(font: str, digit: str) -> np.ndarray:
    """Return the closed outlines of a glyph as line segments, (segments, 2 ends, 2 coordinates)."""
    import matplotlib  # imported here, since measured data need no fonts
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", font)
    if not file.is_file():
        raise DataError(
            f"Expected the font {font} among those of matplotlib. Received: no file {file}"
        )
    path = TextPath((0, 0), digit, size=100, prop=FontProperties(fname=file))
    outlines = [np.asarray(corners) for corners in path.to_polygons()]
    segments = np.concatenate(
        [np.stack([corners[:-1], corners[1:]], axis=1) for corners in outlines]
    )
    starts, ends = segments[:, 0], segments[:, 1]
    segments = segments[(starts != ends).any(axis=1)]  # some fonts repeat a corner
    low, high = segments.min(axis=(0, 1)), segments.max(axis=(0, 1))
    _, height = high - low
    return ((segments - (low + high) / 2) * (2 / height)).astype(np.float32)


def _signed_distance(points: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return the distance of points (n, 2) to the nearest of segments (m, 2, 2).

    It is positive inside the outlines that the segments form.
    """
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    x, y = points[:, :1] - start[:, 0], points[:, 1:] - start[:, 1]  # (n, m) each
    dx, dy = along.T
    # The nearest point of each segment, as a share of its length.
    nearest = np.clip((x * dx + y * dy) / (dx**2 + dy**2), 0, 1)
    distance = np.sqrt(((x - nearest * dx) ** 2 + (y - nearest * dy) ** 2).min(axis=1))
    # A point is inside if the outlines wind around it: count the segments that cross its ray to the
    # right, with their sign.
    crosses = (y >= 0) != (y >= dy)
    to_the_right = (x * dy < y * dx) == (dy > 0)
    winding = (crosses & to_the_right) @ np.sign(dy)
    return np.where(winding == 0, -distance, distance)
