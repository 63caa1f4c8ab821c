"""What is measured: integrals of the end-to-end field along Theorem 2's curve, and its curl."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam_tf.datasets import Problem
from overparam_tf.dynamics import closed_integral, end_to_end_field, line_integral, theorem2_curve

TOY_LABELS = np.array([2.0, 1.0])


@dataclass(frozen=True)
class Loss:
    """A loss, by its gradient.

    Attributes:
        name: Its name in tables and figures.
        gradient: Maps points (n, d) to the gradients there, (n, d).
        dimension: d.
    """

    name: str
    gradient: Callable[[np.ndarray], np.ndarray]
    dimension: int


def losses(problem: Problem, gradient_norm: float) -> list[Loss]:
    """Return linear losses in two and three dimensions, and the l_4 losses of toy and data.

    Args:
        problem: The data.
        gradient_norm: The norm of the linear losses' gradient.
    """

    def gradient_of_data(w: np.ndarray) -> np.ndarray:
        errors = w @ problem.x.T - problem.y.T
        return errors * errors * errors @ problem.x / problem.rows

    return [
        _linear_loss(gradient_norm * np.array([0.8, 0.6])),
        _linear_loss(gradient_norm * (np.array([0.3, -1.2, 0.4]) / 1.3)),
        Loss("toy, L4", lambda w: (w - TOY_LABELS) ** 3, 2),
        Loss("data, L4", gradient_of_data, problem.features),
    ]


def _linear_loss(gradient: np.ndarray) -> Loss:
    dimension = len(gradient)
    return Loss(f"linear, {dimension}-D", lambda w: np.broadcast_to(gradient, w.shape), dimension)


def integrals(
    loss: Loss,
    depths: Sequence[float],
    swept: Sequence[float],
    outer: float,
    inner: float,
    nodes: int,
) -> Iterator[dict[str, Any]]:
    """Yield integrals along Theorem 2's curve: for all depths, then over R and over r.

    Args:
        loss: The loss.
        depths: Depths N.
        swept: The depths for which R (at fixed r / R) and r vary too.
        outer: R.
        inner: r.
        nodes: Quadrature points on each of the curve's four pieces.

    Yields:
        Rows of results.csv; `over` says what varies: depth, outer or inner.
    """
    at_zero = loss.gradient(np.zeros((1, loss.dimension)))[0]
    norm = float(np.linalg.norm(at_zero))
    for over, depth, radius, hole in _curves(depths, swept, outer, inner):
        field = end_to_end_field(loss.gradient, depth)
        curve = theorem2_curve(at_zero, radius, hole)
        integral = line_integral(field, curve, nodes)
        error = np.nan
        if over == "depth":
            error = abs(line_integral(field, curve, 2 * nodes) - integral)
        yield {
            "loss": loss.name,
            "over": over,
            "depth": depth,
            "outer_radius": radius,
            "inner_radius": hole,
            "gradient_norm": norm,
            "integral": integral,
            "quadrature_error": error,
            "closed_form": closed_integral(depth, radius, norm, hole),
            "limit": closed_integral(depth, radius, norm),
        }


def _curves(
    depths: Sequence[float], swept: Sequence[float], outer: float, inner: float
) -> Iterator[tuple[str, float, float, float]]:
    """Yield what varies, N, R and r of each integral."""
    for depth in depths:
        yield "depth", depth, outer, inner
    for depth in swept:
        for factor in np.logspace(-4, 1, 6):
            yield "outer", depth, outer * factor, inner * factor
    # Not below 10^-3.5 R: the contribution of the hole would drown in the rounding of the integral.
    for depth in swept:
        for factor in np.logspace(-0.5, -3.5, 6):
            yield "inner", depth, outer, outer * factor


def curls(
    loss: Loss, depths: Sequence[float], radius: float, count: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Yield the largest curl of F, relative to its Jacobian J, at random points.

    The curl in the plane of two orthonormal vectors u, v is u^T J v - v^T J u, here in random
    planes and divided by the larger of |J u| and |J v|. It is 0 everywhere if F is a gradient
    field.

    Args:
        loss: The loss.
        depths: Depths N.
        radius: About the distance of the points from 0.
        count: Number of points.
        seed: Seed of points and planes.

    Yields:
        Rows of curl.csv.
    """
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((count, loss.dimension)) * radius / loss.dimension**0.5
    planes = np.linalg.qr(rng.standard_normal((count, loss.dimension, 2)))[0]
    u, v = planes[:, :, 0], planes[:, :, 1]
    for depth in depths:
        field = end_to_end_field(loss.gradient, depth)
        along_u, along_v = (_derivative(field, points, axis, 1e-5 * radius) for axis in (u, v))
        curl = np.sum(u * along_v - v * along_u, axis=1)
        size = np.maximum(np.linalg.norm(along_u, axis=1), np.linalg.norm(along_v, axis=1))
        relative = np.abs(curl) / np.where(size == 0, 1, size)
        yield {"loss": loss.name, "depth": depth, "relative_curl": float(relative.max())}


def _derivative(
    field: Callable[[np.ndarray], np.ndarray],
    points: np.ndarray,
    directions: np.ndarray,
    step: float,
) -> np.ndarray:
    """Return the field's derivative along a direction at each point, by central differences."""
    return (field(points + step * directions) - field(points - step * directions)) / (2 * step)
