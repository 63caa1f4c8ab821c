"""Bad input is refused in one line: what was expected, what was received; nothing is written."""

from __future__ import annotations

import re
import tempfile

import keras
import numpy as np
import pytest

import overparam_tf as op
from tests.experiments.loading import load_main
from tests.experiments.refusals import assert_refused

NAN, INFINITE = float("nan"), float("inf")

# Experiment and arguments. `tests/experiments/bad_options.py` has those of single experiments.
COMMAND_LINES = {
    "a word for a number": ("optimizer_compare", ["--steps", "many"]),
    "a fraction of a step": ("optimizer_compare", ["--steps", "1.5"]),
    "no steps": ("depth_compare", ["--steps", "0"]),
    "steps below zero": ("emulated_update", ["--steps", "-3"]),
    "more steps than can be counted": ("plateau", ["--steps", "1e99"]),
    "an unknown option": ("optimizer_compare", ["--learning-rate-grid", "1"]),
    "an abbreviated option": ("optimizer_compare", ["--learning", "1"]),
    "an option without its value": ("optimizer_compare", ["--seeds"]),
    "an argument without an option": ("depth_compare", ["600000"]),
    "an unknown preset": ("optimizer_compare", ["--preset", "nature"]),
    "an unknown loss": ("optimizer_compare", ["--loss", "l3"]),
    "a rate of NaN": ("optimizer_compare", ["--learning-rates", "nan"]),
    "an infinite rate": ("optimizer_compare", ["--learning-rates", "inf"]),
    "a rate of zero": ("depth_compare", ["--learning-rates", "0"]),
    "a negative rate": ("depth_compare", ["--learning-rates", "-0.1"]),
    "a rate twice": ("optimizer_compare", ["--learning-rates", "0.1", "0.1"]),
    "depth 0": ("optimizer_compare", ["--depths", "0"]),
    "a depth twice": ("depth_compare", ["--depths", "1", "2", "2"]),
    "nothing to compare with": ("depth_compare", ["--depths", "2"]),
    "a fractional width": ("depth_compare", ["--width", "1.5"]),
    "a seed below zero": ("optimizer_compare", ["--seeds", "-1"]),
    "a data folder that is not there": ("optimizer_compare", ["--data", "no/such/folder"]),
    "a data folder with a space and umlauts": ("depth_compare", ["--data", "nicht da/Gerät"]),
    "no data folder but a file": ("emulated_update", ["--data", __file__]),
    "an unknown gas": ("optimizer_compare", ["--data", "gas", "--gas", "helium"]),
    "an unknown preprocessing": ("optimizer_compare", ["--preprocessing", "whiten"]),
    "half precision": ("optimizer_compare", ["--dtype", "float16"]),
    "a name that leaves the log folder": ("optimizer_compare", ["--name", "../elsewhere"]),
    "an absolute name": ("plateau", ["--name", "/tmp/elsewhere"]),
    "a hidden name": ("no_regularizer", ["--name", ".hidden"]),
    "an empty name": ("optimizer_compare", ["--name", ""]),
    "a name of 200 letters": ("depth_compare", ["--name", "n" * 200]),
    "a name of two lines": ("emulated_update", ["--name", "a\nb"]),
    "a run that cannot be drawn": ("optimizer_compare", ["--redraw", "nothing"]),
    "a run outside that cannot be drawn": ("plateau", ["--redraw", "../../etc"]),
    "nothing to continue": ("optimizer_compare", ["--resume"]),
    "no such run to continue": ("optimizer_compare", ["--resume", "--name", "gone"]),
    "a ratio of labels below 1": ("plateau", ["--ratios", "0"]),
    "an odd power": ("plateau", ["--powers", "3"]),
    "radii the wrong way round": (
        "no_regularizer",
        ["--inner-radius", "1", "--outer-radius", "0.1"],
    ),
    "an unknown optimizer": ("speedup", ["--optimizers", "LBFGS"]),
    "an unknown penalty": ("mnist_cnn", ["--regularize", "last"]),
    "a fraction of an epoch": ("mnist_cnn", ["--epochs", "0.5"]),
    "a folder without images": ("mnist_cnn", ["--data", "no/such/folder"]),
    "gas where digits are due": ("mnist_cnn", ["--data", "gas"]),
    "a depth of the rule below 1": ("speedup", ["--rule-depths", "0.5"]),
    "an infinite depth of the rule": ("speedup", ["--rule-depths", "inf"]),
    "a power of zero": ("speedup", ["--powers", "0"]),
    "a condition number of NaN": ("when_depth_helps", ["--conditions", "nan"]),
    "an infinite condition number": ("when_depth_helps", ["--conditions", "inf"]),
    "a target above the start": ("when_depth_helps", ["--targets", "2"]),
    "fewer rows than features": ("when_depth_helps", ["--rows", "4", "--features", "8"]),
    "no features": ("when_depth_helps", ["--features", "0"]),
    "a rate that cannot be": ("late_divergence", ["--learning-rate", "inf"]),
    "a depth that is no number": ("late_divergence", ["--depth", "deep"]),
    "a clip of NaN": ("late_divergence", ["--clips", "nan"]),
    "fewer steps than are drawn": ("late_divergence", ["--steps", "1"]),
    "a burst without end": ("step_cost", ["--seconds", "inf"]),
    "a timeout of NaN": ("step_cost", ["--timeout", "nan"]),
    "data for a benchmark that makes its own": ("step_cost", ["--data", "gas"]),
    "a size below zero": ("layer_cost", ["--inputs", "-8"]),
    "a comparison of no length": ("layer_cost", ["--seconds", "0"]),
    "a layer that the net has not": ("layer_cost", ["--layers", "fc3"]),
    "a turn of no steps": ("loop_cost", ["--steps", "0"]),
    "an experiment that keeps no log": ("log_cost", ["--runs", "minimal"]),
    "every experiment but none known": ("all", ["--only", "imagenet"]),
    "every experiment on a name of its own": ("all", ["--name", "mine"]),
    "every experiment without a choice": ("all", ["--only"]),
    "a page about nothing": ("report", []),
    "a page about an experiment without runs": ("report", ["--experiments", "speedup"]),
    "a page with an option of another program": ("report", ["--quick"]),
    "a board of nothing": ("board", []),
    "a board on a port beyond all": ("board", ["--port", "65536"]),
    "a board on a port of letters": ("board", ["--port", "http"]),
    "a board of fewer than one run": ("board", ["--newest", "-1"]),
}
# These have no option --data, or one that names other data.
NO_GAS = (
    "plateau",
    "mnist_cnn",
    "step_cost",
    "layer_cost",
    "loop_cost",
    "log_cost",
    "all",
    "report",
    "board",
)

X, Y = np.eye(3), np.ones((3, 1))
PROBLEM = op.Problem("toy", X, Y, "made here", "none", synthetic=True)


def built(layer):
    layer.build((None, 4))
    return layer


def plain_model():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


CONSTRUCTORS = {
    "units 0": lambda: op.FactorizedDense(0),
    "units as text": lambda: op.FactorizedDense("3"),
    "depth 0": lambda: op.FactorizedDense(3, depth=0),
    "depth 1.5": lambda: op.FactorizedDense(3, depth=1.5),
    "width 0": lambda: op.FactorizedDense(3, width=0),
    "too many widths": lambda: op.FactorizedDense(3, depth=2, width=[3, 3]),
    "an unknown contraction": lambda: op.FactorizedDense(3, contraction="fast"),
    "a list of initializers too short": lambda: op.FactorizedDense(
        3, depth=3, factor_initializer=["zeros"]
    ),
    "a kernel of another shape": lambda: built(op.FactorizedDense(3)).assign_kernel(
        np.ones((2, 2))
    ),
    "a kernel with NaN": lambda: built(op.FactorizedDense(3)).assign_kernel(np.full((4, 3), NAN)),
    "kernel sizes that do not compose": lambda: op.FactorizedConv2D(
        4, 3, factor_kernel_sizes=[3, 3]
    ),
    "filters below zero": lambda: op.FactorizedConv2D(-4, 3),
    "an unknown padding": lambda: op.FactorizedConv2D(4, 3, padding="circular"),
    "groups that do not divide": lambda: op.FactorizedConv2D(4, 3, groups=3),
    "an equation that is none": lambda: op.FactorizedEinsumDense("abc", 3),
    "a penalty on a place unknown": lambda: op.penalty_on("last", "l2"),
    "an unknown regularizer": lambda: op.penalty_on("product", "l3"),
    "l_3": lambda: op.LpLoss(3),
    "l_0": lambda: op.LpLoss(0),
    "the rule at depth 0.5": lambda: op.EndToEndSGD(0.1, depth=0.5),
    "the rule at depth NaN": lambda: op.EndToEndSGD(0.1, depth=NAN),
    "an unknown optimizer of 2019": lambda: op.legacy_2019("lion"),
    "a rate below zero": lambda: op.legacy_2019("sgd", -1.0),
    "an infinite rate": lambda: op.legacy_2019("adam", INFINITE),
    "no such layer": lambda: op.overparameterize(plain_model(), layers="conv*"),
    "a width that loses functions": lambda: op.overparameterize(plain_model(), width=1),
    "no model": lambda: op.overparameterize("model"),
    "a model that is not built": lambda: op.overparameterize(
        keras.Sequential([keras.layers.Dense(3)])
    ),
    "an unknown split": lambda: op.overparameterize(plain_model(), initializer="random"),
    "nothing to collapse": lambda: op.collapse(3),
    "a checkpoint that is not there": lambda: op.load_collapsed("no/such/model.keras"),
    "x with NaN": lambda: op.Problem("toy", np.full((3, 3), NAN), Y, "", "none", True),
    "x without rows": lambda: op.Problem("toy", np.ones((0, 3)), np.ones((0, 1)), "", "none", True),
    "x and y of different length": lambda: op.Problem("toy", X, np.ones((2, 1)), "", "none", True),
    "y of one axis": lambda: op.Problem("toy", X, np.ones(3), "", "none", True),
    "x of words": lambda: op.Problem("toy", [["a"]], [[1.0]], "", "none", True),
    "an empty data folder": lambda: op.load(tempfile.mkdtemp()),
    "an empty folder of images": lambda: op.load_mnist(tempfile.mkdtemp()),
    "a data folder with a space and umlauts": lambda: op.load_mnist("nicht da/Gerät"),
    "a variant without rates": lambda: op.Variant("v", learning_rates=()),
    "a variant with a rate of NaN": lambda: op.Variant("v", learning_rates=(NAN,)),
    "a variant at depth 0": lambda: op.Variant("v", depth=0, learning_rates=(0.1,)),
    "a fractional depth of factors": lambda: op.Variant("v", depth=1.5, learning_rates=(0.1,)),
    "an optimizer that mixes runs": lambda: op.Variant(
        "v", optimizer="lamb", learning_rates=(0.1,)
    ),
    "clipping across runs": lambda: op.Variant(
        "v", optimizer=keras.optimizers.SGD(clipnorm=1.0), learning_rates=(0.1,)
    ),
    "a sweep of nothing": lambda: op.Sweep(PROBLEM, []),
    "two variants of one name": lambda: op.Sweep(
        PROBLEM, [op.Variant("v", learning_rates=(0.1,))] * 2
    ),
    "a sweep under a Keras loss": lambda: op.Sweep(
        PROBLEM, [op.Variant("v", learning_rates=(0.1,))], "mse"
    ),
    "no steps": lambda: op.Sweep(PROBLEM, [op.Variant("v", learning_rates=(0.1,))]).run(0),
    "steps as text": lambda: op.Sweep(PROBLEM, [op.Variant("v", learning_rates=(0.1,))]).run(
        "many"
    ),
    "a floor of odd power": lambda: op.convex_floor(X, Y, 3),
    "an unknown strategy": lambda: op.get_strategy("tpu"),
    "a training without an optimizer": lambda: op.train(plain_model(), X, Y, loss="mse"),
}


@pytest.mark.parametrize("case", COMMAND_LINES)
def test_command_lines(case, tmp_path, capsys):
    name, arguments = COMMAND_LINES[case]
    data = [] if "--data" in arguments or name in NO_GAS else ["--data", "synthetic"]
    assert_refused(name, load_main(name), [*data, *arguments], tmp_path / "logs", capsys)


@pytest.mark.parametrize("case", CONSTRUCTORS)
def test_constructors(case):
    with pytest.raises(op.InputError) as caught:
        CONSTRUCTORS[case]()
    line = str(caught.value)
    assert "\n" not in line and re.search("received|not|there is no|need", line, re.IGNORECASE), (
        line
    )


def test_there_are_enough_of_them():
    assert len(COMMAND_LINES) + len(CONSTRUCTORS) >= 120
