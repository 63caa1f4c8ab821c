"""Which weights of a layer are kernels, along which axes, and what keeps one from being split."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
from keras.layers import Layer

from overparam_tf.layers.factorized_layer import FactorizedLayer
from overparam_tf.products import MatrixAxes, known_kernels
from overparam_tf.surgery._places import Place, places_of
from overparam_tf.surgery._tracking import lists


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel:
    """A weight that can be looked at as a matrix.

    Attributes:
        layer: A layer that tracks it.
        place: Where the layer holds it.
        variable: The weight.
        axes: Those of inputs and of outputs; None where they are not known or are no matrix's.
        is_table: Whether it is an embedding table.
        obstacle: What keeps it from being split, as the expectation of an error; None for nothing.
    """

    layer: Layer
    place: Place
    variable: keras.Variable
    axes: MatrixAxes | None
    is_table: bool = False
    obstacle: str | None = None

    @property
    def inputs(self) -> tuple[int, ...] | None:
        """Return the axes that the layer sums over, None where they are not known."""
        return None if self.axes is None else self.axes.inputs

    @property
    def is_stack(self) -> bool:
        """Return whether it is several matrices, one behind the other."""
        return self.axes is not None and bool(self.axes.stacks(len(self.variable.shape)))


def kernels_of(layer: Layer) -> Iterator[Kernel]:
    """Yield the weights of a layer, not of those inside it, that are or may be kernels.

    Example:
        >>> layer = keras.layers.Conv2D(4, 3)
        >>> layer.build((None, 8, 8, 2))
        >>> [(kernel.variable.name, kernel.inputs) for kernel in kernels_of(layer)]
        [('kernel', (0, 1, 2))]
    """
    if isinstance(layer, FactorizedLayer):
        return
    kernels, tables = known_kernels(layer), known_kernels(layer, tables=True)
    is_known = bool(kernels or tables)
    for variable in (variable for listed in lists(layer) for variable in listed):
        places, name = places_of(layer, variable), variable.name
        known = name in kernels or name in tables
        if not places or not (known or _may_be_kernel(variable, is_known)):
            continue
        axes = {**tables, **kernels}.get(name)
        obstacle = _obstacle(layer, variable, axes is not None) if known else None
        is_table = name in tables or (not known and "embed" in name)
        yield Kernel(layer, places[0], variable, axes, is_table, obstacle)


def _may_be_kernel(variable: Any, known_layer: bool) -> bool:
    """Return whether a weight of no known kind may be a kernel all the same.

    It holds real numbers along at least two axes longer than one. In a layer of known kind only one
    that is called so is a kernel, such as that of a depthwise convolution.
    """
    is_real = keras.backend.is_float_dtype(variable.dtype)
    is_matrix = is_real and sum(size > 1 for size in variable.shape) >= 2
    if known_layer:
        return is_matrix and "kernel" in variable.name and not variable.name.startswith("lora_")
    return is_matrix and "bias" not in variable.name


def _obstacle(layer: Layer, variable: keras.Variable, is_matrix: bool) -> str | None:
    if layer.quantization_mode is not None:
        return "a layer that is not quantised: convert before quantising"
    if getattr(layer, "lora_enabled", False):
        return "a layer without LoRA: merge its weights into a plain layer first"
    if variable.constraint is not None:
        return (
            "a layer without constraints, since no constraint on the factors is one on their "
            "product: remove it first"
        )
    if not is_matrix:
        return "a kernel that is one matrix from inputs to outputs, or a stack of them"
    return None
