"""Theorem 2: the end-to-end rule is gradient descent on no function, so no regularizer can replace depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

from overparam_tf.dynamics.checks import check_depth
from overparam_tf.dynamics.end_to_end import end_to_end_update
from overparam_tf.dynamics.line_integral import Field, Segment
from overparam_tf.errors import InputError


def end_to_end_field(
    gradient: np.ndarray | Callable[[np.ndarray], np.ndarray], depth: float
) -> Field:
    r"""Return the vector field that the end-to-end rule of a single output follows.

    $$F(w) = |w|^{2-2/N} \, \bigl(g(w) + (N-1) \, \mathrm{Pr}_w g(w)\bigr)$$

    It is computed by `end_to_end_update` itself, in float64 (on JAX only with `JAX_ENABLE_X64=1`).

    Args:
        gradient: the loss's gradient `g`: a function of points (n, d) that returns (n, d), or one vector
            (d,) for a linear loss.
        depth: `N >= 1`.

    Returns:
        A function from points (n, d) to vectors (n, d), for `line_integral`.

    Raises:
        InputError: for a depth below 1.

    Source: Arora, Cohen & Hazan 2018, Theorem 2 and Claim 2.

    Example: at `w = (0, 4)` and depth 2, 4 times the gradient and once more along `w`.

    >>> import numpy as np
    >>> field = end_to_end_field(np.array([1.0, 1.0]), depth=2)
    >>> np.round(field(np.array([[0.0, 4.0]])), 12).tolist()
    [[4.0, 8.0]]
    """
    check_depth(depth)

    def field(points):
        vectors = (
            gradient(points) if callable(gradient) else np.broadcast_to(gradient, points.shape)
        )
        points, vectors = (np.asarray(array, "float64")[..., None] for array in (points, vectors))
        return ops.convert_to_numpy(end_to_end_update(points, vectors, depth))[..., 0]

    return field


def theorem2_curve(
    direction: np.ndarray, outer_radius: float, inner_radius: float
) -> tuple[Segment, ...]:
    r"""Return the closed curve of Theorem 2's proof, four segments.

    With the unit vector `e` of `direction`: straight from `-R e` to `-r e`, half a circle of radius `r` to
    `r e`, straight to `R e`, half a circle of radius `R` back to `-R e`. The origin, where the field is not
    smooth, stays outside. The straight pieces run evenly in log |w|: the field behaves as a power of |w|,
    which is then an exponential in the parameter, and Gauss-Legendre quadrature stays accurate down to the
    smallest `r`.

    Args:
        direction: (d,), d >= 2, not zero; the theorem takes the loss's gradient at 0.
        outer_radius: R, above `inner_radius`.
        inner_radius: r > 0.

    Returns:
        Segments for `line_integral`.

    Raises:
        InputError: for a direction that is no finite non-zero vector (d,), or radii that are not 0 < r < R.

    Source: Arora, Cohen & Hazan 2018, proof of Theorem 2.

    Example: the curve is closed.

    >>> import numpy as np
    >>> curve = theorem2_curve(np.array([3.0, 4.0]), outer_radius=5.0, inner_radius=1.0)
    >>> ends = [segment(np.array([0.0, 1.0]))[0] for segment in curve]
    >>> np.round(ends, 9).tolist()[0]
    [[-3.0, -4.0], [-0.6, -0.8]]
    >>> bool(np.allclose([end[1] for end in ends], [ends[(i + 1) % 4][0] for i in range(4)]))
    True
    """
    direction = np.asarray(direction, "float64")
    length = np.linalg.norm(direction)
    if direction.ndim != 1 or direction.size < 2 or not np.isfinite(length) or length == 0:
        raise InputError(
            f"direction must be a finite non-zero vector (d,), d >= 2. Received: direction={direction.tolist()}"
        )
    if inner_radius == 0:
        raise InputError(
            "the curve keeps off the origin, take inner_radius > 0. Received: inner_radius=0"
        )
    _check_radii(outer_radius, inner_radius)
    unit = direction / length
    # Any unit vector orthogonal to e spans the circles' plane; the axis least aligned with e loses no digits.
    across = np.eye(unit.size)[np.argmin(np.abs(unit))]
    across = across - unit * (across @ unit)
    across /= np.linalg.norm(across)

    def straight(start, end):
        rate = np.log(end / start)  # start and end have one sign

        def segment(t):
            points = (start * np.exp(rate * t))[:, None] * unit
            return points, rate * points

        return segment

    def half_circle(radius, start, end):
        def segment(t):
            angle = (start + (end - start) * t)[:, None]
            points = radius * (np.cos(angle) * unit + np.sin(angle) * across)
            return points, (end - start) * radius * (np.cos(angle) * across - np.sin(angle) * unit)

        return segment

    return (
        straight(-outer_radius, -inner_radius),
        half_circle(inner_radius, np.pi, 0.0),
        straight(inner_radius, outer_radius),
        half_circle(outer_radius, 0.0, np.pi),
    )


def closed_integral(
    depth: float, outer_radius: float, gradient_norm: float, inner_radius: float = 0.0
) -> float:
    r"""Return the integral of the end-to-end field along Theorem 2's curve, for a linear loss.

    $$2 |g| \, \frac{(N-1)(N-2)}{N (3-2/N)} \, \bigl(R^{3-2/N} - r^{3-2/N}\bigr)$$

    On the straight pieces `F . e = N |g| |w|^(2-2/N)`; on a circle `Pr_w g` is orthogonal to the curve
    and `g . dw` sums to `2 |g|` times the radius. For `N > 2` it is not 0, so the field is no gradient
    field. At `N = 2` it vanishes, and the field of a linear loss is indeed the gradient of `|w| <w, g>`.

    Args:
        depth: `N >= 1`.
        outer_radius: R, above `inner_radius`.
        gradient_norm: |g| >= 0.
        inner_radius: r >= 0; default 0, the limit that the theorem takes.

    Returns:
        A float.

    Raises:
        InputError: for a depth below 1, radii that are not 0 <= r < R, or a negative norm.

    Source: Arora, Cohen & Hazan 2018, proof of Theorem 2.

    Example:
    >>> [round(closed_integral(depth, 0.1, 1.7), 8) for depth in (2, 3, 4, 8)]
    [0.0, 0.00450897, 0.00645105, 0.01154265]
    """
    check_depth(depth)
    _check_radii(outer_radius, inner_radius)
    if not (np.isfinite(gradient_norm) and gradient_norm >= 0):
        raise InputError(
            f"gradient_norm must be finite and >= 0. Received: gradient_norm={gradient_norm}"
        )
    power = 3 - 2 / depth
    radii = outer_radius**power - inner_radius**power
    return 2 * gradient_norm * (depth - 1) * (depth - 2) / (depth * power) * radii


def _check_radii(outer_radius: float, inner_radius: float) -> None:
    if not (0 <= inner_radius < outer_radius < np.inf):
        raise InputError(
            "Expected radii 0 <= inner_radius < outer_radius. "
            f"Received: outer_radius={outer_radius}, inner_radius={inner_radius}"
        )
