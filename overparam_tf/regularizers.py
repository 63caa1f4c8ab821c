"""What a penalty on a factorised layer is put on: the end-to-end product, every factor, or the first factor."""

from __future__ import annotations

from typing import Any

import keras

from overparam_tf.checks import positive_int
from overparam_tf.errors import InputError

PLACES = ("product", "factors", "first")


def penalty_on(place: str, regularizer: Any, depth: int = 2) -> dict[str, Any]:
    r"""Return the arguments that put a penalty on one place of a factorised layer.

    For a plain layer the three places are one. For a product :math:`K = F_1 \cdots F_N` they are different
    objectives. Let the penalty be :math:`\frac{\lambda}{2} |\cdot|_F^2`, in Keras ``L2(lambda / 2)``, let s run
    over the singular values of K, and let the factors follow the gradient flow of the penalty alone:

    =============  ==================================  =======================  =================================
    place          penalty                             velocity of K            least penalty, over all factors
                                                                                of the same K
    =============  ==================================  =======================  =================================
    ``"product"``  :math:`\frac\lambda2 |K|^2`         :math:`-P_K(\lambda K)`  :math:`\frac\lambda2 \sum s^2`
    ``"factors"``  :math:`\frac\lambda2 \sum |F_j|^2`  :math:`-N \lambda K`     :math:`\frac\lambda2 N \sum s^{2/N}`
    ``"first"``    :math:`\frac\lambda2 |F_1|^2`       :math:`-\lambda K`       0
    =============  ==================================  =======================  =================================

    **Product.** The objective of the plain layer with weight decay, and the one that `overparameterize` and
    `collapse` carry over. Its gradient :math:`\lambda K` reaches the factors by the chain rule, as that of the loss
    does, so it meets the same preconditioner :math:`P_K` of Theorem 1. For balanced factors a singular value moves
    at the rate :math:`-N \lambda s^{3-2/N}`, that is :math:`N s^{2-2/N}` times as fast as in the plain layer: for
    depth 2 faster above s = 1/2 and slower below, down like 1/t and not exponentially. A large penalty that falls
    fast at first is this, and need not be an acceleration of the loss: log the two apart.

    **Factors.** The decay :math:`1 - \eta \lambda N` of Theorem 1. From :math:`\dot F_j = -\lambda F_j` every one
    of the N terms of :math:`\dot K` is :math:`-\lambda K`. Balanced factors of K have singular values
    :math:`s^{1/N}`, so that

    .. math:: \sum_j |F_j|_F^2 = N \sum_r s_r^{2/N} = N \, \|K\|_{S_{2/N}}^{2/N},

    a Schatten (quasi-)norm, and no other factors of K have a smaller sum. So this is a penalty that makes singular
    values sparse: twice the nuclear norm for depth 2, not convex from depth 3 on. Small values decay as fast as
    large ones, in proportion, while the preconditioned loss pulls less on them; 0 is where they stay.

    **First.** What is left of weight decay when only one of N `Dense` layers has a regularizer. K decays as in
    the plain layer, without acceleration, but as an objective it asks for nothing: F_1 / c and c F_2 have the same
    product, and the penalty goes to 0 as c grows. Balance is lost: :math:`F_1^\top F_1 - F_2 F_2^\top` moves by
    :math:`-2 \lambda F_1^\top F_1`.

    The velocities of ``"factors"`` and ``"first"`` hold for any factors, balanced or not, and for convolutions; the
    rest is about balanced matrices.

    Args:
        place: ``"product"``, ``"factors"`` or ``"first"``.
        regularizer: A Keras regularizer or its name, or None for no penalty.
        depth: Number of factors N >= 1 of the layer, which ``"first"`` has to know; default 2.

    Returns:
        ``kernel_regularizer`` and ``factor_regularizer``, arguments of every factorised layer.

    Raises:
        InputError: If the place is none of the three, or Keras knows no such regularizer.

    Source:
        Arora, Cohen & Hazan 2018, Theorem 1; Srebro, Rennie & Jaakkola, "Maximum-Margin Matrix Factorization"
        (NIPS 2004), for the nuclear norm; Dai, Karzand & Srebro, "Representation Costs of Linear Neural Networks"
        (NeurIPS 2021), for any depth.

    Example: one singular value 4 has balanced factors 2 and 2, and the penalties 4^2, 2^2 + 2^2 and 2^2.

        >>> from overparam_tf.layers import FactorizedDense
        >>> def penalty(place):
        ...     layer = FactorizedDense(1, depth=2, **penalty_on(place, keras.regularizers.L2(1.0)))
        ...     layer.build((None, 1))
        ...     layer.assign_kernel([[4.0]])
        ...     return round(float(keras.ops.convert_to_numpy(sum(layer.losses))), 4)
        >>> penalty("product"), penalty("factors"), penalty("first")
        (16.0, 8.0, 4.0)
    """
    if place not in PLACES:
        raise InputError(f"Expected a place out of {', '.join(PLACES)}. Received: place={place!r}")
    depth = positive_int("depth", depth)
    try:
        regularizer = keras.regularizers.get(regularizer)
    except ValueError as error:
        raise InputError(
            f"Expected a Keras regularizer. Received: regularizer={regularizer!r}"
        ) from error
    if place == "product":
        return {"kernel_regularizer": regularizer, "factor_regularizer": None}
    on_factors = regularizer if place == "factors" else [regularizer] + [None] * (depth - 1)
    return {"kernel_regularizer": None, "factor_regularizer": on_factors}
