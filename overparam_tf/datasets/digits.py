"""Labelled images of digits for training and for testing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from overparam_tf.checks import boolean, text, whole_number
from overparam_tf.errors import InputError, input_error

SIDE = 28
CLASSES = 10


class Part(NamedTuple):
    """Images x, float32 (n, 28, 28, 1) from -0.5 to 0.5, and labels y, int32 (n,)."""

    x: np.ndarray
    y: np.ndarray


class Split(NamedTuple):
    """The three parts of `Digits.split`, ready to train on."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True, eq=False, repr=False)
class Digits:
    """Grey images of the digits 0 to 9 for training and for testing, with their origin.

    All four arrays are stored as read-only copies.

    Args:
        name: Short name for folders and tables: "mnist", "mnist-like" (files in its format with
            other content) or "synthetic-digits".
        train_x: Training images, uint8 of shape (n, 28, 28).
        train_y: Their labels 0 to 9, uint8 of shape (n,).
        test_x: Test images, uint8 of shape (m, 28, 28).
        test_y: Their labels, uint8 of shape (m,).
        provenance: The origin of the images and whom to cite, in one line.
        synthetic: Whether they are a generated stand-in; `label` then says so.

    Raises:
        InputError: If an array is of another type or shape or empty, the numbers of images and
            labels differ, a label is above 9, or the name is empty.

    Example:
        >>> import numpy as np
        >>> x, y = np.full((3, 28, 28), 255, np.uint8), np.array([7, 8, 9], np.uint8)
        >>> digits = Digits("mnist-like", x, y, x[:1], y[:1], "written by hand", synthetic=False)
        >>> digits
        Digits(MNIST-like (3 + 1))
        >>> split = digits.split(validation=1)
        >>> split.train.y.tolist(), split.validation.y.tolist(), float(split.test.x.max())
        ([8, 9], [7], 0.5)
    """

    name: str
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    provenance: str
    synthetic: bool

    def __post_init__(self) -> None:
        text("name", self.name, empty=False)
        text("provenance", self.provenance)
        boolean("synthetic", self.synthetic)
        for part in ("train", "test"):
            x = _frozen(f"{part}_x", getattr(self, f"{part}_x"), (SIDE, SIDE))
            y = _frozen(f"{part}_y", getattr(self, f"{part}_y"), ())
            if len(x) != len(y):
                raise InputError(
                    f"Expected a label for each image of {part}. "
                    f"Received: {len(x)} images, {len(y)} labels"
                )
            _check_labels(f"{part}_y", y)
            object.__setattr__(self, f"{part}_x", x)
            object.__setattr__(self, f"{part}_y", y)

    @property
    def checksum(self) -> str:
        """Return the SHA-256 (hex) over the shapes and then the bytes of the arrays, in order."""
        arrays = (self.train_x, self.train_y, self.test_x, self.test_y)
        digest = hashlib.sha256(" ".join(str(array.shape) for array in arrays).encode())
        for array in arrays:
            digest.update(array.data)
        return digest.hexdigest()

    @property
    def label(self) -> str:
        """Return the title in figures and tables; that of a stand-in says SYNTHETIC."""
        title = self.name.replace("mnist", "MNIST")
        if self.synthetic:
            title = f"SYNTHETIC stand-in {title.removeprefix('synthetic-')}"
        return f"{title} ({len(self.train_x)} + {len(self.test_x)})"

    def describe(self) -> dict[str, Any]:
        """Return what identifies the images, JSON-ready: names, origin and checksum."""
        return {
            "name": self.name,
            "label": self.label,
            "synthetic": self.synthetic,
            "provenance": self.provenance,
            "sha256": self.checksum,
        }

    def __repr__(self) -> str:
        return f"Digits({self.label})"

    def split(self, validation: int = 5000) -> Split:
        """Scale the pixels and hold out the first training images.

        This is the preparation of the TensorFlow tutorial of 2018,

            x = (v - 127.5) / 255     in float32

        Args:
            validation: Number of training images to hold out, 0 to n - 1; default 5000, which
                leaves 55,000 of MNIST's.

        Returns:
            Split(train, validation, test) of parts (x, y): new arrays, rows in order.

        Raises:
            InputError: If `validation` is no integer, negative, or leaves nothing to train on.
        """
        count = whole_number("validation", validation, most=len(self.train_x) - 1)
        return Split(
            _part(self.train_x[count:], self.train_y[count:]),
            _part(self.train_x[:count], self.train_y[:count]),
            _part(self.test_x, self.test_y),
        )


def _part(images: np.ndarray, labels: np.ndarray) -> Part:
    x = images[..., None].astype(np.float32)
    x -= np.float32(127.5)
    x /= np.float32(255)
    return Part(x, labels.astype(np.int32))


def _frozen(name: str, values: object, shape: tuple[int, ...]) -> np.ndarray:
    """Return a read-only copy of a uint8 array of shape (n, *shape)."""
    expected = f"a uint8 array of shape {('n', *shape)} with n >= 1 for {name}".replace("'", "")
    if not isinstance(values, np.ndarray):
        raise input_error(expected, **{name: values})
    if values.dtype != np.uint8:
        raise InputError(f"Expected {expected}. Received: {name}.dtype={values.dtype}")
    if values.ndim != 1 + len(shape) or values.shape[1:] != shape or not values.size:
        raise input_error(expected, **{f"{name}.shape": values.shape})
    array = np.array(values, order="C")
    array.setflags(write=False)
    return array


def _check_labels(name: str, labels: np.ndarray) -> None:
    wrong = np.flatnonzero(labels >= CLASSES)
    if wrong.size:
        first = wrong[0]
        raise InputError(
            f"Expected labels from 0 to {CLASSES - 1} for {name}. "
            f"Received: {labels[first]} at index {first}"
        )
