from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from scipy.spatial import cKDTree

from overparam_tf.datasets import font_digits, synthetic_digits
from overparam_tf.errors import DataError, InputError


def linear_error(train_x, train_y, test_x, test_y):
    """Return the test error of least squares from pixels, and a constant, to a 0 or 1 per digit."""
    x, z = (
        np.hstack([images.reshape(len(images), -1) / 255, np.ones((len(images), 1))])
        for images in (train_x, test_x)
    )
    kernel = np.linalg.lstsq(x.T @ x + 1e-6 * np.eye(785), x.T @ np.eye(10)[train_y], rcond=None)[0]
    return np.mean((z @ kernel).argmax(axis=1) != test_y)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_about_as_hard_as_mnist_and_as_bright(seed):
    """MNIST: linear error 0.140, mean 33.3, standard deviation 78.6, share of blank pixels 0.81."""
    digits = synthetic_digits(12_000, 2000, seed)
    assert 0.1 < linear_error(*digits) < 0.2
    x = digits[0]
    assert 30 < x.mean() < 42 and 70 < x.std() < 85 and 0.7 < np.mean(x == 0) < 0.85


def test_the_linear_error_of_the_real_digits(mnist):
    """The stand-in is compared with this figure."""
    error = linear_error(mnist.train_x, mnist.train_y, mnist.test_x, mnist.test_y)
    assert 0.139 < error < 0.141


def test_equal_seeds_give_equal_bits_and_other_seeds_other_images():
    one, same, other = (synthetic_digits(300, 50, seed) for seed in (7, 7, 8))
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert (one[0] != other[0]).any(axis=(1, 2)).all()


def test_the_test_images_are_no_training_images_and_do_not_depend_on_their_number():
    train_x, _, test_x, test_y = synthetic_digits(300, 300)
    assert not {image.tobytes() for image in train_x} & {image.tobytes() for image in test_x}
    fewer = synthetic_digits(20, 300)
    assert (fewer[2] == test_x).all() and (fewer[3] == test_y).all()


@pytest.mark.parametrize(("train", "test"), [(1, 1), (25, 10), (251, 3)])
def test_sizes_and_balance(train, test):
    train_x, train_y, test_x, test_y = synthetic_digits(train, test)
    assert train_x.shape == (train, 28, 28) and test_x.shape == (test, 28, 28)
    assert train_y.shape == (train,) and {a.dtype for a in (train_x, train_y, test_x, test_y)} == {
        np.dtype(np.uint8)
    }
    assert np.ptp(np.bincount(train_y, minlength=10)) <= 1 and train_x.max(axis=(1, 2)).min() > 50


@pytest.fixture(params=["DejaVuSerif-BoldItalic.ttf", "cmr10.ttf"])
def font(request):
    return request.param


def outline(font, digit):
    """Return matplotlib's outline of a glyph, 2 units high and centred."""
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", font)
    path = TextPath((0, 0), digit, size=100, prop=FontProperties(fname=file))
    low, high = path.get_extents().get_points()
    return Affine2D().translate(*-(low + high) / 2).scale(2 / (high - low)[1]).transform_path(path)


def field(font, digit):
    return font_digits._distance_fields()[font_digits.FONTS.index(font), int(digit)]


@pytest.mark.parametrize("digit", "0348")
def test_inside_of_a_glyph_is_where_agg_fills_it(font, digit):
    """Agg is an independent rasteriser; it draws on the grid of the distance field."""
    figure = Figure(figsize=(1, 1), dpi=64, facecolor="black")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
    axes.axis("off")
    axes.add_patch(PathPatch(outline(font, digit), facecolor="white", linewidth=0))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    filled = np.asarray(canvas.buffer_rgba())[:, :, 0] > 127
    inside = field(font, digit) > 0
    assert inside.sum() > 200 and np.mean(inside != filled) < 0.01


@pytest.mark.parametrize("digit", "18")
def test_the_field_is_the_distance_to_the_outline(font, digit):
    """The nearest of many points on matplotlib's outline is as far away."""
    lines = outline(font, digit).to_polygons()
    share = np.linspace(0, 1, 300)[:, None, None]
    points = np.concatenate(
        [((1 - share) * line[:-1] + share * line[1:]).reshape(-1, 2) for line in lines]
    )
    centres = (np.arange(64) + 0.5) / 64 * 3.2 - 1.6
    grid = np.stack(np.meshgrid(centres, -centres), axis=-1).reshape(-1, 2)
    nearest, _ = cKDTree(points).query(grid)
    np.testing.assert_allclose(np.abs(field(font, digit)).ravel(), nearest, atol=0.03)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 10), r"a positive integer for train. Received: train=0"),
        ((10, 2.0), r"a positive integer for test. Received: test=2.0"),
        ((10, 10, -1), r"an integer >= 0 for seed. Received: seed=-1"),
        ((10, 10, None), r"an integer >= 0 for seed. Received: seed=None"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        synthetic_digits(*arguments)


def test_a_matplotlib_without_a_font_is_named():
    with pytest.raises(
        DataError, match=r"Expected the font none.ttf .* Received: no file .*none.ttf"
    ):
        font_digits._glyph("none.ttf", "0")
