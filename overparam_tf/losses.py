"""The l_p losses of the paper: the mean of an even power of the error, with or without 1/p."""

from __future__ import annotations

import numbers
from typing import Any

import keras
from keras import ops

from overparam_tf.errors import InputError


def check_exponent(p: float) -> int:
    """Return ``p`` as an int if it is an even whole number >= 2 (``4`` or ``4.0``), else raise `InputError`.

    Example:
        >>> check_exponent(4.0)
        4
    """
    if isinstance(p, numbers.Real) and not isinstance(p, bool) and p >= 2 and p % 2 == 0:
        return int(p)
    raise InputError(f"Expected an even whole exponent p >= 2, such as 2 or 4. Received: p={p!r}")


def even_power(e: Any, p: int) -> Any:
    r"""Raise ``e`` elementwise to the even power ``p``.

    .. math:: e^p = (e^2)^{p/2}

    by repeated squaring: multiplications only, so that the sign of ``e`` is no special case and nothing goes
    through a logarithm, several times faster than ``ops.power``.

    Args:
        e: Tensor or array of any shape.
        p: Even whole exponent >= 0.

    Returns:
        A tensor or array of the shape and dtype of ``e``.

    Raises:
        InputError: If ``p`` is not an even whole number >= 0.

    Example:
        >>> print(even_power(-3.0, 2), even_power(-3.0, 4), even_power(2.0, 10))
        9.0 81.0 1024.0
    """
    remaining = check_exponent(p + 2) // 2 - 1
    if remaining == 0:
        return ops.ones_like(e)
    square, result = e * e, None
    while True:
        if remaining % 2:
            result = square if result is None else result * square
        remaining //= 2
        if remaining == 0:
            return result
        square = square * square


@keras.saving.register_keras_serializable(package="overparam_tf")
def lp_loss(y_true: Any, y_pred: Any, p: int = 4, scale: bool = True) -> Any:
    r"""Compute the l_p loss of every example.

    .. math:: \ell_p = \frac{1}{k} \sum_{i=1}^{k} \frac{1}{p} (\hat y_i - y_i)^p

    Args:
        y_true: Labels, shape (..., k).
        y_pred: Predictions, shape (..., k). Where one of the two lacks a last axis of size 1, it is added, so
            that labels (n,) against predictions (n, 1) never broadcast to (n, n).
        p: Even whole exponent >= 2.
        scale: True divides by ``p``, as the paper's l_p does. False leaves the plain mean of ``e^p``, which
            the Keras code of 2019 minimised (``mean(e^4)``): the same minimiser, ``p`` times the gradient.

    Returns:
        Tensor of shape (...): the mean over the last axis.

    Raises:
        InputError: If ``p`` is not an even whole number >= 2, or the two shapes differ.

    Source:
        Arora, Cohen & Hazan (ICML 2018), section 3.

    Example:
        >>> print(float(lp_loss([0.0, 0.0], [1.0, -2.0], p=4)))  # (1/4 + 16/4) / 2
        2.125
        >>> print(float(lp_loss([0.0, 0.0], [1.0, -2.0], p=4, scale=False)))
        8.5
    """
    p = check_exponent(p)
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    y_true, y_pred = _same_rank(y_true, y_pred)
    powers = even_power(y_pred - y_true, p)
    # Not `ops.mean`, which on JAX and PyTorch turns float64 into float32.
    loss = ops.divide(ops.sum(powers, axis=-1), ops.shape(powers)[-1])
    return loss / p if scale else loss


@keras.saving.register_keras_serializable(package="overparam_tf")
def l4_loss(y_true: Any, y_pred: Any, scale: bool = True) -> Any:
    """Compute `lp_loss` with ``p = 4``: the loss for which the paper shows the acceleration.

    Example:
        >>> print(float(l4_loss([0.0], [2.0])), float(l4_loss([0.0], [2.0], scale=False)))
        4.0 16.0
    """
    return lp_loss(y_true, y_pred, p=4, scale=scale)


@keras.saving.register_keras_serializable(package="overparam_tf")
class LpLoss(keras.losses.Loss):
    """The l_p loss as a Keras object: `lp_loss` reduced over the batch.

    Args:
        p: Even whole exponent >= 2; an integral float such as ``4.0`` counts as whole.
        scale: Whether to divide by ``p`` (the paper does, the code of 2019 did not; see `lp_loss`).
        reduction: As in every Keras loss.
        name: Optional name.
        dtype: Dtype of the computation; `keras.config.floatx()` if None.

    Raises:
        InputError: If ``p`` is not an even whole number >= 2.

    Example:
        >>> half_mse = LpLoss(p=2)([[1.0], [3.0]], [[0.0], [0.0]])
        >>> print(float(half_mse))  # (1 + 9) / 2 / 2
        2.5
    """

    def __init__(
        self,
        p: int = 4,
        scale: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.p = check_exponent(p)
        self.scale = bool(scale)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of every example."""
        return lp_loss(y_true, y_pred, p=self.p, scale=self.scale)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "p": self.p, "scale": self.scale, "dtype": self.dtype}


@keras.saving.register_keras_serializable(package="overparam_tf")
class L4Loss(LpLoss):
    """`LpLoss` with ``p = 4``.

    Example:
        >>> print(float(L4Loss()([[2.0]], [[0.0]])), float(L4Loss(scale=False)([[2.0]], [[0.0]])))
        4.0 16.0
    """

    def __init__(
        self,
        scale: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(p=4, scale=scale, reduction=reduction, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["p"]
        return config


def _same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    shapes = tuple(y_true.shape), tuple(y_pred.shape)
    if len(shapes[0]) + 1 == len(shapes[1]) and shapes[1][-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    elif len(shapes[1]) + 1 == len(shapes[0]) and shapes[0][-1] == 1:
        y_pred = ops.expand_dims(y_pred, -1)
    elif len(shapes[0]) != len(shapes[1]) or any(
        None not in (m, n) and m != n for m, n in zip(*shapes, strict=True)
    ):
        raise InputError(
            f"Expected labels and predictions of one shape. Received: y_true.shape={shapes[0]}, "
            f"y_pred.shape={shapes[1]}"
        )
    return y_true, y_pred
