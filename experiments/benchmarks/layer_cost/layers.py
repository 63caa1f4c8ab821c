"""The layers to measure, with shapes and batch sizes, and their multiply-adds by formula."""

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
    """A kernel as a matrix, and the rows that it is multiplied with.

    Args:
        rows: Rows of an example. A convolution has one for each pixel of its output, the patch of
            the input under the kernel.
        inputs: Rows of the matrix; for a convolution, height x width x channels.
        outputs: Columns of the matrix.
        first: Whether it is multiplied with data, which need no gradient.
    """

    rows: int
    inputs: int
    outputs: int
    first: bool = True

    def multiply_adds(self, order: str, batch: int, step: bool = False) -> float:
        """Return the multiply-adds for each example, forward or of a training step.

        The gradients of a product of matrices are two products of the same cost. The two factors
        meet in w = min(inputs, outputs) dimensions.

        Args:
            order: `"plain"` for one matrix; for two factors `"chain"`, one after the other, or
                `"kernel"`, their product.
            batch: Number of examples, which share one product of the factors.
            step: Whether to count the gradients too.

        Example:
            >>> kernel = Kernel(rows=1, inputs=3136, outputs=512)
            >>> [kernel.multiply_adds(order, batch=64) for order in ("plain", "chain", "kernel")]
            [1605632, 1867776, 14450688.0]
        """
        width = min(self.inputs, self.outputs)
        columns = width if order == "chain" else self.outputs
        on_data = self.rows * self.inputs * columns
        on_factors = {
            "plain": 0,
            "chain": self.rows * width * self.outputs,
            "kernel": self.inputs * width * self.outputs / batch,
        }[order]
        if not step:
            return on_data + on_factors
        return 3 * (on_data + on_factors) - self.first * on_data


@dataclass(frozen=True)
class Workload:
    """A layer and the batches that it is measured on.

    Args:
        name: The layer's name in tables and figures.
        plain: Returns the plain layer, not built.
        shape: Shape of an example.
        batch: Examples of a batch.
        kernels: The layer's kernels.
        attention: Multiply-adds for each example of attention scores and weighted values.
    """

    name: str
    plain: Callable[[], layers.Layer]
    shape: tuple[int, ...]
    batch: int
    kernels: tuple[Kernel, ...]
    attention: int = 0

    @property
    def label(self) -> str:
        """Return name and batch size in words."""
        return f"{self.name}, batch {self.batch}"

    def multiply_adds(self, orders: Sequence[str], step: bool = False) -> float:
        """Return the multiply-adds for each example.

        Args:
            orders: The order of each kernel; see `Kernel.multiply_adds`.
            step: Whether to count the gradients too.
        """
        pairs = zip(self.kernels, orders, strict=True)
        total = sum(kernel.multiply_adds(order, self.batch, step) for kernel, order in pairs)
        return total + self.attention * (3 if step else 1)

    def orders(self, layer: layers.Layer) -> list[str]:
        """Return the order in which a built layer multiplies each of its kernels on a batch."""
        parts = getattr(layer, "projections", [layer])
        if not hasattr(parts[0], "contraction_for"):
            return ["plain"] * len(self.kernels)
        pairs = zip(parts, self.kernels, strict=True)
        return [part.contraction_for(self.batch * kernel.rows) for part, kernel in pairs]

    def data(self, output_shape: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a batch of standard normal inputs and targets.

        Args:
            output_shape: Shape of the layer's output for an example.
        """
        inputs = tf.random.stateless_normal((self.batch, *self.shape), (0, 0))
        targets = tf.random.stateless_normal((self.batch, *output_shape), (0, 1))
        return inputs, targets


def dense(inputs: int, units: int, batch: int) -> Workload:
    """Return a dense layer of these sizes."""
    kernel = Kernel(1, inputs, units)
    plain = partial(layers.Dense, units)
    return Workload(f"{inputs} x {units}", plain, (inputs,), batch, (kernel,))


def _convolution(name: str, side: int, channels: int, filters: int) -> Workload:
    """Return a 5 x 5 convolution on square images."""
    plain = partial(layers.Conv2D, filters, 5, padding="same", activation="relu")
    kernel = Kernel(side * side, 25 * channels, filters)
    return Workload(name, plain, (side, side, channels), CNN_BATCH, (kernel,))


def _fully_connected(name: str, inputs: int, units: int, activation: str | None) -> Workload:
    plain = partial(layers.Dense, units, activation)
    return Workload(name, plain, (inputs,), CNN_BATCH, (Kernel(1, inputs, units),))


def _on_tokens(name: str, plain: Callable[[], layers.Layer], inputs: int, outputs: int) -> Workload:
    kernel = Kernel(TOKENS, inputs, outputs)
    return Workload(name, plain, (TOKENS, inputs), SEQUENCES, (kernel,))


def _projection() -> Workload:
    heads = (TOKENS, HEADS, FEATURES // HEADS)
    plain = partial(layers.EinsumDense, "abc,cde->abde", heads, bias_axes="de")
    return _on_tokens("projection", plain, FEATURES, FEATURES)


def _attention() -> Workload:
    plain = partial(layers.MultiHeadAttention, HEADS, FEATURES // HEADS)
    into = Kernel(TOKENS, FEATURES, FEATURES)  # queries, keys and values, from data
    back = Kernel(TOKENS, FEATURES, FEATURES, first=False)
    kernels = (into, into, into, back)
    products = 2 * TOKENS * TOKENS * FEATURES
    return Workload("attention", plain, (TOKENS, FEATURES), SEQUENCES, kernels, products)


# The convolutional network of the paper's last experiment, then a transformer block of 256
# features.
_WORKLOADS = (
    _convolution("conv1", 28, 1, 32),
    _convolution("conv2", 14, 32, 64),
    _fully_connected("fc1", 3136, 512, "relu"),
    _fully_connected("fc2", 512, 10, None),
    _projection(),
    _attention(),
    _on_tokens("up", partial(layers.Dense, 4 * FEATURES, "gelu"), FEATURES, 4 * FEATURES),
    _on_tokens("down", partial(layers.Dense, FEATURES), 4 * FEATURES, FEATURES),
)
MODELS = {workload.name: workload for workload in _WORKLOADS}
