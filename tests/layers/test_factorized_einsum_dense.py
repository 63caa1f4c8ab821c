"""FactorizedEinsumDense against `keras.layers.EinsumDense` with its kernel and bias."""

import keras
import numpy as np
import pytest

from overparam_tf.errors import InputError
from overparam_tf.layers import FactorizedEinsumDense
from overparam_tf.layers._einsum_equation import EinsumEquation
from tests.layers.arrays import array, as_plain, assert_close, randomised

RNG = np.random.default_rng(0)
# Equation, input shape, output_shape, bias_axes, shapes of two factors of width 5.
EQUATIONS = {
    "dense": ("ab,bc->ac", (2, 4), 6, "c", [(4, 5), (5, 6)]),
    "sequence": ("abc,cd->abd", (2, 3, 4), (None, 6), "d", [(4, 5), (5, 6)]),
    "query": ("abc,cde->abde", (2, 3, 4), (None, 2, 3), "de", [(4, 5), (5, 6)]),
    "attention output": ("abcd,cde->abe", (2, 3, 4, 2), (None, 6), "e", [(8, 5), (5, 6)]),
    "query over two axes": (
        "abcd,def->abcef",
        (2, 3, 2, 4),
        (None, None, 2, 3),
        "ef",
        [(4, 5), (5, 6)],
    ),
    "transposed kernel": ("abc,edc->abde", (2, 3, 4), (None, 2, 3), "de", [(4, 5), (5, 6)]),
    "transposed output": ("abc,cde->aedb", (2, 5, 4), (3, 2, None), "e", [(4, 5), (5, 6)]),
    "mixed axes": ("abcd,bed->ace", (2, 3, 4, 5), (None, 6), "e", [(15, 5), (5, 6)]),
    "ellipsis": ("...x,xy->...y", (2, 3, 5, 4), 6, "y", [(4, 5), (5, 6)]),
    "ellipsis, heads": ("...de,def->...f", (2, 3, 2, 3), 6, "f", [(6, 5), (5, 6)]),
    "ellipsis on the right": ("ab...,bc->ac...", (2, 4, 3), 6, "c", [(4, 5), (5, 6)]),
    "summed axis": ("abc,cd->ad", (2, 3, 4), 6, "d", [(4, 5), (5, 6)]),
    "bias of a sequence": ("abc,cd->abd", (2, 3, 4), (3, 6), "b", [(4, 5), (5, 6)]),
    "no bias": ("abc,cde->abde", (2, 3, 4), (None, 2, 3), None, [(4, 5), (5, 6)]),
}


def layer_of(case, **arguments):
    equation, shape, output_shape, bias_axes, _ = EQUATIONS[case]
    arguments = {"width": 5, "bias_axes": bias_axes, "dtype": "float64", **arguments}
    return randomised(FactorizedEinsumDense(equation, output_shape, **arguments), shape)


@pytest.mark.parametrize("contraction", ["kernel", "chain"])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("use_factor_biases", [False, True])
@pytest.mark.parametrize("case", EQUATIONS)
def test_every_order_is_the_plain_layer(case, use_factor_biases, depth, contraction):
    layer = layer_of(
        case, depth=depth, use_factor_biases=use_factor_biases, contraction=contraction
    )
    x = RNG.normal(size=EQUATIONS[case][1])
    plain = as_plain(layer, x.shape)
    assert_close(layer(x), plain(x))
    assert layer.compute_output_shape(x.shape) == plain.compute_output_shape(x.shape)
    if depth == 2:
        assert [tuple(factor.shape) for factor in layer.factors] == EQUATIONS[case][-1]


@pytest.mark.parametrize("case", EQUATIONS)
def test_the_factors_multiply_data_as_matrices(case):
    layer = layer_of(case, depth=3, bias_axes=None, contraction="chain")
    equation, x = EinsumEquation.parse(layer.equation), RNG.normal(size=EQUATIONS[case][1])
    product = np.linalg.multi_dot([array(factor) for factor in layer.factors])
    sizes = dict(zip(equation.kernel, layer.kernel.shape, strict=True))
    kernel = product.reshape([sizes[letter] for letter in equation.in_axes + equation.out_axes])
    kernel = np.einsum(f"{equation.in_axes}{equation.out_axes}->{equation.kernel}", kernel)
    assert_close(layer(x), np.einsum(layer.equation, x, kernel))


@pytest.mark.parametrize("contraction", ["kernel", "chain"])
def test_a_bias_lies_along_its_own_axis_also_beside_one_of_equal_size(contraction):
    layer = FactorizedEinsumDense(
        "abc,cde->aedb", (3, 2, None), bias_axes="e", contraction=contraction
    )
    randomised(layer, (2, 3, 4))
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    expected = np.einsum("abc,cde->aedb", x, array(layer.kernel)) + array(layer.bias).reshape(
        3, 1, 1
    )
    np.testing.assert_allclose(array(layer(x)), expected, rtol=1e-4, atol=1e-4)


def test_a_kernel_initializer_sees_the_fans_of_the_layer():
    layer = FactorizedEinsumDense(
        "abc,cde->abde", (None, 40, 50), kernel_initializer=keras.initializers.HeNormal(1)
    )
    layer.build((None, 3, 80))
    np.testing.assert_allclose(np.std(array(layer.kernel)), np.sqrt(2 / 80), rtol=0.02)
    first, second = (array(factor) for factor in layer.factors)
    np.testing.assert_allclose(first.T @ first, second @ second.T, atol=1e-4)


def test_auto_chooses_by_the_rows(monkeypatch):
    layer = layer_of("attention output", width=6)
    assert 6 < layer._kernel_pays_above < 6000
    for rows, unchosen in ((2, "_through_kernel"), (2000, "_through_chain")):
        with monkeypatch.context() as patch:
            patch.setattr(layer, unchosen, lambda x: np.nan * x)
            assert np.isfinite(array(layer(RNG.normal(size=(rows, 3, 4, 2))))).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"equation": "ab,bc"},
            r"form X,Y->Z, ...X,Y->...Z or X...,Y->Z.... Received: equation='ab,bc'",
        ),
        ({"equation": "...ab,bc->ac..."}, "of the form"),
        ({"equation": None}, "of the form.*equation=None"),
        ({"equation": "abc,bcd->abd"}, "either the inputs or the outputs.*with axis 'b' in both"),
        ({"equation": "abc,cxd->abd"}, "with axis 'x' in neither"),
        ({"equation": "abc,c->ab"}, "an axis of the kernel in the inputs and one in the outputs"),
        ({"equation": "abc,d->abcd"}, "an axis of the kernel in the inputs and one in the outputs"),
        ({"equation": "aab,bc->aac"}, "no letter twice in one term"),
        ({"bias_axes": "c"}, "bias axes out of those of the output, abd. Received: bias_axes='c'"),
        ({"output_shape": (None, None)}, "known sizes of the axes cd"),
        ({"bias_axes": "b"}, "known sizes of the axes cd of the kernel and of those of the bias"),
        ({"output_shape": (7, 6)}, "do not match at shared dimension 'b'"),
        ({"depth": 0}, "positive integer for depth"),
    ],
)
def test_bad_arguments(arguments, message):
    arguments = {"equation": "abc,cd->abd", "output_shape": (None, 6), **arguments}
    with pytest.raises(ValueError, match=message):
        FactorizedEinsumDense(**arguments).build((2, 3, 4))


def test_bad_inputs():
    with pytest.raises(InputError, match=r"widths >= 4.*kernel.shape=\(4, 6\)"):
        layer_of("sequence", width=3).assign_kernel(np.eye(4, 6))
    with pytest.raises(InputError, match=r"known sizes.*Received: input_shape=\(2, 3, None\)"):
        FactorizedEinsumDense("abc,cd->abd", (None, 6)).build((2, 3, None))
    with pytest.raises(ValueError, match="expected ndim=3"):
        layer_of("sequence")(np.ones((2, 4)))
