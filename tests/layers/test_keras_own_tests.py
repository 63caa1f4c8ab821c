"""Keras's own tests of its layers, run on the factorised ones in their place.

The tests are those of the installed package, or of the folder `keras/src` of a checkout that the
environment variable OVERPARAM_TF_KERAS_SOURCE names. What does not pass is listed with the reason,
and the lists are asserted: `python -m pytest -m slow tests/layers/test_keras_own_tests.py`.
"""

import importlib.util
import os
import re
import types
import unittest
from pathlib import Path

import keras
import pytest
from keras.src import layers as keras_layers  # the namespace that the tests use

from overparam_tf.layers import (
    FactorizedConv2D,
    FactorizedDense,
    FactorizedEinsumDense,
    FactorizedMultiHeadAttention,
)

SOURCE = Path(os.environ.get("OVERPARAM_TF_KERAS_SOURCE", Path(keras.__file__).parent / "src"))
FILES = {
    "Dense": (FactorizedDense, "layers/core/dense_test.py"),
    "EinsumDense": (FactorizedEinsumDense, "layers/core/einsum_dense_test.py"),
    "Conv2D": (FactorizedConv2D, "layers/convolutional/conv_test.py"),
    "MultiHeadAttention": (
        FactorizedMultiHeadAttention,
        "layers/attention/multi_head_attention_test.py",
    ),
}
# Tests of what is refused in one line (LoRA, quantisation), and of other layers.
ELSEWHERE = re.compile("lora|quantiz|gptq|awq|int4|int8|float8|conv1d|conv3d|analyze_einsum")
QUANTISED = "loads or builds quantised layers too: collapse first"
WORDS = "Keras's words: ours read 'Expected ... Received: ...'"
NON_NEG = "non_neg on the product is refused: no rescaling of a factor keeps it"
NO_MATRIX = "the kernel is no matrix between in axes and out axes: refused, and said"
NOT_PASSED = {
    "Dense": {
        "test_legacy_load_own_variables": QUANTISED,
        "test_dense_sparse": "a tape's gradient by layer.kernel: differentiate by the factors",
    },
    "EinsumDense": {
        "test_legacy_load_own_variables": QUANTISED,
        "test_einsum_dense_basics_1d_end_weight": NO_MATRIX,
        "test_einsum_dense_basics_2d_precast_elided_input_used_in_output": NO_MATRIX,
        "test_einsum_dense_basics_embedding_1d": NO_MATRIX,
        "test_einsum_dense_constraints": NO_MATRIX,
    },
    "Conv2D": {"test_bad_init_args": WORDS},
    "MultiHeadAttention": {
        "test_invalid_scalar_args_rejected": WORDS,
        "test_dtype_policy_map": QUANTISED,
    },
}
NOT_PASSED_FROM_DEPTH_2 = {
    "Dense": {"test_dense_constraints": NON_NEG},
    "EinsumDense": {},
    "Conv2D": {"test_conv_constraints": NON_NEG},
    "MultiHeadAttention": {"test_mha_constraints": NON_NEG},
}


@keras.saving.register_keras_serializable("overparam_tf_tests")
class Dense1(FactorizedDense):
    def __init__(self, *args, depth=1, **kwargs):
        super().__init__(*args, depth=depth, **kwargs)


@keras.saving.register_keras_serializable("overparam_tf_tests")
class EinsumDense1(FactorizedEinsumDense):
    def __init__(self, *args, depth=1, **kwargs):
        super().__init__(*args, depth=depth, **kwargs)


@keras.saving.register_keras_serializable("overparam_tf_tests")
class Conv2D1(FactorizedConv2D):
    def __init__(self, *args, depth=1, **kwargs):
        super().__init__(*args, depth=depth, **kwargs)


@keras.saving.register_keras_serializable("overparam_tf_tests")
class MultiHeadAttention1(FactorizedMultiHeadAttention):
    def __init__(self, *args, depth=1, **kwargs):
        super().__init__(*args, depth=depth, **kwargs)


AT_DEPTH_1 = {
    "Dense": Dense1,
    "EinsumDense": EinsumDense1,
    "Conv2D": Conv2D1,
    "MultiHeadAttention": MultiHeadAttention1,
}


def keras_tests(kind, depth):
    """Return Keras's tests of a layer, by name, that find the factorised one in its place."""
    substitute, file = FILES[kind]
    path = SOURCE / file
    if not path.exists():
        pytest.skip(f"no tests of Keras at {path}")
    spec = importlib.util.spec_from_file_location(f"keras_own_{kind.lower()}_{depth}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    namespace = types.SimpleNamespace(**vars(keras_layers))
    setattr(namespace, kind, substitute if depth > 1 else AT_DEPTH_1[kind])
    module.layers = namespace
    loader = unittest.TestLoader()
    cases = [
        case
        for test_class in vars(module).values()
        if isinstance(test_class, type) and issubclass(test_class, unittest.TestCase)
        for case in loader.loadTestsFromTestCase(_counting(test_class, depth))
    ]
    return {case._testMethodName: case for case in cases if _is_of_the_layer(case)}


def _counting(test_class, depth):
    """Return a test class that expects `depth` weights for every kernel."""

    class Counting(test_class):
        def run_layer_test(self, layer_cls, *args, **kwargs):
            if layer_cls.__module__.startswith(("overparam_tf", "tests")):
                kernels = 1
                if issubclass(layer_cls, keras_layers.MultiHeadAttention):
                    kernels = 4 + kwargs["init_kwargs"].get("use_gate", False)
                kwargs["expected_num_trainable_weights"] += (depth - 1) * kernels
            return super().run_layer_test(layer_cls, *args, **kwargs)

    return Counting


def _is_of_the_layer(case):
    marks = getattr(getattr(case, case._testMethodName), "pytestmark", [])
    skipped = any(mark.name == "skipif" and mark.args and mark.args[0] for mark in marks)
    return not skipped and not ELSEWHERE.search(case._testMethodName)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("kind", FILES)
def test_tests_of_keras_pass_but_for_those_listed(kind, depth):
    result = unittest.TestResult()
    tests = keras_tests(kind, depth)
    for case in tests.values():
        case.run(result)
    failed = {
        case._testMethodName: text
        for case, text in result.failures + result.errors
        if "Skipped: " not in text
    }
    expected = NOT_PASSED[kind] | (NOT_PASSED_FROM_DEPTH_2[kind] if depth > 1 else {})
    assert len(tests) > 4
    unexpected = {name: text for name, text in failed.items() if name not in expected}
    assert not unexpected, "\n".join(unexpected.values())
    assert set(expected) <= set(failed), "these pass now: take them from the list"
