"""Which weights of a layer are kernels, along which axes, and what keeps one from being split."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
from keras.layers import Layer

from overparam_tf.layers.factorized_layer import FactorizedLayer
from overparam_tf.surgery._places import Place, places_of
from overparam_tf.surgery._tracking import lists

FIRST, ALL_BUT_LAST, LAST, EQUATION = "first", "all but last", "last", "equation"
# The input axes of each weight, by the class that creates it and the weight's name. A subclass has
# those of its bases: whatever it computes, the value of its kernel stays the same. Classes are
# named since some have no public name: those of Keras and KerasHub.
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
}
# Tables are kernels of one-hot inputs. They are converted only if asked for: a step on a few rows
# would become one on the whole table.
TABLES = {"Embedding": {"embeddings": FIRST}}
PACKAGES = ("keras", "keras_hub")


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel:
    """A weight that can be looked at as a matrix.

    Attributes:
        layer: A layer that tracks it.
        place: Where the layer holds it.
        variable: The weight.
        inputs: Axes that the layer sums over; None where they are not known or are no matrix's.
        is_table: Whether it is an embedding table.
        obstacle: What keeps it from being split, as the expectation of an error; None for nothing.
    """

    layer: Layer
    place: Place
    variable: keras.Variable
    inputs: tuple[int, ...] | None
    is_table: bool = False
    obstacle: str | None = None


def kernels_of(layer: Layer) -> Iterator[Kernel]:
    """Yield the weights of a layer, not of those inside it, that have at least two axes.

    Example:
        >>> layer = keras.layers.Conv2D(4, 3)
        >>> layer.build((None, 8, 8, 2))
        >>> [(kernel.variable.name, kernel.inputs) for kernel in kernels_of(layer)]
        [('kernel', (0, 1, 2))]
    """
    if isinstance(layer, FactorizedLayer):
        return
    kernels, tables = _rules(layer, KERNELS), _rules(layer, TABLES)
    for variable in (variable for listed in lists(layer) for variable in listed):
        places, name = places_of(layer, variable), variable.name
        rule = kernels.get(name, tables.get(name))
        known_layer = bool(kernels or tables)
        if not places or (rule is None and not _may_be_kernel(variable, known_layer)):
            continue
        inputs = None if rule is None else _inputs(rule, layer, variable)
        obstacle = None if rule is None else _obstacle(layer, variable, inputs)
        yield Kernel(layer, places[0], variable, inputs, name in tables, obstacle)


def _may_be_kernel(variable: Any, known_layer: bool) -> bool:
    """Return whether a weight without a rule may be a kernel all the same.

    It holds real numbers along at least two axes longer than one. In a layer of known kind only one
    that is called so is a kernel, such as that of a depthwise convolution.
    """
    is_real = keras.backend.is_float_dtype(variable.dtype)
    is_matrix = is_real and sum(size > 1 for size in variable.shape) >= 2
    return is_matrix and ("kernel" in variable.name if known_layer else "bias" not in variable.name)


def _rules(layer: Layer, table: dict[str, dict[str, str]]) -> dict[str, str]:
    rules: dict[str, str] = {}
    for base in type(layer).__mro__:
        if base.__module__.partition(".")[0] in PACKAGES:
            rules = {**table.get(base.__name__, {}), **rules}
    return rules


def _inputs(rule: str, layer: Layer, variable: keras.Variable) -> tuple[int, ...] | None:
    axes = tuple(range(len(variable.shape)))
    if rule == EQUATION:
        inputs = _summed_axes(layer.equation)
    else:
        inputs = {FIRST: axes[:1], LAST: axes[-1:], ALL_BUT_LAST: axes[:-1]}[rule]
    return inputs if inputs and len(inputs) < len(axes) else None


def _summed_axes(equation: str) -> tuple[int, ...] | None:
    """Return the axes of the kernel that an equation sums over; None for a stack of matrices."""
    terms, _, outputs = equation.partition("->")
    inputs, _, kernel = terms.partition(",")
    if any(letter in inputs and letter in outputs for letter in kernel):
        return None
    return tuple(axis for axis, letter in enumerate(kernel) if letter not in outputs)


def _obstacle(layer: Layer, variable: keras.Variable, inputs: tuple[int, ...] | None) -> str | None:
    if layer.quantization_mode is not None:
        return "a layer that is not quantised: convert before quantising"
    if getattr(layer, "lora_enabled", False):
        return "a layer without LoRA: merge its weights into a plain layer first"
    if variable.constraint is not None:
        return (
            "a layer without constraints, since no constraint on the factors is one on their "
            "product: remove it first"
        )
    if inputs is None:
        return "a kernel that is one matrix from inputs to outputs, not a stack of them"
    return None
