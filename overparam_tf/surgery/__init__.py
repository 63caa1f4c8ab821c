"""Conversion of whole models to factorised form and back, in place or as copies."""

from overparam_tf.surgery._collapse import collapse
from overparam_tf.surgery._overparameterize import overparameterize
from overparam_tf.surgery.checkpoints import load_collapsed
from overparam_tf.surgery.equivalence import Difference, verify_equivalent
from overparam_tf.surgery.products_in_place import axes_of_products, products_of

__all__ = [
    "Difference",
    "axes_of_products",
    "collapse",
    "load_collapsed",
    "overparameterize",
    "products_of",
    "verify_equivalent",
]
