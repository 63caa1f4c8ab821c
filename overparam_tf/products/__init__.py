"""Kernels as matrices, and weights that are products of variables in the place of one."""

from overparam_tf.products.adapter_start import zero_start
from overparam_tf.products.composing_once import composed_once
from overparam_tf.products.contraction import (
    break_even,
    by_rows,
    in_cheaper_order,
    kernel_pays_above,
    multiplied,
)
from overparam_tf.products.l2_penalty import kernel_penalty, squared_norm
from overparam_tf.products.layer_kernels import known_kernels
from overparam_tf.products.matrix_axes import MATRIX, MatrixAxes, check_axes
from overparam_tf.products.matrix_product import cost_from_left, product
from overparam_tf.products.product_variable import Product
from overparam_tf.products.splitting import is_concrete, split_matrix

__all__ = [
    "MATRIX",
    "MatrixAxes",
    "Product",
    "break_even",
    "by_rows",
    "check_axes",
    "composed_once",
    "cost_from_left",
    "in_cheaper_order",
    "is_concrete",
    "kernel_pays_above",
    "kernel_penalty",
    "known_kernels",
    "multiplied",
    "product",
    "split_matrix",
    "squared_norm",
    "zero_start",
]
