"""The backend of Keras, chosen before it is imported, one seed for every test, and real data."""

import gc
import importlib.abc
import importlib.machinery
import os
import signal
import sys

from tests.xla_flags import fast_compilation

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # whatever the user's keras.json says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_ENABLE_X64", "1")
# What is compiled is small, and runs once.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("XLA_FLAGS", fast_compilation())
os.environ.setdefault("MPLBACKEND", "Agg")
# Each of several processes would take every core for matrices that need none.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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


# The modules that take longest start first, so that no core idles at the end; xdist by itself would
# start with those of most tests.
LONGEST = (
    "tests/experiments/test_contract.py",
    "tests/sweep/test_faithful.py",
    "tests/experiments/board/test_in_browser.py",
    "tests/distributed/test_several_workers.py",
    "tests/experiments/test_faults.py",
    "tests/distributed/test_several_devices.py",
    "tests/test_emulation.py",
    "tests/experiments/speedup/test_experiment.py",
    "tests/test_notebooks.py",
    "tests/experiments/mnist_cnn/test_workers.py",
    "tests/distributed/test_train.py",
    "tests/sweep/test_resume.py",
    "tests/optimizers/test_end_to_end_sgd.py",
    "tests/distributed/test_like_fit.py",
    "tests/guides/test_keras_tuner.py",
    "tests/layers/test_factorized_conv2d.py",
    "tests/experiments/test_optimizer_compare.py",
    "tests/experiments/board/test_board.py",
    "tests/experiments/mnist_cnn/test_experiment.py",
    "tests/surgery/test_in_place.py",
)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}

    def place(item):
        module, _, _ = item.nodeid.partition("::")
        return places.get(module, len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish():
    # What was imported stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def pytest_configure(config):
    # Under `nohup` it is ignored, and then it stops no program, as it should.
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
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
        # Keras makes it from floatx only once, for the first layer.
        keras.config.set_dtype_policy(dtype)

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
