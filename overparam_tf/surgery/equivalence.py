"""Do two models compute the same function? Measured on given or generated inputs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from overparam_tf.errors import EquivalenceError, InputError

BATCH, LENGTH = 4, 64  # where the model leaves them open

# What is left of equality after a few dozen layers of round-off.
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
HALF_PRECISION_TOLERANCE = 2e-2


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far apart the outputs of two models are, the largest over all outputs and entries.

    Attributes:
        absolute: max |a - b|, in the units of the outputs.
        relative: max |a - b| / max |a|, a pure number.
    """

    absolute: float
    relative: float


def verify_equivalent(
    a: Any, b: Any, inputs: Any = None, rtol: float | None = None, atol: float = 0.0, seed: int = 0
) -> Difference:
    r"""Return the largest difference between the outputs of two models; raise if it is above tolerance.

    For every output it asks that

    .. math:: \max |a - b| \le \text{atol} + \text{rtol} \max |a|,

    both in inference mode (`training=False`), and counts values that are not finite as different.

    Args:
        a: A model or layer, the reference.
        b: The model or layer to compare with it.
        inputs: Data for one call of each. None generates it from the inputs of ``a``: standard normal numbers,
            or whole numbers that all Embedding layers know, batches of 4 and 64 entries where a length is open.
        rtol: Largest relative difference. None for 1e-10 if all layers compute in float64, 1e-4 in float32 and
            2e-2 in half precision.
        atol: Largest absolute difference that is allowed on top, in the units of the outputs.
        seed: Seed of the generated inputs.

    Returns:
        The differences as a `Difference`.

    Raises:
        EquivalenceError: If an output differs by more than the tolerance or is not finite.
        InputError: If inputs cannot be generated, or the outputs have different structures or shapes.

    Example:
        >>> a = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> b = keras.models.clone_model(a)
        >>> b.set_weights(a.get_weights())
        >>> verify_equivalent(a, b)
        Difference(absolute=0.0, relative=0.0)
    """
    if inputs is None:
        inputs = _generated_inputs(a, seed)
    if rtol is None:
        rtol = max(_tolerance(a), _tolerance(b))
    outputs_a, outputs_b = (_outputs(model, inputs) for model in (a, b))
    if {path: y.shape for path, y in outputs_a.items()} != {
        path: y.shape for path, y in outputs_b.items()
    }:
        raise InputError(
            f"Expected two models with outputs of the same structure and shapes. Received: "
            f"{_shapes(outputs_a)} and {_shapes(outputs_b)}"
        )
    differences = {path: _difference(y, outputs_b[path]) for path, y in outputs_a.items()}
    for path, (absolute, scale) in differences.items():
        if not absolute <= atol + rtol * scale:  # also if NaN
            raise EquivalenceError(
                f"Expected two models that compute the same function, up to rtol={rtol:g} and atol={atol:g}. "
                f"Received: {'outputs' if not path else f'outputs {path}'} up to {scale:.3g} in size that differ by "
                f"{absolute:.3g}"
            )
    return Difference(
        absolute=max(absolute for absolute, _ in differences.values()),
        relative=max(_ratio(absolute, scale) for absolute, scale in differences.values()),
    )


def _outputs(model: Any, inputs: Any) -> dict[str, np.ndarray]:
    flat = tree.flatten_with_path(model(inputs, training=False))
    return {"/".join(map(str, path)): ops.convert_to_numpy(y).astype("float64") for path, y in flat}


def _difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return max |a - b| and max |a|; the first is NaN where an entry of either is not finite."""
    if a.size == 0:
        return 0.0, 0.0
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan"), float("nan")
    return float(np.max(np.abs(a - b))), float(np.max(np.abs(a)))


def _ratio(absolute: float, scale: float) -> float:
    if absolute == 0:
        return 0.0
    return absolute / scale if scale else math.inf


def _shapes(outputs: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{path or 'output'} {y.shape}" for path, y in outputs.items())


def _tolerance(model: Any) -> float:
    # Models and inputs bear the global dtype, whatever the layers compute in.
    layers = [
        layer
        for layer in model._flatten_layers()
        if not isinstance(layer, (keras.Model, keras.layers.InputLayer))
    ]
    floats = {layer.compute_dtype for layer in layers if "float" in (layer.compute_dtype or "")}
    return max(
        (TOLERANCE.get(dtype, HALF_PRECISION_TOLERANCE) for dtype in floats),
        default=TOLERANCE["float32"],
    )


def _generated_inputs(model: Any, seed: int) -> Any:
    if not (isinstance(model, keras.Model) and model.built and getattr(model, "inputs", None)):
        raise InputError(
            f"Expected inputs=..., since inputs can be generated only for built Sequential and functional models. "
            f"Received: {type(model).__name__} {getattr(model, 'name', '')!r}"
        )
    rng = np.random.default_rng(seed)
    vocabulary = min(
        (
            layer.input_dim
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.Embedding)
        ),
        default=None,
    )
    specs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return tree.map_structure(lambda spec: _generated(spec, vocabulary, rng), specs)


def _generated(spec: Any, vocabulary: int | None, rng: np.random.Generator) -> Any:
    shape = [
        (LENGTH if axis else BATCH) if size is None else size
        for axis, size in enumerate(spec.shape)
    ]
    dtype = keras.backend.standardize_dtype(spec.dtype)
    if "float" in dtype and vocabulary is None:
        return ops.convert_to_tensor(rng.normal(size=shape), dtype=dtype)
    if dtype == "string":
        raise InputError(
            f"Expected inputs=..., since text cannot be generated. Received: input {spec.name!r}"
        )
    # An Embedding may get its indices as floats. Nothing else is known of whole numbers, so they are kept to 0 and 1.
    top = 2 if vocabulary is None or dtype == "bool" else vocabulary
    return ops.convert_to_tensor(rng.integers(0, top, size=shape), dtype=dtype)
