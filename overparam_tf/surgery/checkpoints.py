"""Loading of checkpoints of factorised models straight into plain Keras layers."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras

import overparam_tf.layers  # noqa: F401  registers the factorised layers of a file
from overparam_tf.checks import boolean, file_path
from overparam_tf.errors import DataError, InputError, input_error, words_of
from overparam_tf.layers.skip_init import skip_initialization
from overparam_tf.surgery._collapse import collapse
from overparam_tf.surgery._rebuild import check_built, copy_of, is_rebuilt_exactly, rebuild


def load_collapsed(
    path: str | os.PathLike[str],
    model: keras.Model | Callable[[], keras.Model] | None = None,
    compile: bool = False,
) -> keras.Model:
    """Return the plain model that a checkpoint of a factorised model holds.

    The file is read in Keras's safe mode, which runs no code from a file.

    Args:
        path: A `.keras` file, or a `.weights.h5` file together with `model`.
        model: The factorised model whose weights the `.weights.h5` file holds, or a function
            without arguments that builds it; default None. The weights go into a copy: the model is
            not changed.
        compile: Whether to compile the plain model as the `.keras` file says, with a fresh
            optimizer state; default False.

    Returns:
        A new model without factorised layers, as `overparam_tf.collapse` makes it.

    Raises:
        DataError: If there is no such file, or Keras cannot read it: it is damaged, or holds
            classes that are not registered or weights of other shapes.
        InputError: If the suffix is neither of the two, or `model` is missing or not needed.

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
    path = file_path("path", path)
    compile = boolean("compile", compile)
    if not path.is_file():
        raise DataError(
            f"Expected a checkpoint file. Received: path={str(path)!r}, which does not exist"
        )
    if path.name.endswith(".keras"):
        if model is not None:
            raise input_error("no model with a .keras file, which holds its own", path=str(path))
        with _damage_as_errors(path), skip_initialization():
            if not zipfile.is_zipfile(path):  # Keras would say that there is no such file
                raise ValueError("no zip archive, or the beginning of one")
            deep = keras.saving.load_model(path, compile=compile)
        return collapse(deep, compile=compile)
    if not path.name.endswith(".weights.h5"):
        raise input_error("a file that ends in .keras or .weights.h5", path=str(path))
    if compile:
        raise input_error("compile=False, since a weights file holds no loss", path=str(path))
    deep = _fresh_copy(model)
    with _damage_as_errors(path):
        deep.load_weights(path)
    return collapse(deep)


@contextlib.contextmanager
def _damage_as_errors(path: Path) -> Iterator[None]:
    """Turn whatever Keras raises on a file into an error of one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # zip, json, h5 and Keras have errors of a dozen types
        raise DataError(
            f"Expected a checkpoint that Keras can read in {path}. Received: {words_of(error, 300)}"
        ) from error


def _fresh_copy(model: Any) -> keras.Model:
    """Return a copy of a model, or the model that a function builds."""
    if isinstance(model, keras.Model):
        check_built(model)
        if not is_rebuilt_exactly(model):
            return copy_of(model)
        copy, _ = rebuild(model, lambda layer: None)
        return copy
    if not callable(model):
        raise input_error(
            "model=..., the factorised model whose weights the file holds or a function that "
            "builds it",
            model=model,
        )
    with skip_initialization():
        built = model()
    if not isinstance(built, keras.Model):
        raise InputError(
            f"Expected a function that builds a Keras model. Received: model={model!r}, "
            f"which returns a {type(built).__name__}"
        )
    return built
