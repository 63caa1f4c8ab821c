"""Starting values of factors: near zero, or a balanced or identity-like split of a given kernel.

Near zero is what the paper trains from. The two splits turn an existing kernel into factors whose
product is that kernel. `per_factor` gives factors of equal shape different values.
"""

from overparam_tf.initializers.factor_seeds import (
    draw,
    factor_seed,
    per_factor,
    with_noise,
    with_seed,
)
from overparam_tf.initializers.idle_units import fill_idle_units
from overparam_tf.initializers.near_zero import NearZero, get
from overparam_tf.initializers.splits import (
    SPLITS,
    balanced_factors,
    identity_factors,
    low_rank,
    numerical_rank,
    pad_with_zeros,
)

__all__ = [
    "SPLITS",
    "NearZero",
    "balanced_factors",
    "draw",
    "factor_seed",
    "fill_idle_units",
    "get",
    "identity_factors",
    "low_rank",
    "numerical_rank",
    "pad_with_zeros",
    "per_factor",
    "with_noise",
    "with_seed",
]
