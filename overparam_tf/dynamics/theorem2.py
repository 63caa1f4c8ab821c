"""Theorem 2: the end-to-end rule follows no gradient field, so no regularizer replaces depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

from overparam_tf.checks import list_of, real_number, resolve
from overparam_tf.dynamics.end_to_end import end_to_end_update
from overparam_tf.dynamics.line_integrals import Field, Segment
from overparam_tf.errors import input_error


def end_to_end_field(
    gradient: np.ndarray | Callable[[np.ndarray], np.ndarray], depth: float
) -> Field:
    r"""Return the vector field that the end-to-end rule of a single output follows.

    $$F(w) = |w|^{2-2/N} \, \bigl(g(w) + (N-1) \, \mathrm{Pr}_w g(w)\bigr)$$

    It is computed by `end_to_end_update` itself, in float64 (on JAX only with `JAX_ENABLE_X64=1`).

    Args:
        gradient: The loss's gradient `g`: a function of points (n, d) that returns (n, d), or one
            vector (d,) for a linear loss.
        depth: `N >= 1`.

    Returns:
        A function from points (n, d) to vectors (n, d), for `line_integral`.

    Raises:
        InputError: If the gradient is neither a function nor a vector of finite numbers, or the
            depth is below 1.

    Source: Arora, Cohen & Hazan 2018, Theorem 2 and Claim 2.

    Example:
        At `w = (0, 4)` depth 2 gives 4 times the gradient, and once more along `w`.

        >>> import numpy as np
        >>> field = end_to_end_field(np.array([1.0, 1.0]), depth=2)
        >>> np.round(field(np.array([[0.0, 4.0]])), 12).tolist()
        [[4.0, 8.0]]
    """
    depth = real_number("depth", depth, least=1)
    gradient_at = gradient if callable(gradient) else _constant(_vector("gradient", gradient))

    def field(points: np.ndarray) -> np.ndarray:
        columns, gradients = (
            np.asarray(vectors, "float64")[..., None] for vectors in (points, gradient_at(points))
        )
        return ops.convert_to_numpy(end_to_end_update(columns, gradients, depth))[..., 0]

    return field


def theorem2_curve(
    direction: np.ndarray, outer_radius: float, inner_radius: float
) -> tuple[Segment, ...]:
    r"""Return the closed curve of Theorem 2's proof, four segments.

    With the unit vector `e` of `direction`: straight from `-R e` to `-r e`, half a circle of radius
    `r` to `r e`, straight to `R e`, half a circle of radius `R` back to `-R e`. The origin, where
    the field is not smooth, stays outside. The straight pieces run evenly in log |w|: the field
    behaves as a power of |w|, which is then an exponential in the parameter, and Gauss-Legendre
    quadrature stays accurate down to the smallest `r`.

    Args:
        direction: Vector (d,), d >= 2, not zero; the theorem takes the loss's gradient at 0.
        outer_radius: R, above `inner_radius`.
        inner_radius: r > 0.

    Returns:
        Segments for `line_integral`.

    Raises:
        InputError: If the direction is no finite non-zero vector, or not 0 < r < R.

    Source: Arora, Cohen & Hazan 2018, proof of Theorem 2.

    Example:
        The curve is closed.

        >>> import numpy as np
        >>> curve = theorem2_curve(np.array([3.0, 4.0]), outer_radius=5.0, inner_radius=1.0)
        >>> ends = [segment(np.array([0.0, 1.0]))[0] for segment in curve]
        >>> np.round(ends, 9).tolist()[0]
        [[-3.0, -4.0], [-0.6, -0.8]]
        >>> bool(np.allclose([end[1] for end in ends], [ends[(i + 1) % 4][0] for i in range(4)]))
        True
    """
    direction = _vector("direction", direction)
    length = np.linalg.norm(direction)
    if direction.size < 2 or not np.isfinite(length) or length == 0:
        raise input_error(
            "a non-zero vector (d,), d >= 2, for direction", direction=direction.tolist()
        )
    outer, inner = _radii(outer_radius, inner_radius)
    if inner == 0:
        raise input_error("inner_radius > 0, since the curve avoids the origin", inner_radius=0)
    unit = direction / length
    # Any unit vector orthogonal to e spans the circles' plane; the axis least aligned with e loses
    # no digits.
    across = np.eye(unit.size)[np.argmin(np.abs(unit))]
    across = across - unit * (across @ unit)
    across /= np.linalg.norm(across)
    return (
        _straight(unit, -outer, -inner),
        _half_circle(unit, across, inner, np.pi, 0.0),
        _straight(unit, inner, outer),
        _half_circle(unit, across, outer, 0.0, np.pi),
    )


def closed_integral(
    depth: float, outer_radius: float, gradient_norm: float, inner_radius: float = 0.0
) -> float:
    r"""Return the integral of the end-to-end field along Theorem 2's curve, for a linear loss.

    $$2 |g| \, \frac{(N-1)(N-2)}{N (3-2/N)} \, \bigl(R^{3-2/N} - r^{3-2/N}\bigr)$$

    On the straight pieces `F . e = N |g| |w|^(2-2/N)`; on a circle `Pr_w g` is orthogonal to the
    curve and `g . dw` sums to `2 |g|` times the radius. For `N > 2` it is not 0, so that the field
    is no gradient field. At `N = 2` it vanishes, and the field of a linear loss is indeed the
    gradient of `|w| <w, g>`.

    Args:
        depth: `N >= 1`.
        outer_radius: R, above `inner_radius`.
        gradient_norm: |g| >= 0.
        inner_radius: r >= 0; default 0, the limit that the theorem takes.

    Returns:
        The integral, a float.

    Raises:
        InputError: If the depth is below 1, not 0 <= r < R, or the norm is negative, or if the
            integral is too large for a float.

    Source: Arora, Cohen & Hazan 2018, proof of Theorem 2.

    Example:
        >>> [round(closed_integral(depth, 0.1, 1.7), 8) for depth in (2, 3, 4, 8)]
        [0.0, 0.00450897, 0.00645105, 0.01154265]
    """
    depth = real_number("depth", depth, least=1)
    outer, inner = _radii(outer_radius, inner_radius)
    norm = real_number("gradient_norm", gradient_norm, least=0)
    power = 3 - 2 / depth
    share = (1 - 1 / depth) * (1 - 2 / depth) * depth / power
    with np.errstate(over="ignore", invalid="ignore"):
        integral = 2 * norm * share * (np.float64(outer) ** power - np.float64(inner) ** power)
    if not np.isfinite(integral):
        raise input_error(
            "radii and a norm whose integral is a finite number",
            depth=depth,
            outer_radius=outer,
            gradient_norm=norm,
        )
    return float(integral)


def _constant(vector: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the gradient of a linear loss, the same vector at all points."""
    return lambda points: np.broadcast_to(vector, points.shape)


def _straight(unit: np.ndarray, start: float, end: float) -> Segment:
    """Return the segment from `start * unit` to `end * unit`; the two numbers have one sign."""
    rate = np.log(end / start)

    def segment(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = (start * np.exp(rate * t))[:, None] * unit
        return points, rate * points

    return segment


def _half_circle(
    unit: np.ndarray, across: np.ndarray, radius: float, start: float, end: float
) -> Segment:
    """Return the arc from the angle `start` to `end` in the plane of `unit` and `across`."""

    def segment(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        angle = (start + (end - start) * t)[:, None]
        points = radius * (np.cos(angle) * unit + np.sin(angle) * across)
        return points, (end - start) * radius * (np.cos(angle) * across - np.sin(angle) * unit)

    return segment


def _vector(name: str, values: object) -> np.ndarray:
    """Return a vector (d,) of finite numbers as float64."""
    entries = resolve(name, values, np.asarray, "a vector of numbers").tolist()
    return np.array(list_of(name, entries, real_number), np.float64)


def _radii(outer_radius: float, inner_radius: float) -> tuple[float, float]:
    outer = real_number("outer_radius", outer_radius)
    inner = real_number("inner_radius", inner_radius)
    if not 0 <= inner < outer:
        raise input_error(
            "radii 0 <= inner_radius < outer_radius", outer_radius=outer, inner_radius=inner
        )
    return outer, inner
