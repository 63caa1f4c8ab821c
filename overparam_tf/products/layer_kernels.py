"""Which weights of each kind of layer are kernels, and along which axes."""

from __future__ import annotations

from typing import Any

from keras.layers import Layer

from overparam_tf.products.matrix_axes import MatrixAxes

FIRST, ALL_BUT_LAST, LAST, EQUATION = "first", "all but last", "last", "equation"
STACK = "stack of matrices"
EXPERTS = {f"expert_feedforward_{name}_dense": STACK for name in ("gate", "intermediate", "output")}
# The input axes of each kernel, by the class that creates it and the weight's name. A subclass has
# those of its bases. Classes are named since some have no public name: those of Keras and KerasHub.
KERNELS = {
    "Dense": {"kernel": ALL_BUT_LAST},
    "EinsumDense": {"kernel": EQUATION},
    "BaseConv": {"kernel": ALL_BUT_LAST},
    "BaseConvTranspose": {"kernel": LAST},
    "BaseSeparableConv": {"pointwise_kernel": ALL_BUT_LAST},
    "SimpleRNNCell": {"kernel": FIRST, "recurrent_kernel": FIRST},
    "GRUCell": {"kernel": FIRST, "recurrent_kernel": FIRST},
    "LSTMCell": {"kernel": FIRST, "recurrent_kernel": FIRST},
    "ConvLSTMCell": {"kernel": ALL_BUT_LAST, "recurrent_kernel": ALL_BUT_LAST},
    "ReversibleEmbedding": {"reverse_embeddings": FIRST},
    # Experts (experts, in, out) of KerasHub, and the matrices of its layers that are no Dense.
    "MixtralMoeExperts": EXPERTS,
    "QwenMoeExperts": EXPERTS,
    "Qwen3MoeExperts": EXPERTS,
    "Qwen3_5MoeExperts": EXPERTS,
    "GptOssExperts": dict.fromkeys(("gate_up_proj", "down_proj"), STACK),
    "Gemma4MoEBlock": dict.fromkeys(("gate_proj", "up_proj", "down_proj"), STACK),
    "RWKV7TimeMix": dict.fromkeys(("w1", "w2", "a1", "a2", "v1", "v2", "g1", "g2"), FIRST),
    "MaskedLMHead": {"output_kernel": FIRST},
}
# Tables of embeddings are kernels of one-hot inputs.
TABLES = {"Embedding": {"embeddings": FIRST}, "PositionEmbedding": {"embeddings": FIRST}}
_PACKAGES = ("keras", "keras_hub")


def known_kernels(layer: Layer, tables: bool = False) -> dict[str, MatrixAxes | None]:
    """Return the axes of a built layer's own kernels by the names of the weights.

    They are None for a kernel that is no matrix. The layers inside a layer have kernels of their
    own.

    Args:
        layer: A built layer.
        tables: Whether to return tables of embeddings rather than kernels; default False.

    Example:
        >>> import keras
        >>> layer = keras.layers.Conv2D(4, 3)
        >>> layer.build((None, 8, 8, 2))
        >>> known_kernels(layer)
        {'kernel': MatrixAxes(inputs=(0, 1, 2), outputs=(3,))}
    """
    rules: dict[str, str] = {}
    for base in type(layer).__mro__:
        if base.__module__.partition(".")[0] in _PACKAGES:
            rules = {**(TABLES if tables else KERNELS).get(base.__name__, {}), **rules}
    weights = [*layer._trainable_variables, *layer._non_trainable_variables]
    ranks = {weight.name: len(weight.shape) for weight in weights}
    return {name: _axes(rule, layer, ranks[name]) for name, rule in rules.items() if name in ranks}


def _axes(rule: str, layer: Any, rank: int) -> MatrixAxes | None:
    if rule == EQUATION:
        return _einsum_axes(layer.equation)
    if rule == STACK:
        return MatrixAxes((rank - 2,), (rank - 1,)) if rank > 1 else None
    axes = tuple(range(rank))
    inputs = {FIRST: axes[:1], LAST: axes[-1:], ALL_BUT_LAST: axes[:-1]}[rule]
    return MatrixAxes.from_inputs(inputs, rank) if rank > 1 else None


def _einsum_axes(equation: str) -> MatrixAxes | None:
    inputs, _, rest = equation.partition(",")
    kernel, _, outputs = rest.partition("->")
    axes = list(enumerate(kernel))
    rows = tuple(axis for axis, letter in axes if letter in inputs and letter not in outputs)
    columns = tuple(axis for axis, letter in axes if letter in outputs and letter not in inputs)
    return MatrixAxes(rows, columns) if rows and columns else None
