"""The backend of Keras, chosen before it is imported, one seed for every test, and real data."""

import importlib.abc
import importlib.machinery
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # whatever the user's keras.json says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault(
    "JAX_DISABLE_MOST_OPTIMIZATIONS", "1"
)  # for what is compiled is small, and runs once
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

from tests.backends import BACKEND, portable_paths


class NoTensorFlow(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An import hook that hides TensorFlow, which the parts for every backend must not need."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "tensorflow" else None

    def create_module(self, spec):
        raise ModuleNotFoundError(
            f"under KERAS_BACKEND={BACKEND} the tests do without TensorFlow", name=spec.name
        )

    def exec_module(self, module):
        """Do nothing: `create_module` raises before, but Python requires the method."""


if BACKEND != "tensorflow":
    sys.meta_path.insert(0, NoTensorFlow())


def pytest_configure(config):
    if BACKEND != "tensorflow" and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args = portable_paths()


@pytest.fixture(autouse=True)
def fixed_seed():
    import keras

    keras.utils.set_random_seed(2019)


@pytest.fixture
def float64():
    """Let Keras compute in float64, learning rates included."""
    import keras

    def use(dtype):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(
            dtype
        )  # Keras makes it from floatx only once, for the first layer

    use("float64")
    yield
    use("float32")


@pytest.fixture(scope="session")
def ethanol():
    """Return the measured ethanol problem.

    A test is skipped if no data folder is named, and fails if the folder lacks the data.
    """
    from overparam_tf.datasets import load

    if not os.environ.get("OVERPARAM_TF_DATA"):
        pytest.skip("OVERPARAM_TF_DATA names no data folder")
    return load("gas", download=False)


@pytest.fixture(scope="session")
def mnist():
    """Return the real MNIST.

    A test is skipped if no data folder is named, and fails if the folder lacks the data or holds
    damaged data.
    """
    from overparam_tf.datasets import load_mnist

    if not os.environ.get("OVERPARAM_TF_DATA"):
        pytest.skip("OVERPARAM_TF_DATA names no data folder")
    digits = load_mnist("mnist", download=False)
    assert digits.name == "mnist", digits.provenance
    return digits
