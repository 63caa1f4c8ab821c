"""The pass over the data: what one step of all runs takes from a data set."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import tensorflow as tf


class PassResult(NamedTuple):
    """Losses and gradients of R runs.

    Attributes:
        losses: Shape (R,).
        kernel_gradient: dL/dK of the end-to-end kernels, shape (R, d, k).
        bias_gradient: dL/db of the end-to-end biases, shape (R, 1, k); None without biases.
    """

    losses: tf.Tensor
    kernel_gradient: tf.Tensor
    bias_gradient: tf.Tensor | None


class DataPass(Protocol):
    r"""Losses and end-to-end gradients of R affine maps on one problem.

    With residuals e = x K + b - y, the loss of a run is c mean(e^p) over the N observed labels, c =
    1/p if the loss is scaled and 1 otherwise; N = n k of n rows and k outputs if all are observed.
    With e = 0 where a label is not observed,

    $$\frac{dL}{dK} = x^\top g, \qquad \frac{dL}{db} = \sum_{\text{rows}} g,
      \qquad g = \frac{c \, p}{N} e^{p-1}.$$

    Attributes:
        is_compilable: Whether XLA can compile the pass as a part of a larger program. It cannot
            compile sums over devices.
        is_whole: Whether every step reads all rows.
    """

    is_compilable: bool
    is_whole: bool

    def __call__(
        self, kernel: tf.Tensor, bias: tf.Tensor | None, step: tf.Tensor | None = None
    ) -> PassResult:
        """Return losses and gradients of all runs at a step.

        Args:
            kernel: End-to-end kernels, shape (R, d, k).
            bias: End-to-end biases, shape (R, 1, k), or None.
            step: Number of the step, which says which rows it reads; default None, all rows.
        """
        ...
