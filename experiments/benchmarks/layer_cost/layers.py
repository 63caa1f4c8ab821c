"""The layers whose cost is measured, and their multiply-adds by formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import tensorflow as tf
from keras import layers

CNN_BATCH = 64
SEQUENCES, TOKENS, FEATURES, HEADS = 16, 64, 256, 4


@dataclass(frozen=True)
class Kernel:
    """A kernel as a matrix, and the rows it is multiplied with for each example.

    Args:
        rows: of an example. A convolution has one for each pixel of its output: what lies under the kernel.
        inputs: rows of the matrix, for a convolution height x width x channels.
        outputs: columns of the matrix.
        first: whether what it is multiplied with are data, which need no gradient.
    """

    rows: int
    inputs: int
    outputs: int
    first: bool = True

    def multiply_adds(self, order: str, batch: int, step: bool = False) -> float:
        """Multiply-adds for each example, forward or of a training step.

        A product has two gradients, each as dear as itself. The two factors meet in w = min(in, out) dimensions.

        Args:
            order: "plain" for one matrix; for two factors "chain", one after the other, or "kernel", their product.
            batch: examples that share a product of the factors.
            step: whether with the gradients.

        Example:
            >>> kernel = Kernel(rows=1, inputs=3136, outputs=512)
            >>> [kernel.multiply_adds(order, batch=64) for order in ("plain", "chain", "kernel")]
            [1605632, 1867776, 14450688.0]
        """
        width = min(self.inputs, self.outputs)
        on_data = self.rows * self.inputs * (width if order == "chain" else self.outputs)
        others = {
            "plain": 0,
            "chain": self.rows * width * self.outputs,
            "kernel": self.inputs * width * self.outputs / batch,
        }
        if not step:
            return on_data + others[order]
        return 3 * (on_data + others[order]) - self.first * on_data


@dataclass(frozen=True)
class Measured:
    """A layer to measure.

    Args:
        name: as in tables and figures.
        plain: makes it, not built.
        shape: of an example.
        batch: examples of a batch.
        kernels: its kernels.
        attention: multiply-adds for each example of attention scores and weighted values.
    """

    name: str
    plain: Callable[[], layers.Layer]
    shape: tuple[int, ...]
    batch: int
    kernels: tuple[Kernel, ...]
    attention: int = 0

    def multiply_adds(self, orders: Sequence[str], step: bool = False) -> float:
        """Multiply-adds for each example, given the order of each kernel; see `Kernel.multiply_adds`."""
        pairs = zip(self.kernels, orders, strict=True)
        own = sum(kernel.multiply_adds(order, self.batch, step) for kernel, order in pairs)
        return own + self.attention * (3 if step else 1)

    def orders(self, layer: layers.Layer) -> list[str]:
        """The order in which a built layer of this size multiplies each of its kernels on a batch."""
        parts = getattr(layer, "projections", [layer])
        if not hasattr(parts[0], "contraction_for"):
            return ["plain"] * len(self.kernels)
        pairs = zip(parts, self.kernels, strict=True)
        return [part.contraction_for(self.batch * kernel.rows) for part, kernel in pairs]

    def data(self, output_shape: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
        """A batch of standard normal inputs and targets."""
        shapes = ((self.batch, *self.shape), (self.batch, *output_shape))
        return tuple(
            tf.random.stateless_normal(shape, (0, index)) for index, shape in enumerate(shapes)
        )


def dense(inputs: int, units: int, batch: int) -> Measured:
    """A dense layer."""
    plain = partial(layers.Dense, units)
    return Measured(f"{inputs} x {units}", plain, (inputs,), batch, (Kernel(1, inputs, units),))


def _convolution(name: str, side: int, channels: int, filters: int) -> Measured:
    plain = partial(layers.Conv2D, filters, 5, padding="same", activation="relu")
    return Measured(
        name,
        plain,
        (side, side, channels),
        CNN_BATCH,
        (Kernel(side * side, 25 * channels, filters),),
    )


def _on_tokens(name: str, plain: Callable[[], layers.Layer], inputs: int, outputs: int) -> Measured:
    return Measured(name, plain, (TOKENS, inputs), SEQUENCES, (Kernel(TOKENS, inputs, outputs),))


def _projection() -> Measured:
    heads = (TOKENS, HEADS, FEATURES // HEADS)
    return _on_tokens(
        "projection",
        partial(layers.EinsumDense, "abc,cde->abde", heads, bias_axes="de"),
        FEATURES,
        FEATURES,
    )


def _attention() -> Measured:
    into, back = (Kernel(TOKENS, FEATURES, FEATURES, first) for first in (True, False))
    plain = partial(layers.MultiHeadAttention, HEADS, FEATURES // HEADS)
    products = 2 * TOKENS * TOKENS * FEATURES
    return Measured(
        "attention", plain, (TOKENS, FEATURES), SEQUENCES, (into, into, into, back), products
    )


# The convolutional network of the paper's last experiment, then a transformer block of 256 features.
MODELS = {
    layer.name: layer
    for layer in (
        _convolution("conv1", 28, 1, 32),
        _convolution("conv2", 14, 32, 64),
        Measured(
            "fc1", partial(layers.Dense, 512, "relu"), (3136,), CNN_BATCH, (Kernel(1, 3136, 512),)
        ),
        Measured("fc2", partial(layers.Dense, 10), (512,), CNN_BATCH, (Kernel(1, 512, 10),)),
        _projection(),
        _attention(),
        _on_tokens("up", partial(layers.Dense, 4 * FEATURES, "gelu"), FEATURES, 4 * FEATURES),
        _on_tokens("down", partial(layers.Dense, FEATURES), 4 * FEATURES, FEATURES),
    )
}
