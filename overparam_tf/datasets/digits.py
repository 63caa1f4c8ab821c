"""Labelled images of digits, for training and for testing: the value that flows from image files to a network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from overparam_tf.errors import InputError

SIDE = 28
CLASSES = 10


class Part(NamedTuple):
    """Images x, float32 (n, 28, 28, 1) in -0.5 .. 0.5, and labels y, int32 (n,)."""

    x: np.ndarray
    y: np.ndarray


class Split(NamedTuple):
    """The three parts of `Digits.split`, ready to train on."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True, eq=False, repr=False)
class Digits:
    """Grey images of the digits 0 to 9 for training and for testing, with where they come from.

    Args:
        name: short name for folders and tables: "mnist", "mnist-like" (files in its format with other content) or
            "synthetic-digits".
        train_x: training images, uint8 of shape (n, 28, 28); all four arrays are stored as read-only copies.
        train_y: their labels 0 to 9, uint8 of shape (n,).
        test_x: test images, uint8 of shape (m, 28, 28).
        test_y: their labels, uint8 of shape (m,).
        provenance: one line, where the images come from and whom to cite.
        synthetic: True for generated stand-ins; `label` then says so.

    Raises:
        InputError: an array of another type or shape, no images, images and labels of different number, a label
            above 9, or an empty name.

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
        if not self.name:
            raise InputError(f"A set of digits needs a name. Received: name={self.name!r}")
        for part in ("train", "test"):
            x = _frozen(f"{part}_x", getattr(self, f"{part}_x"), (SIDE, SIDE))
            y = _frozen(f"{part}_y", getattr(self, f"{part}_y"), ())
            if len(x) != len(y):
                raise InputError(
                    f"Expected a label for each image of {part}. Received: {len(x)} images, {len(y)} labels"
                )
            if (wrong := np.flatnonzero(y >= CLASSES)).size:
                raise InputError(
                    f"The labels {part}_y must be 0 to 9. Received: {y[wrong[0]]} at index {wrong[0]}"
                )
            object.__setattr__(self, f"{part}_x", x)
            object.__setattr__(self, f"{part}_y", y)

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) over the shapes and bytes of train_x, train_y, test_x and test_y, in this order."""
        arrays = (self.train_x, self.train_y, self.test_x, self.test_y)
        digest = hashlib.sha256(" ".join(str(array.shape) for array in arrays).encode())
        for array in arrays:
            digest.update(array)
        return digest.hexdigest()

    @property
    def label(self) -> str:
        """What figures and tables show, so that a stand-in is never taken for MNIST."""
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
        """Scale the pixels and hold out the first training images, as the TensorFlow tutorial of 2018 did.

            x = (v - 127.5) / 255     in float32

        Args:
            validation: how many of the training images to hold out, 0 .. n - 1. Default 5000, which leaves 55,000
                of MNIST's.

        Returns:
            Split(train, validation, test) of parts (x, y): new arrays, rows in order.

        Raises:
            InputError: validation is no integer, negative, or leaves nothing to train on.
        """
        n = len(self.train_x)
        if not isinstance(validation, (int, np.integer)) or not 0 <= validation < n:
            raise InputError(
                f"validation must be an integer from 0 to {n - 1}. Received: validation={validation!r}"
            )
        return Split(
            _part(self.train_x[validation:], self.train_y[validation:]),
            _part(self.train_x[:validation], self.train_y[:validation]),
            _part(self.test_x, self.test_y),
        )


def _part(images: np.ndarray, labels: np.ndarray) -> Part:
    x = images[..., None].astype(np.float32)
    x -= np.float32(127.5)
    x /= np.float32(255)
    return Part(x, labels.astype(np.int32))


def _frozen(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    expected = f"{name} must be a uint8 array of shape {('n', *shape)}".replace("'", "")
    if not isinstance(values, np.ndarray) or values.dtype != np.uint8:
        raise InputError(f"{expected}. Received: {getattr(values, 'dtype', type(values).__name__)}")
    if values.ndim != 1 + len(shape) or values.shape[1:] != shape or not values.size:
        raise InputError(f"{expected} with n >= 1. Received: {name}.shape={values.shape}")
    array = np.array(values, order="C")
    array.setflags(write=False)
    return array
