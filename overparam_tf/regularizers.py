"""Penalties on a factorised layer: on the end-to-end product, on every factor, or on the first."""

from __future__ import annotations

from typing import Any

import keras

from overparam_tf.checks import one_of, positive_int, resolve

PLACES = ("product", "factors", "first")


def penalty_on(place: str, regularizer: Any, depth: int = 2) -> dict[str, Any]:
    r"""Return the arguments that put a penalty on one place of a factorised layer.

    For a plain layer the three places are one. For a product $K = F_1 \cdots F_N$ they are
    different objectives. Let the penalty be $\frac{\lambda}{2} |\cdot|_F^2$, in Keras
    `L2(lambda / 2)`, let s run over the singular values of K, and let the factors follow the
    gradient flow of the penalty alone. The last column is the least penalty over all factors of the
    same K:

    | place | penalty | velocity of K | least penalty |
    |---|---|---|---|
    | `"product"` | $\frac\lambda2 |K|^2$ | $-P_K(\lambda K)$ | $\frac\lambda2 \sum s^2$ |
    | `"factors"` | $\frac\lambda2 \sum |F_j|^2$ | $-N \lambda K$ | $\frac\lambda2 N \sum s^{2/N}$ |
    | `"first"` | $\frac\lambda2 |F_1|^2$ | $-\lambda K$ | 0 |

    **Product.** This is the objective of the plain layer with weight decay, and the one that
    `overparameterize` and `collapse` carry over. Its gradient $\lambda K$ reaches the factors by
    the chain rule, as the gradient of the loss does, so it meets the same preconditioner $P_K$ of
    Theorem 1. For balanced factors a singular value moves at the rate $-N \lambda s^{3-2/N}$, that
    is $N s^{2-2/N}$ times as fast as in the plain layer. For depth 2 this is faster above s = 1/2
    and slower below: the value falls like 1/t, not exponentially. A large penalty therefore falls
    fast at first without any acceleration of the loss, so log the two separately.

    **Factors.** This is the decay $1 - \eta \lambda N$ of Theorem 1. From
    $\dot F_j = -\lambda F_j$ every one of the N terms of $\dot K$ is $-\lambda K$. Balanced factors
    of K have singular values $s^{1/N}$, so that

    $$\sum_j |F_j|_F^2 = N \sum_r s_r^{2/N} = N \, \|K\|_{S_{2/N}}^{2/N},$$

    a Schatten (quasi-)norm, and no other factors of K have a smaller sum. The penalty thus makes
    the singular values sparse: it is twice the nuclear norm for depth 2, and not convex from depth
    3 on. Small values decay at the same relative rate as large ones, while the preconditioned loss
    pulls less on them, so that they stay at 0.

    **First.** This is what remains of weight decay when only one of N `Dense` layers has a
    regularizer. K decays as in the plain layer, without acceleration. As an objective it asks for
    nothing: F_1 / c and c F_2 have the same product, and the penalty goes to 0 as c grows. Balance
    is lost: $F_1^\top F_1 - F_2 F_2^\top$ moves by $-2 \lambda F_1^\top F_1$.

    The velocities of `"factors"` and `"first"` hold for any factors, balanced or not, and for
    convolutions. The other statements are about balanced matrices.

    Args:
        place: `"product"`, `"factors"` or `"first"`.
        regularizer: A Keras regularizer or its name, or None for no penalty.
        depth: Number of factors N >= 1 of the layer, which `"first"` needs; default 2.

    Returns:
        `kernel_regularizer` and `factor_regularizer`, arguments of every factorised layer.

    Raises:
        InputError: If the place is none of the three, Keras knows no such regularizer, or `depth`
            is not a positive integer.

    Source:
        Arora, Cohen & Hazan 2018, Theorem 1; Srebro, Rennie & Jaakkola, "Maximum-Margin Matrix
        Factorization" (NIPS 2004), for the nuclear norm; Dai, Karzand & Srebro, "Representation
        Costs of Linear Neural Networks" (NeurIPS 2021), for any depth.

    Example: one singular value 4 has balanced factors 2 and 2, and penalties 4^2, 2^2 + 2^2, 2^2.

        >>> from overparam_tf.layers import FactorizedDense
        >>> def penalty(place):
        ...     layer = FactorizedDense(1, depth=2, **penalty_on(place, keras.regularizers.L2(1.0)))
        ...     layer.build((None, 1))
        ...     layer.assign_kernel([[4.0]])
        ...     return round(float(keras.ops.convert_to_numpy(sum(layer.losses))), 4)
        >>> penalty("product"), penalty("factors"), penalty("first")
        (16.0, 8.0, 4.0)
    """
    place = one_of("place", place, PLACES)
    depth = positive_int("depth", depth)
    penalty = resolve(
        "regularizer",
        regularizer,
        keras.regularizers.get,
        "a Keras regularizer, its name or None",
    )
    if place == "product":
        return {"kernel_regularizer": penalty, "factor_regularizer": None}
    on_factors = penalty if place == "factors" else [penalty] + [None] * (depth - 1)
    return {"kernel_regularizer": None, "factor_regularizer": on_factors}
