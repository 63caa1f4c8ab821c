import hashlib

import numpy as np
import pytest

from overparam_tf.datasets import Digits
from overparam_tf.errors import InputError
from tests.datasets.digit_files import small_arrays


def digits(name="mnist", synthetic=False, **changes):
    return Digits(
        name, **{**small_arrays(), **changes}, provenance="made for a test", synthetic=synthetic
    )


@pytest.mark.parametrize(
    ("name", "synthetic", "label"),
    [
        ("mnist", False, "MNIST (20 + 10)"),
        ("mnist-like", False, "MNIST-like (20 + 10)"),
        ("synthetic-digits", True, "SYNTHETIC stand-in digits (20 + 10)"),
    ],
)
def test_the_label_says_what_it_is(name, synthetic, label):
    assert digits(name, synthetic).label == label
    assert repr(digits(name, synthetic)) == f"Digits({label})"


def test_arrays_are_private_read_only_copies():
    x = np.zeros((20, 28, 28), np.uint8, order="F")
    d = digits(train_x=x)
    x[:] = 7
    assert d.train_x.max() == 0 and d.train_x.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        d.test_y[0] = 3


IMAGES, LABELS = small_arrays()["train_x"], small_arrays()["train_y"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_x": IMAGES[:19]},
            r"Expected a label for each image of train. Received: 19 images, 20 labels",
        ),
        (
            {"test_y": LABELS},
            r"Expected a label for each image of test. Received: 10 images, 20 labels",
        ),
        (
            {"train_x": IMAGES[:, :27]},
            r"a uint8 array of shape \(n, 28, 28\) .* for train_x. "
            r"Received: train_x.shape=\(20, 27, 28\)",
        ),
        ({"train_x": IMAGES[..., None]}, r"Received: train_x.shape=\(20, 28, 28, 1\)"),
        (
            {"train_y": LABELS[:, None]},
            r"a uint8 array of shape \(n,\) .* for train_y. Received: train_y.shape=\(20, 1\)",
        ),
        ({"test_y": np.array(7, np.uint8)}, r"Received: test_y.shape=\(\)"),
        (
            {"test_x": IMAGES[:0], "test_y": LABELS[:0]},
            r"with n >= 1 for test_x. Received: test_x.shape=\(0, 28, 28\)",
        ),
        (
            {"train_x": IMAGES / 255},
            r"a uint8 array .* for train_x. Received: train_x.dtype=float64",
        ),
        ({"train_y": LABELS.tolist()}, r"a uint8 array .* for train_y. Received: train_y=\[\d"),
        (
            {"train_y": np.arange(20, dtype=np.uint8)},
            r"Expected labels from 0 to 9 for train_y. Received: 10 at index 10",
        ),
        ({"name": ""}, r"Expected a text, not empty, for name. Received: name=''"),
    ],
)
def test_bad_input_is_one_clear_line(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        digits(**changes)
    assert "\n" not in str(caught.value)


def test_the_checksum_is_over_shapes_and_bytes():
    a = small_arrays()
    shapes = b"(20, 28, 28) (20,) (10, 28, 28) (10,)"
    content = b"".join(a[name].tobytes() for name in ("train_x", "train_y", "test_x", "test_y"))
    assert digits().checksum == hashlib.sha256(shapes + content).hexdigest()
    assert digits(name="other").checksum == digits().checksum
    assert digits(train_y=a["train_y"][::-1]).checksum != digits().checksum


def test_split_holds_out_the_first_images_and_scales():
    a = small_arrays()
    train, validation, test = digits().split(5)
    expected = ((a["train_x"].astype(np.float64) - 127.5) / 255)[..., None]
    np.testing.assert_allclose(np.concatenate([validation.x, train.x]), expected, atol=1e-7)
    np.testing.assert_array_equal(np.concatenate([validation.y, train.y]), a["train_y"])
    np.testing.assert_array_equal(test.y, a["test_y"])
    assert (
        train.x.shape == (15, 28, 28, 1)
        and train.x.dtype == np.float32
        and train.y.dtype == np.int32
    )


@pytest.mark.parametrize("validation", [-1, 20, 2.0, None])
def test_a_bad_split_is_refused(validation):
    with pytest.raises(
        InputError, match=f"integer from 0 to 19 for validation. Received: validation={validation}"
    ):
        digits().split(validation)


def test_nothing_need_be_held_out():
    assert [len(part.y) for part in digits().split(0)] == [20, 0, 10]
