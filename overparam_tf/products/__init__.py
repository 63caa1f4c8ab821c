"""Kernels as matrices, and weights that are products of variables in the place of one."""

from overparam_tf.products.layer_kernels import known_kernels
from overparam_tf.products.matrix_axes import MATRIX, MatrixAxes, check_axes
from overparam_tf.products.matrix_product import cost_from_left, product
from overparam_tf.products.product_variable import Product
from overparam_tf.products.splitting import is_concrete, split_matrix

__all__ = [
    "MATRIX",
    "MatrixAxes",
    "Product",
    "check_axes",
    "cost_from_left",
    "is_concrete",
    "known_kernels",
    "product",
    "split_matrix",
]
