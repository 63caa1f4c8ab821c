"""The rule that a variant's kernels follow, and the state from which its factors start it."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from overparam_tf.dynamics import conserved_imbalance, kernel_steps
from overparam_tf.errors import InputError, input_error
from overparam_tf.layers import FactorizedDense
from overparam_tf.sweep.variant import Variant

# The step, the kernel of every run, and by name one more array of every run.
Rule = tuple[kernel_steps.Step, list[np.ndarray], dict[str, list[np.ndarray]]]


def rule_of(variant: Variant, layers: Sequence[FactorizedDense], dtype: str) -> Rule:
    """Return the step of a variant's update, with kernels and further state of every run.

    Args:
        variant: The variant; its update is any but `"factors"`.
        layers: The layer of every run, with the initial factors.
        dtype: `"float32"` or `"float64"`.

    Raises:
        InputError: If the kernel and that state do not determine the step.
    """
    if variant.update == "end_to_end":
        kernels = [keras.ops.convert_to_numpy(layer.kernel) for layer in layers]
        return kernel_steps.balanced_flow(variant.depth), kernels, {}
    runs = [_factors(layer, dtype) for layer in layers]
    first, *_ = runs
    kernels = [_product(factors) for factors in runs]
    if _have_width_one(first):
        is_exact = variant.update == "exact"
        step = kernel_steps.width_one if is_exact else kernel_steps.unbalanced_flow
        differences = [_imbalance(variant, *run) for run in zip(runs, kernels, strict=True)]
        return step, kernels, {"imbalance": differences}
    shapes = [factor.shape for factor in first]
    # A width below min(in, out) holds the rank down, and rounding errors of Gram matrices do not.
    is_wide = len(first) == 2 and first[1].shape[0] >= min(kernels[0].shape)
    if variant.update == "exact" and is_wide:
        left, right = ([gram(*run) for run in runs] for gram in (_left_gram, _right_gram))
        return kernel_steps.depth_two, kernels, {"left": left, "right": right}
    raise input_error(
        "one output and inner widths of 1 for update='unbalanced', and those, or depth 2 with a "
        f"width of at least min(in, out), for update='exact', in the variant {variant.name!r}",
        update=variant.update,
        shapes=shapes,
    )


def _factors(layer: FactorizedDense, dtype: str) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(factor).astype(dtype) for factor in layer.factors]


def _product(factors: Sequence[np.ndarray]) -> np.ndarray:
    kernel, *others = factors
    for factor in others:
        kernel = kernel @ factor
    return kernel


def _have_width_one(factors: Sequence[np.ndarray]) -> bool:
    """Return whether all factors but one are numbers, and that one is a column or row."""
    vectors = [factor for factor in factors if factor.shape != (1, 1)]
    return len(vectors) <= 1 and all(1 in factor.shape for factor in vectors)


def _imbalance(variant: Variant, factors: Sequence[np.ndarray], kernel: np.ndarray) -> np.ndarray:
    differences = keras.ops.convert_to_numpy(conserved_imbalance(factors))
    if not kernel.any() and (differences > 0).any():
        raise InputError(
            "Expected an initial kernel other than 0, or a column of zeros, for "
            f"update={variant.update!r}: a kernel of 0 does not tell the direction of the column. "
            f"Received: the variant {variant.name!r}"
        )
    return differences


def _left_gram(first: np.ndarray, _: np.ndarray) -> np.ndarray:
    return first @ first.T


def _right_gram(_: np.ndarray, second: np.ndarray) -> np.ndarray:
    return second.T @ second
