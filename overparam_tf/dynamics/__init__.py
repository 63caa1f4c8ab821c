"""The theory as pure functions on tensors: what depth does to the step of a linear layer.

The rule `K <- (1 - eta lambda N) K - eta P_K(G)` of Theorem 1:
    `end_to_end_update` is `P_K(G)`, `preconditioner` is `P_K` as an operator.
Its parts for a single output (Claim 2):
    `effective_learning_rate` and `momentum_direction`.
Its condition:
    `balance_defect`.
Without that condition, for one output and width 1, where gradient flow conserves N - 1 numbers:
    `unbalanced_update`, with `conserved_imbalance` of the factors.
For two wide Gaussian factors, between depth 2 and gradient descent:
    `mixed_update`.
Without the limit of small learning rates, for width 1 or for two factors:
    `width_one_step`, `depth_two_step`.
Its stable learning rates, by the Hessian of the loss in the factors:
    `sharpness`, of `hessian` and `kernel_hessian`.
The proof that no regularizer does the same (Theorem 2):
    `line_integral` of `end_to_end_field` along `theorem2_curve`, and its closed form
    `closed_integral`.
Slow and obvious routes to the same numbers, for comparison:
    the module `dense_reference`.
"""

from overparam_tf.dynamics.balance import BalanceDefect, balance_defect
from overparam_tf.dynamics.curvature import Sharpness, hessian, kernel_hessian, sharpness
from overparam_tf.dynamics.end_to_end import end_to_end_update, precondition
from overparam_tf.dynamics.finite_step import (
    DepthTwoStep,
    WidthOneStep,
    depth_two_step,
    width_one_step,
)
from overparam_tf.dynamics.line_integrals import line_integral
from overparam_tf.dynamics.mixed import mixed_update
from overparam_tf.dynamics.preconditioning import Preconditioner, preconditioner
from overparam_tf.dynamics.single_output import effective_learning_rate, momentum_direction
from overparam_tf.dynamics.spectrum import pair_eigenvalues
from overparam_tf.dynamics.theorem2 import closed_integral, end_to_end_field, theorem2_curve
from overparam_tf.dynamics.unbalanced import conserved_imbalance, unbalanced_update

__all__ = [  # noqa: RUF022 - grouped as in the docstring
    "end_to_end_update",
    "precondition",
    "preconditioner",
    "Preconditioner",
    "pair_eigenvalues",
    "effective_learning_rate",
    "momentum_direction",
    "balance_defect",
    "BalanceDefect",
    "unbalanced_update",
    "conserved_imbalance",
    "mixed_update",
    "width_one_step",
    "WidthOneStep",
    "depth_two_step",
    "DepthTwoStep",
    "sharpness",
    "Sharpness",
    "hessian",
    "kernel_hessian",
    "line_integral",
    "end_to_end_field",
    "theorem2_curve",
    "closed_integral",
]
