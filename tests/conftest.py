"""One fixture seeds everything; TensorFlow's start-up chatter is silenced before it is imported."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest


@pytest.fixture(autouse=True)
def fixed_seed():
    import keras

    keras.utils.set_random_seed(2019)


@pytest.fixture
def float64():
    """Keras computes in float64, learning rates included."""
    import keras

    def use(dtype):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)  # Keras makes it from floatx only once, for the first layer

    use("float64")
    yield
    use("float32")


@pytest.fixture(scope="session")
def ethanol():
    """The measured ethanol problem: skipped where no data folder is named, a failure where it is named but empty."""
    from overparam_tf.datasets import load

    if not os.environ.get("OVERPARAM_TF_DATA"):
        pytest.skip("OVERPARAM_TF_DATA names no data folder")
    return load("gas", download=False)


@pytest.fixture(scope="session")
def mnist():
    """The real MNIST: skipped where no data folder is named, a failure where it is named but lacks or spoils it."""
    from overparam_tf.datasets import load_mnist

    if not os.environ.get("OVERPARAM_TF_DATA"):
        pytest.skip("OVERPARAM_TF_DATA names no data folder")
    digits = load_mnist("mnist", download=False)
    assert digits.name == "mnist", digits.provenance
    return digits
