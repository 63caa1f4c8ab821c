"""The optimizer of a variant: every option that it is given is honoured, or refused in one line."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from overparam_tf import InputError, Variant
from overparam_tf.sweep.kernel_stacks import make_stack
from overparam_tf.sweep.saving import identity_of
from overparam_tf.sweep.stacks import FactorStack
from overparam_tf.sweep.template import (
    ELEMENTWISE_OPTIMIZERS,
    MIXING_OPTIMIZERS,
    MIXING_OPTIONS,
)

SGD = keras.optimizers.SGD
# A value other than the default of every option of an elementwise optimizer of Keras.
ALTERED = {
    "name": "mine",
    "learning_rate": 0.25,
    "weight_decay": 0.125,
    "clipnorm": 1.0,
    "global_clipnorm": 1.0,
    "clipvalue": 0.5,
    "use_ema": True,
    "ema_momentum": 0.5,
    "ema_overwrite_frequency": 3,
    "loss_scale_factor": 2.0,
    "gradient_accumulation_steps": 2,
    "momentum": 0.5,
    "nesterov": True,
    "initial_accumulator_value": 0.5,
    "epsilon": 0.125,
    "rho": 0.5,
    "centered": True,
    "beta_1": 0.5,
    "beta_2": 0.75,
    "amsgrad": True,
    "learning_rate_power": -0.25,
    "l1_regularization_strength": 0.125,
    "l2_regularization_strength": 0.125,
    "l2_shrinkage_regularization_strength": 0.125,
    "beta": 0.5,
}


def refused_options(kind, **variant):
    """Return the options that are refused in one line, after a check that all others are kept."""
    refused = set()
    for option in kind().get_config():
        optimizer = kind(**{option: ALTERED[option]})
        try:
            kept = Variant("v", optimizer=optimizer, **variant).optimizer_with(1.0).get_config()
        except InputError as error:
            assert "\n" not in str(error) and option in str(error)
            refused.add(option)
        else:
            assert option == "learning_rate" or kept[option] == ALTERED[option]
    return refused


@pytest.mark.parametrize("name", ELEMENTWISE_OPTIMIZERS)
def test_every_option_is_kept_or_refused(name):
    assert refused_options(getattr(keras.optimizers, name)) == set(MIXING_OPTIONS)


@pytest.mark.parametrize("name", MIXING_OPTIMIZERS)
def test_a_run_by_itself_takes_the_steps_of_a_recorded_run(name):
    optimizer = getattr(keras.optimizers, name)(0.01)
    variant = Variant("v", 2, 3, optimizer, use_bias=True)
    stack = make_stack(variant, 3, 2, "float32")
    recorded = FactorStack(variant, 3, 2, "float32", variant.optimizer_with(0.01))
    rng = np.random.default_rng(0)
    gradients = [tf.constant(rng.normal(size=v.shape), v.dtype) for v in stack.variables]
    for each in (stack, recorded):
        each.optimizer.apply(gradients, each.variables)
    for one, other in zip(stack.variables, recorded.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert len(stack.changing) > len(stack.variables)


def test_every_option_is_kept_or_refused_by_the_rule():
    refused = refused_options(SGD, update="end_to_end")
    assert refused == {*MIXING_OPTIONS, "clipvalue", "momentum"}


@pytest.mark.parametrize(
    ("optimizer", "rate"),
    [
        (SGD(0.5), 0.5),
        (keras.optimizers.Adam(0.1), 0.1),  # which Keras keeps as 0.10000000149
        (keras.optimizers.Adam(), 0.001),
        ({"class_name": "SGD", "config": {"learning_rate": 0.25}}, 0.25),
        ("sgd", 0.001),
    ],
)
def test_the_rate_of_the_optimizer_is_that_of_the_run(optimizer, rate):
    assert Variant("v", optimizer=optimizer).learning_rates == (rate,)
    assert Variant("v", optimizer=optimizer, learning_rates=0.75).learning_rates == (0.75,)


def test_the_float64_rate_is_exact(float64):
    assert Variant("v", optimizer=SGD(1 / 3)).learning_rates == (1 / 3,)


@pytest.mark.parametrize(
    "rate", [keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), lambda: 0.1]
)
@pytest.mark.parametrize("rates", [None, (0.1,)])
def test_a_schedule_is_refused(rate, rates):
    with pytest.raises(InputError, match="optimizer with a fixed learning rate") as caught:
        Variant("v", optimizer=SGD(rate), learning_rates=rates)
    assert "\n" not in str(caught.value)


def test_a_rate_of_zero_is_refused():
    with pytest.raises(InputError, match=r"learning rate of optimizer.*0\.0, in the variant 'v'"):
        Variant("v", optimizer=SGD(0.0))


def decaying(undecayed):
    optimizer = SGD(weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=undecayed)
    return optimizer


@pytest.mark.parametrize(
    ("undecayed", "shrink"),
    [([], [0.95, 0.95, 0.95]), (["bias"], [0.95, 0.95, 1]), (["_1", "bias"], [1, 0.95, 1])],
)
def test_variables_without_weight_decay(undecayed, shrink):
    variant = Variant(
        "v", 2, optimizer=decaying(undecayed), learning_rates=(0.1, 0.2), use_bias=True
    )
    stack = make_stack(variant, 3, 2, "float64")
    for variable in stack.variables:
        variable.assign(np.ones(variable.shape))
    stack.optimizer.apply([tf.zeros(v.shape, v.dtype) for v in stack.variables], stack.variables)
    slow = [variable.numpy()[0] for variable in stack.variables]
    fast = [variable.numpy()[1] for variable in stack.variables]
    for values, rate in ((slow, 1), (fast, 2)):
        for value, factor in zip(values, shrink, strict=True):
            np.testing.assert_allclose(value, 1 - rate * (1 - factor), rtol=1e-6)


@pytest.mark.parametrize(
    ("undecayed", "kernel", "bias"), [([], 0.85, 0.95), (["bias"], 0.85, 1), (["kernel"], 1, 0.95)]
)
def test_the_rule_without_weight_decay(undecayed, kernel, bias):
    variant = Variant(
        "v",
        3,
        optimizer=decaying(undecayed),
        learning_rates=0.1,
        use_bias=True,
        update="end_to_end",
    )
    stack = make_stack(variant, 3, 2, "float64")
    for variable in stack.variables:
        variable.assign(np.ones(variable.shape))
    _, _, update = stack.forward()
    update(*(tf.zeros(variable.shape, variable.dtype) for variable in stack.variables))
    for variable, expected in zip(stack.variables, (kernel, bias), strict=True):
        np.testing.assert_allclose(variable.numpy(), np.full(variable.shape, expected))


def test_variables_cannot_be_left_out_by_themselves():
    optimizer = SGD(weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[keras.Variable([1.0])])
    with pytest.raises(InputError, match="var_names, not var_list, in exclude_from_weight_decay"):
        Variant("v", optimizer=optimizer)


def test_a_sweep_that_leaves_out_others_is_another_sweep():
    plain, excluding = (
        json.dumps(identity_of([Variant("v", optimizer=optimizer)]))
        for optimizer in (SGD(weight_decay=0.5), decaying(["bias"]))
    )
    assert '"exclude_from_weight_decay": "bias"' in excluding
    assert "exclude_from_weight_decay" not in plain
