"""What a variable is to its layer, as its path and shape tell: a kernel with its axes, or not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from overparam_tf.products import MATRIX, MatrixAxes

# Words in the names of variables that are no linear map, whatever their rank: shifts and factors
# of single units, and tables of vectors. MultiHeadAttention and GRU have biases of two axes,
# LayerNormalization and PReLU may have gamma, beta and alpha of two.
_BIAS = re.compile(r"bias|^b(_?[a-z])?$")
_OTHER_ROLES = re.compile(
    rf"{_BIAS.pattern}|embed|(^|_)(gamma|beta|alpha|scale|offset|emb|token)s?$"
)
# LoRA's second matrix, `lora_kernel_b`, is no bias.
_KERNEL = re.compile(r"(^|_)kernel(_[a-z])?$")
# The projections of attention in Keras and KerasHub: (inputs, heads, size), and the way back.
_PROJECTION = re.compile(r"(?P<block>(.*/)?)(query|key|value|gate)/kernel")
_OUTPUT_PROJECTION = re.compile(r"(.*/)?attention_output/kernel")
_HEADS_LAST = MatrixAxes((0,), (1, 2))
_HEADS_FIRST = MatrixAxes((1,), (0, 2))


def path_of(variable: Any) -> str:
    """Return the path of a Keras variable, or the name of another one."""
    return getattr(variable, "path", variable.name)


def is_bias(variable: Any) -> bool:
    """Return whether a variable is called a bias.

    Example:
        >>> import keras
        >>> is_bias(keras.Variable([[0.0]], name="bias")), is_bias(keras.Variable([[0.0]]))
        (True, False)
    """
    return bool(_BIAS.search(_name(path_of(variable))))


def axes_by_path(variables: Sequence[Any], any_matrix: bool = False) -> list[MatrixAxes | None]:
    """Return the axes of every variable that is a kernel, and None for the others.

    Kernels are variables of two axes that are not called a bias, an embedding, gamma, beta, alpha,
    scale and the like, and the kernels of three axes of an attention's projections. A convolution's
    kernel cannot be told from an `EinsumDense` layer's by its path: both count as None.

    Args:
        variables: The variables of a model.
        any_matrix: Whether every variable of two axes counts, unless it is a bias; default False.
    """
    shapes = {path_of(variable): tuple(variable.shape) for variable in variables}
    return [_axes(path_of(variable), shapes, any_matrix) for variable in variables]


def _axes(path: str, shapes: Mapping[str, tuple[int, ...]], any_matrix: bool) -> MatrixAxes | None:
    name, rank = _name(path), len(shapes[path])
    if rank == 2:
        other = _BIAS if any_matrix else _OTHER_ROLES
        return MATRIX if _KERNEL.search(name) or not other.search(name) else None
    if rank >= 3 and _OUTPUT_PROJECTION.fullmatch(path):
        return MatrixAxes((0, 1), tuple(range(2, rank)))
    projection = _PROJECTION.fullmatch(path)
    if rank == 3 and projection:
        return _projection_axes(projection["block"], shapes)
    return None


def _projection_axes(block: str, shapes: Mapping[str, tuple[int, ...]]) -> MatrixAxes:
    """Return the axes of an attention's query, key and value.

    Some models of KerasHub, such as Gemma, have (heads, inputs, size). There the first axis of the
    query, and not its second, is as long as the first one of the output's kernel, the heads.
    """
    query = shapes.get(f"{block}query/kernel", ())
    output = shapes.get(f"{block}attention_output/kernel", ())
    if len(query) == 3 and len(output) >= 3:
        first, second, _ = query
        heads, *_ = output
        if first == heads != second:
            return _HEADS_FIRST
    return _HEADS_LAST


def _name(path: str) -> str:
    """Return the last part of a path, in lower case and without a number at its end."""
    _, _, name = path.lower().rpartition("/")
    return re.sub(r"(_?\d+)?(:\d+)?$", "", name)
