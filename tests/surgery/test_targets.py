"""Which weights of any model become products, and the one line about those that stay."""

import keras
import pytest
from keras import layers

from overparam_tf import InputError
from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery import overparameterize
from overparam_tf.surgery._targets import find_targets
from tests.surgery.any_model import blocks, convolutions, subclassed, wrapped

BLOCK = [
    *(f"block/attention/{name}/kernel" for name in ("query", "key", "value", "attention_output")),
    "block/dense/kernel",
    "block/dense_1/kernel",
]


@pytest.fixture(autouse=True)
def names_from_the_start():
    # Unnamed layers are numbered from 0.
    keras.backend.clear_session(free_memory=False)


@pytest.mark.parametrize(
    "selector, paths",
    [
        (None, [*BLOCK, "head/kernel"]),
        ("block", BLOCK),
        ("block/*/query", BLOCK[:1]),
        (layers.MultiHeadAttention, BLOCK[:4]),
        (layers.Dense, [*BLOCK[4:], "head/kernel"]),
        (["head", layers.Embedding], ["embedding/embeddings", "head/kernel"]),
        (lambda layer: getattr(layer, "units", 0) == 2, ["head/kernel"]),
    ],
)
def test_selectors(selector, paths):
    assert sorted(find_targets(blocks(), selector).kernels) == sorted(paths)


def test_a_layer_itself():
    model = blocks()
    assert list(find_targets(model, [model.layers[-1]]).kernels) == ["head/kernel"]
    assert sorted(find_targets(model, model.get_layer("block")).kernels) == sorted(BLOCK)
    with pytest.raises(InputError, match="no such layer as 'elsewhere'"):
        find_targets(model, layers.Dense(2, name="elsewhere"))


@pytest.mark.parametrize(
    "build, count", [(wrapped, 2 * 2 + 1 + 2), (convolutions, 4), (subclassed, 4)]
)
def test_every_kind_of_kernel(build, count):
    assert len(find_targets(build()).kernels) == count


def test_what_is_left_is_named():
    left = find_targets(blocks()).left
    assert list(left) == ["embedding/embeddings"] and "an embedding table" in left.popitem()[1]
    left = find_targets(convolutions()).left
    assert list(left) == ["separable/depthwise_kernel"]
    with pytest.warns(UserWarning, match="stay as they are: embedding/embeddings") as caught:
        overparameterize(blocks())
    assert "\n" not in str(caught[0].message)


def test_an_own_weight_is_named_with_its_input_axes():
    model = subclassed()
    (own,) = find_targets(model).left
    assert own.endswith("/mixing")
    assert find_targets(model, weights={"mixing": 0}).kernels[own].inputs == (0,)
    assert find_targets(model, weights={"*/mixing": [-1]}).kernels[own].inputs == (1,)
    # Beside a selection of layers, the weight is one more.
    paths = list(find_targets(model, "sequential/dense", {"mixing": 0}).kernels)
    assert sorted(path.rpartition("/")[2] for path in paths) == ["kernel", "mixing"]


@pytest.mark.parametrize(
    "weights, message",
    [
        ({"mixin": 0}, "did you mean 'mixing'"),
        ({"mixing": (0, 1)}, "some but not all axes of a weight of 2 axes"),
        ({"mixing": 2}, "some but not all axes"),
        ({"mixing": "first"}, "integer for weights"),
        (["mixing"], "mapping"),
    ],
)
def test_bad_axes(weights, message):
    with pytest.raises(InputError, match=message):
        find_targets(subclassed(), weights=weights)


def obstructed():
    """Return a model with a layer of each kind that cannot be split, and one that can."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, kernel_constraint="non_neg", name="constrained"),
            layers.Dense(4, name="plain"),
            layers.Dense(4, name="lora"),
            layers.Dense(8, name="quantised"),
            layers.EinsumDense("ab,bc->abc", (8, 3), name="stacked"),
        ]
    )
    model.get_layer("lora").enable_lora(2)
    model.get_layer("quantised").quantize("int8")
    return model


@pytest.mark.parametrize("copy", [True, False])
def test_what_cannot_be_split_stays_plain(copy):
    with pytest.warns(UserWarning, match="constraints.*LoRA.*not quantised.*one matrix"):
        deep = overparameterize(obstructed(), copy=copy)
    assert [len(layer.weights) for layer in deep.layers] == [2, 3, 4, 3, 1]


@pytest.mark.parametrize(
    "name, message",
    [
        ("constrained", "without constraints"),
        ("lora", "without LoRA"),
        ("quantised", "not quantised"),
        ("stacked", "one matrix from inputs to outputs"),
    ],
)
def test_what_is_named_and_cannot_be_split_is_refused(name, message):
    model = obstructed()
    with pytest.raises(InputError, match=rf"{message}.*in layer '{name}'") as caught:
        overparameterize(model, layers=[name, "plain"])
    assert "\n" not in str(caught.value) and len(model.get_layer("plain").weights) == 2


@pytest.mark.parametrize(
    "selector, message",
    [
        ("blok", "did you mean 'block'"),
        (layers.LSTM, "no layer is a LSTM"),
        ("norm", "'norm' is a LayerNormalization without any kernel"),
        (lambda layer: False, "holds for no layer"),
        (-1, "layers, layer types, names, patterns or predicates"),
    ],
)
def test_nothing_matched(selector, message):
    with pytest.raises(InputError, match=message):
        find_targets(blocks(), selector)


def test_factorised_layers_are_left_alone():
    model = keras.Sequential([keras.Input((4,)), FactorizedDense(3, name="deep")])
    assert not find_targets(model).kernels
    assert not find_targets(model, "deep").kernels
