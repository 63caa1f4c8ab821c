"""Comparison of two models as functions, on given or generated inputs."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from overparam_tf.checks import instance_of, real_number, whole_number
from overparam_tf.errors import EquivalenceError, InputError

BATCH, LENGTH = 4, 64  # sizes of generated inputs that the model does not fix

# Tolerances for the round-off of a few dozen layers.
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
HALF_PRECISION_TOLERANCE = 2e-2


@dataclasses.dataclass(frozen=True)
class Difference:
    """The distance between the outputs of two models, the largest over all outputs and entries.

    Attributes:
        absolute: The largest |a - b|, in the units of the outputs.
        relative: The largest |a - b| / max |a|, a pure number.
    """

    absolute: float
    relative: float


def verify_equivalent(
    a: Any, b: Any, inputs: Any = None, rtol: float | None = None, atol: float = 0.0, seed: int = 0
) -> Difference:
    r"""Return the largest difference between the outputs of two models; raise if it is too large.

    Every output must satisfy

    $$\max |a - b| \le \text{atol} + \text{rtol} \max |a|,$$

    with both models in inference mode (`training=False`). Values that are not finite count as
    different. Generated inputs that do not move the outputs show nothing: a warning says so.

    Args:
        a: A model or layer, the reference.
        b: The model or layer to compare with it.
        inputs: Data for one call of each. None (default) generates it from the inputs of `a`:
            standard normal numbers, or whole numbers that all Embedding layers know, in batches of
            4, and 64 entries where the model does not fix a length.
        rtol: Largest relative difference, >= 0, infinity allowed. None (default) for 1e-10 if all
            layers compute in float64, 1e-4 in float32 and 2e-2 in half precision.
        atol: Largest absolute difference that is allowed in addition, in the units of the outputs,
            >= 0, infinity allowed; default 0.
        seed: Seed of the generated inputs, >= 0; default 0.

    Returns:
        The differences as a `Difference`.

    Raises:
        EquivalenceError: If an output differs by more than the tolerance or is not finite.
        InputError: If inputs cannot be generated, the outputs have different structures or shapes,
            or an argument is out of its range.

    Example:
        >>> a = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> b = keras.models.clone_model(a)
        >>> b.set_weights(a.get_weights())
        >>> verify_equivalent(a, b)
        Difference(absolute=0.0, relative=0.0)
    """
    for name, model in (("a", a), ("b", b)):
        instance_of(name, model, keras.layers.Layer, "a Keras model or layer")
    seed = whole_number("seed", seed)
    atol = real_number("atol", atol, least=0, finite=False)
    if rtol is None:
        rtol = max(_tolerance(a), _tolerance(b))
    rtol = real_number("rtol", rtol, least=0, finite=False)
    generated = inputs is None
    if generated:
        inputs = _generate_inputs(a, seed)
    outputs_a, outputs_b = (_outputs(model, inputs) for model in (a, b))
    if _shapes(outputs_a) != _shapes(outputs_b):
        raise InputError(
            "Expected two models with outputs of the same structure and shapes. Received: "
            f"{_describe(outputs_a)} and {_describe(outputs_b)}"
        )
    if generated and not any(map(_moves, outputs_a.values())):
        warnings.warn(
            "every generated input gives the same outputs, which cannot tell models apart: pass "
            "inputs=...",
            UserWarning,
            stacklevel=2,
        )
    differences = {path: _difference(y, outputs_b[path]) for path, y in outputs_a.items()}
    for path, (absolute, scale) in differences.items():
        if not absolute <= atol + rtol * scale:  # also if NaN
            found = _not_finite(outputs_a[path], outputs_b[path]) or (
                f"up to {scale:.3g} in size that differ by {absolute:.3g}"
            )
            raise EquivalenceError(
                f"Expected two models that compute the same function, up to rtol={rtol:g} and "
                f"atol={atol:g}. Received: {f'outputs {path}'.strip()} {found}"
            )
    return Difference(
        absolute=max(absolute for absolute, _ in differences.values()),
        relative=max(_ratio(absolute, scale) for absolute, scale in differences.values()),
    )


def _outputs(model: Any, inputs: Any) -> dict[str, np.ndarray]:
    """Return the outputs of one call, in float64, by their path in the structure."""
    flat = tree.flatten_with_path(model(inputs, training=False))
    return {"/".join(map(str, path)): ops.convert_to_numpy(y).astype("float64") for path, y in flat}


def _difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return max |a - b| and max |a|, both NaN if an entry of either is not finite."""
    if a.size == 0:
        return 0.0, 0.0
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan"), float("nan")
    return float(np.max(np.abs(a - b))), float(np.max(np.abs(a)))


def _not_finite(a: np.ndarray, b: np.ndarray) -> str | None:
    """Return how many entries are infinite or NaN, in words; None if none are."""
    counts = [int(np.size(y) - np.isfinite(y).sum()) for y in (a, b)]
    if not any(counts):
        return None
    return f"with {counts[0]} and {counts[1]} of {np.size(a)} entries infinite or NaN"


def _moves(y: np.ndarray) -> bool:
    """Return whether the examples of a batch have different outputs."""
    return y.ndim == 0 or len(y) < 2 or not (y == y[:1]).all()


def _ratio(absolute: float, scale: float) -> float:
    if absolute == 0:
        return 0.0
    return absolute / scale if scale else math.inf


def _shapes(outputs: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {path: y.shape for path, y in outputs.items()}


def _describe(outputs: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{path or 'output'} {y.shape}" for path, y in outputs.items())


def _tolerance(model: Any) -> float:
    # Models and inputs have the global dtype, whatever the layers compute in.
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


def _generate_inputs(model: Any, seed: int) -> Any:
    if not (isinstance(model, keras.Model) and model.built and getattr(model, "inputs", None)):
        raise InputError(
            "Expected inputs=..., since inputs can be generated only for built Sequential and "
            f"functional models. Received: {type(model).__name__} {getattr(model, 'name', '')!r}"
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
    return tree.map_structure(lambda spec: _generate(spec, vocabulary, rng), specs)


def _generate(spec: Any, vocabulary: int | None, rng: np.random.Generator) -> Any:
    shape = [
        (LENGTH if axis else BATCH) if size is None else size
        for axis, size in enumerate(spec.shape)
    ]
    dtype = keras.backend.standardize_dtype(spec.dtype)
    if "float" in dtype and vocabulary is None:
        return ops.convert_to_tensor(rng.normal(size=shape), dtype=dtype)
    if dtype == "string":
        raise InputError(
            "Expected inputs=..., since text cannot be generated. "
            f"Received: input {spec.name!r} of dtype string"
        )
    # An Embedding may get its indices as floats. Without one, nothing is known of whole numbers, so
    # they are 0 or 1.
    top = 2 if vocabulary is None or dtype == "bool" else vocabulary
    return ops.convert_to_tensor(rng.integers(0, top, size=shape), dtype=dtype)
