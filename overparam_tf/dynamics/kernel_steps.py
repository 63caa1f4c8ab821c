"""Steps of a kernel that stand for steps of its factors, each with the state that it needs.

A step takes a state, of which the first tensor is the kernel, the gradient dL/dK, the learning rate
and the weight decay of every factor, and returns the next state. None checks its arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from overparam_tf.dynamics.checks import Tensor
from overparam_tf.dynamics.end_to_end import precondition
from overparam_tf.dynamics.finite_step import exact_depth_two, exact_width_one
from overparam_tf.dynamics.products import has_products
from overparam_tf.dynamics.unbalanced import unbalanced_rule

State = tuple[Tensor, ...]
Step = Callable[[State, Tensor, Tensor, Tensor], State]


@functools.cache  # one function for each depth, so that what is compiled with it is found again
def balanced_flow(depth: float) -> Step:
    """Return the step of Theorem 1, of the state (kernel,), fit for XLA at depth 2, 4 and 8."""
    method = "products" if has_products(depth) else "svd"
    return functools.partial(_balanced_flow, depth, method)


def _balanced_flow(
    depth: float, method: str, state: State, gradient: Tensor, rate: Tensor, decay: Tensor
) -> State:
    (kernel,) = state
    direction = precondition(kernel, gradient, depth, method)
    return ((1 - rate * decay * depth) * kernel - rate * direction,)


def unbalanced_flow(state: State, gradient: Tensor, rate: Tensor, decay: Tensor) -> State:
    """Return the state (kernel, imbalance) after a step to first order in the rate."""
    kernel, imbalance = state
    depth = imbalance.shape[-1] + 1
    direction = unbalanced_rule(kernel, gradient, imbalance)
    # Weight decay shrinks the square of every factor, and so their differences, twice as fast.
    shrink = (1 - 2 * rate * decay)[..., 0]
    return (1 - rate * decay * depth) * kernel - rate * direction, shrink * imbalance


def width_one(state: State, gradient: Tensor, rate: Tensor, decay: Tensor) -> State:
    """Return the state (kernel, imbalance) after the exact step of factors of width 1."""
    kernel, imbalance = state
    return tuple(exact_width_one(kernel, gradient, imbalance, rate, 1 - rate * decay))


def depth_two(state: State, gradient: Tensor, rate: Tensor, decay: Tensor) -> State:
    """Return the state (kernel, left, right) after the exact step of two factors."""
    kernel, left, right = state
    return tuple(exact_depth_two(kernel, gradient, left, right, rate, 1 - rate * decay))
