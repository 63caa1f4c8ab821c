import numpy as np
import pytest

from overparam_tf.dynamics import closed_integral, end_to_end_field, line_integral, theorem2_curve
from overparam_tf.errors import InputError

DIRECTION = np.array([0.3, -1.2, 0.4])
LINEAR = 1.7 * DIRECTION / np.linalg.norm(DIRECTION)


@pytest.mark.parametrize(
    ("depth", "expected"), [(2, 0), (3, 0.00450897), (4, 0.00645105), (8, 0.01154265)]
)
def test_known_numbers_in_the_limit(depth, expected):
    curve = theorem2_curve(DIRECTION, outer_radius=0.1, inner_radius=1e-6)
    np.testing.assert_allclose(
        line_integral(end_to_end_field(LINEAR, depth), curve), expected, atol=5e-9
    )
    np.testing.assert_allclose(closed_integral(depth, 0.1, 1.7), expected, atol=5e-9)


@pytest.mark.parametrize("depth", [1, 1.5, 2, 3, 4, 8])
@pytest.mark.parametrize(("outer", "inner"), [(0.1, 0.05), (1.0, 1e-3), (2.0, 1e-12)])
def test_numeric_integral_meets_the_closed_form(depth, outer, inner):
    numeric = line_integral(
        end_to_end_field(LINEAR, depth), theorem2_curve(DIRECTION, outer, inner)
    )
    np.testing.assert_allclose(numeric, closed_integral(depth, outer, 1.7, inner), atol=1e-10)


@pytest.mark.parametrize("depth", [1, 3, 8])
def test_integral_tends_to_the_limit_as_the_inner_radius_shrinks(depth):
    field, limit = end_to_end_field(LINEAR, depth), closed_integral(depth, 0.1, 1.7)
    gaps = [
        abs(line_integral(field, theorem2_curve(LINEAR, 0.1, r)) - limit)
        for r in (1e-2, 1e-3, 1e-4)
    ]
    assert gaps[2] <= 1e-6
    assert gaps == sorted(gaps, reverse=True) or max(gaps) < 1e-12


def cubic_gradient(points):
    """Return the gradient of |w - target|^4 / 4."""
    apart = points - np.array([1.0, 2.0, 0.5])
    return np.sum(apart**2, axis=1, keepdims=True) * apart


@pytest.mark.parametrize("gradient", [LINEAR, cubic_gradient], ids=["linear", "l4"])
def test_depth_one_is_a_gradient_field(gradient):
    curve = theorem2_curve(DIRECTION, outer_radius=1.0, inner_radius=0.1)
    assert abs(line_integral(end_to_end_field(gradient, 1), curve)) < 1e-10


def test_depth_three_is_none_for_a_nonlinear_loss():
    curve = theorem2_curve(cubic_gradient(np.zeros((1, 3)))[0], outer_radius=0.1, inner_radius=1e-4)
    coarse, fine = (
        line_integral(end_to_end_field(cubic_gradient, 3), curve, nodes) for nodes in (64, 96)
    )
    np.testing.assert_allclose(fine, coarse, atol=1e-10)
    assert fine > 1e-3


def test_depth_two_of_a_linear_loss_is_the_gradient_of_its_potential():
    # |w| <w, g>, at the two ends of the curve's first half.
    field = end_to_end_field(LINEAR, 2)
    potential = [np.linalg.norm(w) * w @ LINEAR for w in (-DIRECTION, DIRECTION)]
    radius = np.linalg.norm(DIRECTION)
    half = theorem2_curve(DIRECTION, radius, 0.01)[:3]
    np.testing.assert_allclose(line_integral(field, half), potential[1] - potential[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: theorem2_curve(LINEAR, 0.1, 0.1), "inner_radius < outer_radius.*outer_radius=0.1"),
        (lambda: theorem2_curve(LINEAR, 0.1, 0), "inner_radius=0"),
        (lambda: theorem2_curve(LINEAR, 0.1, -1), "inner_radius=-1"),
        (lambda: theorem2_curve(np.zeros(3), 1, 0.1), r"direction=\[0.0, 0.0, 0.0\]"),
        (lambda: theorem2_curve(np.ones(1), 1, 0.1), r"direction=\[1.0\]"),
        (lambda: closed_integral(0.9, 1, 1), "depth=0.9"),
        (lambda: closed_integral(2, 1, -1), "gradient_norm=-1"),
        (lambda: closed_integral(2, 1, 1, 2), "inner_radius=2"),
        (lambda: closed_integral(3, 1e200, 1), "finite number.*outer_radius=1e[+]200"),
        (lambda: end_to_end_field(LINEAR, 0.5), "depth=0.5"),
        (lambda: line_integral(lambda w: w, []), "0 segments"),
        (
            lambda: line_integral(lambda w: w[:, :1], theorem2_curve(LINEAR, 1, 0.1)),
            r"shape=\(64, 1\)",
        ),
    ],
)
def test_bad_input_gets_one_line(use, message):
    with pytest.raises(InputError, match=message):
        use()
