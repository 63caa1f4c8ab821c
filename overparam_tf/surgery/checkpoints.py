"""Checkpoints of factorised models, loaded straight into the plain architecture."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import keras

import overparam_tf.layers  # noqa: F401  Keras finds the factorised layers of a file once they are registered.
from overparam_tf.errors import DataError, InputError
from overparam_tf.layers.skip_init import skip_initialization
from overparam_tf.surgery._collapse import collapse
from overparam_tf.surgery._rebuild import check_model, rebuilt


def load_collapsed(
    path: str | os.PathLike[str],
    model: keras.Model | Callable[[], keras.Model] | None = None,
    compile: bool = False,
) -> keras.Model:
    """Return the plain model that a checkpoint of a factorised model holds.

    The file is read in Keras's safe mode, which runs no code that comes with a file.

    Args:
        path: A ``.keras`` file, or a ``.weights.h5`` file together with ``model``.
        model: The factorised model whose weights the ``.weights.h5`` file holds, or a function without arguments
            that builds it. The weights go into a copy: a model given here stays as it is.
        compile: Whether to compile the plain model as the ``.keras`` file says, with a fresh optimizer state.

    Returns:
        A new model without factorised layers, as `overparam_tf.collapse` makes it.

    Raises:
        DataError: If there is no such file.
        InputError: If the suffix is neither, or ``model`` is missing or not needed.

    Example:
        >>> import tempfile
        >>> from overparam_tf.layers import FactorizedDense
        >>> deep = keras.Sequential([keras.Input((3,)), FactorizedDense(2, name="head")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     deep.save(f"{folder}/deep.keras")
        ...     plain = load_collapsed(f"{folder}/deep.keras")
        >>> type(plain.layers[0]).__name__
        'Dense'
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"Expected a checkpoint file. Received: path={str(path)!r}, where there is none"
        )
    if path.name.endswith(".keras"):
        if model is not None:
            raise InputError(
                f"Expected no model with a .keras file, which holds its own. Received: path={str(path)!r}"
            )
        with skip_initialization():
            deep = keras.saving.load_model(path, compile=compile)
        return collapse(deep, compile=compile)
    if not path.name.endswith(".weights.h5"):
        raise InputError(
            f"Expected a file that ends in .keras or .weights.h5. Received: path={str(path)!r}"
        )
    if compile:
        raise InputError(
            f"Expected compile=False, as a weights file holds no loss. Received: path={str(path)!r}"
        )
    deep = _unshared(model)
    deep.load_weights(path)
    return collapse(deep)


def _unshared(model: keras.Model | Callable[[], keras.Model] | None) -> keras.Model:
    if isinstance(model, keras.Model):
        check_model(model)
        return rebuilt(model, lambda layer: None)[0]
    if not callable(model):
        raise InputError(
            f"Expected model=..., the factorised model whose weights the file holds or a function that builds it. "
            f"Received: model={model!r}"
        )
    with skip_initialization():
        return model()
