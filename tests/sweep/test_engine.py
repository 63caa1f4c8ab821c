"""The engine with any pass over the data: one that XLA cannot compile takes the same steps."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf import LpLoss, Variant
from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.kernel_stacks import make_stack
from overparam_tf.sweep.whole_pass import WholePass
from tests.cases import small_problem

VARIANTS = [
    Variant("Adam", 2, optimizer="adam", use_bias=True, seeds=(0, 1)),
    Variant("rule", 2.5, learning_rates=(1e-3,), update="end_to_end"),
]


class UncompiledPass(WholePass):
    """A pass over all rows outside of the programs that XLA compiles."""

    is_compilable = False


def engine(kind, dtype):
    problem = small_problem(outputs=2)
    stacks = [make_stack(variant, 6, 2, dtype) for variant in VARIANTS]
    return Engine(stacks, kind(problem, LpLoss(4), dtype), dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_a_pass_that_xla_cannot_compile_takes_the_same_steps(dtype, tolerance):
    compiled, uncompiled = engine(WholePass, dtype), engine(UncompiledPass, dtype)
    expected, losses = compiled.advance(30), uncompiled.advance(30)
    assert losses.shape == (30, 3) and np.ptp(losses, axis=0).min() > 0
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    np.testing.assert_allclose(uncompiled.evaluate(), compiled.evaluate(), rtol=tolerance)


def test_an_engine_continues_from_its_state():
    first, second = engine(WholePass, "float32"), engine(WholePass, "float32")
    first.advance(7)
    second.restore(first.state())
    evaluated, (following, *_) = first.evaluate(), second.advance(5, 7)
    assert np.array_equal(evaluated, following)
    assert np.array_equal(first.advance(1, 7)[0], following)
    second.restore(first.state())
    assert np.array_equal(first.advance(4, 8), second.advance(4, 8))
