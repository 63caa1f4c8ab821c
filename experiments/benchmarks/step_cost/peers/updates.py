"""The optimizers' published updates, each written once for the arrays of NumPy and of JAX."""

from __future__ import annotations

from typing import Any

from .task import Task

# Arrays of NumPy, or JAX's, which may be traced.
Array = Any
Slots = tuple[Array, Array]


def first_slots(task: Task, factor: Array) -> Slots:
    """Return what an optimizer keeps of every entry of a factor, before the first step.

    Args:
        task: The task.
        factor: The factor.

    Returns:
        Running squares of the gradients, and running gradients (Adam) or squared moves (Adadelta).
    """
    zeros = factor * 0
    return zeros + task.hyperparameters.get("accumulator", 0.0), zeros


def updated(
    task: Task, rate: Array, factor: Array, gradient: Array, slots: Slots, step: Array
) -> tuple[Array, Slots]:
    """Return a factor and its slots after a step.

    Args:
        task: The task, whose optimizer is taken.
        rate: The learning rate.
        factor: The factor.
        gradient: Its gradient.
        slots: What the optimizer kept of it.
        step: The number of the step, from 1.
    """
    move, slots = MOVES[task.optimizer](gradient, *slots, step, **task.hyperparameters)
    return factor - rate * move, slots


def _sgd(gradient: Array, squares: Array, other: Array, step: Array) -> tuple[Array, Slots]:
    return gradient, (squares, other)


def _adagrad(
    gradient: Array, squares: Array, other: Array, step: Array, accumulator: float, epsilon: float
) -> tuple[Array, Slots]:
    squares = squares + gradient * gradient
    return gradient / (squares + epsilon) ** 0.5, (squares, other)


def _adadelta(
    gradient: Array, squares: Array, moves: Array, step: Array, rho: float, epsilon: float
) -> tuple[Array, Slots]:
    squares = rho * squares + (1 - rho) * (gradient * gradient)
    move = gradient * (moves + epsilon) ** 0.5 / (squares + epsilon) ** 0.5
    return move, (squares, rho * moves + (1 - rho) * (move * move))


def _adam(
    gradient: Array,
    squares: Array,
    mean: Array,
    step: Array,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[Array, Slots]:
    squares = beta_2 * squares + (1 - beta_2) * (gradient * gradient)
    mean = beta_1 * mean + (1 - beta_1) * gradient
    size = (1 - beta_2**step) ** 0.5 / (1 - beta_1**step)
    return size * mean / (squares**0.5 + epsilon), (squares, mean)


MOVES = {"sgd": _sgd, "adagrad": _adagrad, "adadelta": _adadelta, "adam": _adam}
