"""The l_p losses of the paper: the mean of an even power of the error, with or without 1/p.

Once this module is imported, `model.compile(loss="l4_loss")` and `keras.losses.get` know the names
"l4_loss", "lp_loss", "L4Loss" and "LpLoss".
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops
from keras.src.losses import ALL_OBJECTS_DICT as LOSSES_BY_NAME

from overparam_tf.checks import boolean, even_exponent, resolve
from overparam_tf.errors import InputError, input_error


def check_exponent(p: float) -> int:
    """Return an even whole exponent `p` >= 2, such as `4` or `4.0`, as an int.

    Raises:
        InputError: If `p` is not an even whole number >= 2.

    Example:
        >>> check_exponent(4.0)
        4
    """
    return even_exponent("p", p)


def even_power(e: Any, p: int) -> Any:
    r"""Raise `e` elementwise to the even power `p`.

    $$e^p = (e^2)^{p/2}$$

    by repeated squaring. It takes multiplications only: the sign of `e` is no special case, nothing
    goes through a logarithm, and it is several times faster than `ops.power`.

    Args:
        e: Tensor or array of any shape.
        p: Even whole exponent >= 0.

    Returns:
        A tensor or array of the shape and dtype of `e`.

    Raises:
        InputError: If `p` is not an even whole number >= 0.

    Example:
        >>> print(even_power(-3.0, 2), even_power(-3.0, 4), even_power(2.0, 10))
        9.0 81.0 1024.0
    """
    remaining = even_exponent("p", p, least=0) // 2
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
def lp_loss(
    y_true: Any, y_pred: Any, p: int = 4, scale: bool = True, unobserved: bool = False
) -> Any:
    r"""Return the l_p loss of every example.

    $$\ell_p = \frac{1}{k} \sum_{i=1}^{k} \frac{1}{p} (\hat y_i - y_i)^p$$

    Args:
        y_true: Labels, shape (..., k).
        y_pred: Predictions, shape (..., k). If only one of the two has a last axis of size 1, the
            other gets it too, so that labels (n,) and predictions (n, 1) never broadcast to (n, n).
        p: Even whole exponent >= 2; default 4.
        scale: True (default) divides by `p`, as the paper's l_p does. False leaves the plain mean
            of `e^p`, which the Keras code of 2019 minimised (`mean(e^4)`): the same minimiser, `p`
            times the gradient.
        unobserved: Whether labels that are NaN are unobserved: they count for nothing, and the mean
            over all examples is the mean over the observed labels. Default False, by which one NaN
            makes the loss NaN.

    Returns:
        Tensor of shape (...): the mean over the last axis. With `unobserved`, the sum over the
        observed labels of an example, times the number of examples, divided by the number of
        observed labels of all; 0 if there are none.

    Raises:
        InputError: If `p` is not an even whole number >= 2, `scale` or `unobserved` is no bool,
            labels or predictions are not numbers, or their shapes differ.

    Source:
        Arora, Cohen & Hazan (ICML 2018), section 3.

    Example:
        >>> print(float(lp_loss([0.0, 0.0], [1.0, -2.0], p=4)))  # (1/4 + 16/4) / 2
        2.125
        >>> print(float(lp_loss([0.0, 0.0], [1.0, -2.0], p=4, scale=False)))
        8.5
        >>> nan = float("nan")
        >>> losses = lp_loss([[0.0, nan], [1.0, 3.0]], [[1.0, 7.0], [1.0, 1.0]], 2, unobserved=True)
        >>> print(round(float(ops.sum(losses) / 2), 6))  # (1/2 + 0 + 4/2) / 3
        0.833333
    """
    p, scale = check_exponent(p), boolean("scale", scale)
    unobserved = boolean("unobserved", unobserved)
    y_pred = _tensor("y_pred", y_pred)
    y_true = _tensor("y_true", y_true, y_pred.dtype)
    y_true, y_pred = _same_rank(y_true, y_pred)
    if unobserved:
        loss = _mean_over_observed(y_true, y_pred, p)
        return loss / p if scale else loss
    powers = even_power(y_pred - y_true, p)
    # Not `ops.mean`, which on JAX and PyTorch turns float64 into float32.
    loss = ops.divide(ops.sum(powers, axis=-1), ops.shape(powers)[-1])
    return loss / p if scale else loss


@keras.saving.register_keras_serializable(package="overparam_tf")
def l4_loss(y_true: Any, y_pred: Any, scale: bool = True, unobserved: bool = False) -> Any:
    """Return `lp_loss` with `p = 4`, the loss for which the paper shows the acceleration.

    Args:
        y_true: Labels, shape (..., k).
        y_pred: Predictions, shape (..., k).
        scale: Whether to divide by 4; default True.
        unobserved: Whether labels that are NaN are unobserved; default False.

    Raises:
        InputError: As `lp_loss`.

    Example:
        >>> print(float(l4_loss([0.0], [2.0])), float(l4_loss([0.0], [2.0], scale=False)))
        4.0 16.0
    """
    return lp_loss(y_true, y_pred, p=4, scale=scale, unobserved=unobserved)


@keras.saving.register_keras_serializable(package="overparam_tf")
class LpLoss(keras.losses.Loss):
    """Keras loss that averages an even power of the error: `lp_loss` reduced over the batch.

    Args:
        p: Even whole exponent >= 2; a float such as `4.0` counts as whole. Default 4.
        scale: Whether to divide by `p` (the paper does, the code of 2019 did not; see `lp_loss`);
            default True.
        reduction: As in every Keras loss; default the mean over the batch.
        name: Name of the loss; default None, for the one that Keras gives.
        dtype: Dtype of the computation; default None, for `keras.config.floatx()`.
        unobserved: Whether labels that are NaN are unobserved; the loss is then the mean over the
            observed labels of the batch, also in `overparam_tf.train` on several devices. Default
            False.

    Raises:
        InputError: If `p` is not an even whole number >= 2, or `scale` or `unobserved` is no bool.

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
        unobserved: bool = False,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.p = check_exponent(p)
        self.scale = boolean("scale", scale)
        self.unobserved = boolean("unobserved", unobserved)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of every example."""
        return lp_loss(y_true, y_pred, p=self.p, scale=self.scale, unobserved=self.unobserved)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"p": self.p, "scale": self.scale, "dtype": self.dtype, "unobserved": self.unobserved}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="overparam_tf")
class L4Loss(LpLoss):
    """Keras loss that averages the fourth power of the error: `LpLoss` with `p = 4`.

    Args:
        scale: Whether to divide by 4; default True.
        reduction: As in every Keras loss; default the mean over the batch.
        name: Name of the loss; default None, for the one that Keras gives.
        dtype: Dtype of the computation; default None, for `keras.config.floatx()`.
        unobserved: Whether labels that are NaN are unobserved, see `LpLoss`; default False.

    Raises:
        InputError: If `scale` or `unobserved` is no bool.

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
        unobserved: bool = False,
    ) -> None:
        super().__init__(4, scale, reduction, name, dtype, unobserved)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["p"]
        return config


_NAMES = {"l4_loss": l4_loss, "lp_loss": lp_loss, "L4Loss": L4Loss, "LpLoss": LpLoss}
keras.saving.get_custom_objects().update(_NAMES)
# `keras.losses.get` looks names up in this table alone, and no public function adds to it.
LOSSES_BY_NAME.update(_NAMES)


def _mean_over_observed(y_true: Any, y_pred: Any, p: int) -> Any:
    """Return terms of each example whose mean is that of e^p over all observed labels."""
    is_missing = ops.isnan(y_true)
    # Twice, since the gradient of e^p at an error of NaN is NaN even where another value is taken.
    labels = ops.where(is_missing, ops.zeros_like(y_true), y_true)
    errors = ops.where(is_missing, ops.zeros_like(y_true), y_pred - labels)
    sums = ops.sum(even_power(errors, p), axis=-1)
    observed = ops.cast(ops.logical_not(is_missing), sums.dtype)
    examples = ops.sum(ops.ones_like(sums))
    return sums * (examples / ops.maximum(ops.sum(observed), ops.ones_like(examples)))


def _tensor(name: str, value: Any, dtype: str | None = None) -> Any:
    expected = "an array of numbers"
    tensor = resolve(name, value, lambda array: ops.convert_to_tensor(array, dtype), expected)
    if keras.backend.standardize_dtype(tensor.dtype) in ("string", "bool"):
        raise input_error(f"{expected} for {name}", **{name: value})
    return tensor


def _same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return the two with a last axis of size 1 added to one of them where only the other has it.

    Raises:
        InputError: If the shapes differ otherwise. A size that a graph does not know fits any.
    """
    true_shape, pred_shape = tuple(y_true.shape), tuple(y_pred.shape)
    if len(true_shape) + 1 == len(pred_shape) and pred_shape[-1] == 1:
        return ops.expand_dims(y_true, -1), y_pred
    if len(pred_shape) + 1 == len(true_shape) and true_shape[-1] == 1:
        return y_true, ops.expand_dims(y_pred, -1)
    if len(true_shape) != len(pred_shape) or any(
        None not in (m, n) and m != n for m, n in zip(true_shape, pred_shape, strict=True)
    ):
        raise InputError(
            "Expected labels and predictions of one shape. "
            f"Received: y_true.shape={true_shape}, y_pred.shape={pred_shape}"
        )
    return y_true, y_pred
