"""A weight that is a product of variables, and the matrix that a kernel of any shape is."""

from overparam_tf.products.kernel_axes import KernelAxes
from overparam_tf.products.matrix_product import cost_from_left, product
from overparam_tf.products.product_variable import Product
from overparam_tf.products.splitting import is_concrete, split_matrix

__all__ = [
    "KernelAxes",
    "Product",
    "cost_from_left",
    "is_concrete",
    "product",
    "split_matrix",
]
