"""What `experiments.no_regularizer` measures: closed line integrals of the end-to-end field, and its curl."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from overparam_tf.datasets import Problem
from overparam_tf.dynamics import closed_integral, end_to_end_field, line_integral, theorem2_curve

TOY_LABELS = np.array([2.0, 1.0])


@dataclass(frozen=True)
class Loss:
    """A loss by its gradient, a function of points (n, d)."""

    name: str
    gradient: Callable[[np.ndarray], np.ndarray]
    dimension: int


def losses(problem: Problem, gradient_norm: float) -> list[Loss]:
    """Linear losses in two and three dimensions, and the l_4 losses of a two-example toy and of the data."""

    def linear(unit: np.ndarray) -> Loss:
        return Loss(
            f"linear, {len(unit)}-D",
            lambda w: np.broadcast_to(gradient_norm * unit, w.shape),
            len(unit),
        )

    def of_data(w: np.ndarray) -> np.ndarray:
        errors = w @ problem.x.T - problem.y.T
        return errors * errors * errors @ problem.x / problem.rows

    toy = Loss("toy, L4", lambda w: (w - TOY_LABELS) ** 3, 2)
    data = Loss("data, L4", of_data, problem.features)
    return [linear(np.array([0.8, 0.6])), linear(np.array([0.3, -1.2, 0.4]) / 1.3), toy, data]


def integrals(
    loss: Loss,
    depths: Sequence[float],
    swept: Sequence[float],
    outer: float,
    inner: float,
    nodes: int,
) -> Iterator[dict]:
    """Rows of integrals along Theorem 2's curve: for all depths, then, for those `swept`, over R and over r.

    Args:
        loss: the loss.
        depths: depths N.
        swept: those of them for which R (at fixed r / R) and r vary too.
        outer: R.
        inner: r.
        nodes: quadrature points on each of the curve's four pieces.
    """
    cases = [("depth", depth, outer, inner) for depth in depths]
    cases += [
        ("outer", depth, outer * f, inner * f) for depth in swept for f in np.logspace(-4, 1, 6)
    ]
    # Not below 1e-3.5 R: what the hole takes away would drown in the rounding of the integral.
    cases += [
        ("inner", depth, outer, outer * f) for depth in swept for f in np.logspace(-0.5, -3.5, 6)
    ]
    at_zero = loss.gradient(np.zeros((1, loss.dimension)))[0]
    norm = float(np.linalg.norm(at_zero))
    for over, depth, radius, hole in cases:
        field, curve = end_to_end_field(loss.gradient, depth), theorem2_curve(at_zero, radius, hole)
        integral = line_integral(field, curve, nodes)
        error = (
            abs(line_integral(field, curve, 2 * nodes) - integral) if over == "depth" else np.nan
        )
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


def curls(
    loss: Loss, depths: Sequence[float], radius: float, count: int, seed: int
) -> Iterator[dict]:
    """Rows of the largest curl of F, relative to its Jacobian J, at random points about `radius` away.

    The curl in the plane of two orthonormal vectors u, v is u^T J v - v^T J u, here in random planes and divided by
    the larger of |J u| and |J v|. It is 0 everywhere if F is a gradient field.
    """
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((count, loss.dimension)) * radius / loss.dimension**0.5
    planes = np.linalg.qr(rng.standard_normal((count, loss.dimension, 2)))[0]
    for depth in depths:
        field = end_to_end_field(loss.gradient, depth)
        along = [_derivative(field, points, planes[:, :, i], 1e-5 * radius) for i in range(2)]
        curl = np.sum(planes[:, :, 0] * along[1] - planes[:, :, 1] * along[0], axis=1)
        size = np.max(np.linalg.norm(along, axis=2), axis=0)
        relative = np.abs(curl) / np.where(size == 0, 1, size)
        yield {"loss": loss.name, "depth": depth, "relative_curl": float(relative.max())}


def _derivative(
    field: Callable, points: np.ndarray, directions: np.ndarray, step: float
) -> np.ndarray:
    """The field's derivative along a direction at each point, by central differences."""
    return (field(points + step * directions) - field(points - step * directions)) / (2 * step)
