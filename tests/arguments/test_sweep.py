"""Every public argument of sweeps refuses what it cannot use, in one line that names it."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

from overparam_tf import History, LpLoss, Sweep, Variant, emulate
from overparam_tf.atomic_files import save_text, write_atomically
from overparam_tf.checkpoints import Checkpoints
from overparam_tf.stopping import StopSignals
from overparam_tf.sweep import RecordedRun, record_steps
from tests.arguments.bad_values import Argument, assert_refused, cases
from tests.cases import small_problem

PROBLEM = small_problem()
GD = Variant("GD")
SWEEP = Sweep(PROBLEM, [GD])
X, KERNEL = PROBLEM.x, np.ones((6, 1))


@functools.cache
def history() -> History:
    return SWEEP.run(np.int64(1), points=np.int64(10), targets={"a": np.float32(0.1)})


def variant(**changes):
    return Variant(**{"name": "GD", **changes})


def recorded(**changes):
    right = {
        "problem": PROBLEM,
        "variant": GD,
        "optimizer": keras.optimizers.SGD(0.01),
        "loss": LpLoss(4),
        "dtype": "float32",
    }
    return RecordedRun(**{**right, **changes})


def emulated(**changes):
    right = {"iterations": 1, "learning_rate": 0.1, "depth": 2}
    return emulate(**{"x": X, "y": PROBLEM.y, "w_init": KERNEL, **right, **changes})


ARGUMENTS = {
    "Variant.name": Argument(lambda v: variant(name=v), ("a text",)),
    "Variant.depth": Argument(lambda v: variant(depth=v), more=(1e30,)),
    "Variant.width": Argument(lambda v: variant(depth=2, width=v), ("None",)),
    "Variant.optimizer": Argument(lambda v: variant(optimizer=v)),
    "Variant.learning_rates": Argument(
        lambda v: variant(learning_rates=v),
        ("None",),
        ([0.3, 0.30000000000000004], [], [0.1, 0.1]),
    ),
    "Sweep learning_rates": Argument(
        lambda v: Sweep(PROBLEM, [variant(learning_rates=v)]),
        ("None",),
        (1e-320, 1e308, [0.3, 0.300000004]),
    ),
    "Sweep.run width": Argument(
        lambda v: Sweep(PROBLEM, [variant(depth=2, width=v)]).run(1), ("None",), (10**10,)
    ),
    "Variant.seeds": Argument(lambda v: variant(seeds=v), more=(2**32, 2**63)),
    "Variant.use_bias": Argument(lambda v: variant(use_bias=v), ("a bool",)),
    "Variant.use_factor_biases": Argument(lambda v: variant(use_factor_biases=v), ("a bool",)),
    "Variant.initial_factors": Argument(
        lambda v: variant(initial_factors=v), more=([np.full((6, 1), 1j)],)
    ),
    "Variant.update": Argument(lambda v: variant(update=v)),
    "Variant.layer features": Argument(lambda v: GD.layer(v, 1)),
    "Variant.layer outputs": Argument(lambda v: GD.layer(6, v)),
    "Variant.layer seed": Argument(lambda v: GD.layer(6, 1, seed=v)),
    "Variant.layer dtype": Argument(lambda v: GD.layer(6, 1, dtype=v)),
    "Sweep.problem": Argument(lambda v: Sweep(v, [GD])),
    "Sweep.variants": Argument(lambda v: Sweep(PROBLEM, v)),
    "Sweep.loss": Argument(lambda v: Sweep(PROBLEM, [GD], v)),
    "Sweep.dtype": Argument(lambda v: Sweep(PROBLEM, [GD], dtype=v)),
    "Sweep.share number": Argument(lambda v: SWEEP.share(v, 1), more=(0, 2)),
    "Sweep.share of": Argument(lambda v: SWEEP.share(1, v), more=(10**6,)),
    "Sweep.run steps": Argument(SWEEP.run, more=(2**31, 2**63, 1.0)),
    "Sweep.run targets": Argument(lambda v: SWEEP.run(1, targets=v), ("None",)),
    "Sweep.run one of targets": Argument(
        lambda v: SWEEP.run(1, targets={"a": v}), ("a negative number",)
    ),
    "Sweep.run points": Argument(lambda v: SWEEP.run(1, points=v)),
    "Sweep.run progress": Argument(lambda v: SWEEP.run(1, progress=v), ("None",)),
    "Sweep.run follow": Argument(lambda v: SWEEP.run(1, follow=v), ("None",)),
    "Sweep.run checkpoints": Argument(
        lambda v: SWEEP.run(1, checkpoints=v), ("None", "a text"), ("",)
    ),
    "Sweep.run seconds_between_checkpoints": Argument(
        lambda v: SWEEP.run(1, seconds_between_checkpoints=v)
    ),
    "Sweep.run checkpoint_share": Argument(lambda v: SWEEP.run(1, checkpoint_share=v)),
    "Sweep.run steps_per_call": Argument(lambda v: SWEEP.run(1, steps_per_call=v)),
    "Sweep.run batch_size": Argument(lambda v: SWEEP.run(1, batch_size=v), ("None",)),
    "Sweep.run strategy": Argument(lambda v: SWEEP.run(1, strategy=v), ("None",)),
    "History.best variant": Argument(lambda v: history().best(v)),
    "History.best_curve variant": Argument(lambda v: history().best_curve(v)),
    "History.run variant": Argument(lambda v: history().run(v, 1e-3)),
    "History.run learning_rate": Argument(lambda v: history().run("GD", v)),
    "History.run seed": Argument(lambda v: history().run("GD", 1e-3, v), ("None",)),
    "History.curve learning_rate": Argument(lambda v: history().curve("GD", v)),
    "History.model learning_rate": Argument(lambda v: history().model("GD", v)),
    "History.select places": Argument(lambda v: history().select(v), more=([], [99], [-1])),
    "History.join others": Argument(lambda v: history().join(v)),
    "History.save folder": Argument(lambda v: history().save(v), ("a text",)),
    "History.load folder": Argument(History.load, ("a text",)),
    "RecordedRun.problem": Argument(lambda v: recorded(problem=v)),
    "RecordedRun.variant": Argument(lambda v: recorded(variant=v)),
    "RecordedRun.optimizer": Argument(lambda v: recorded(optimizer=v)),
    "RecordedRun.loss": Argument(lambda v: recorded(loss=v)),
    "RecordedRun.dtype": Argument(lambda v: recorded(dtype=v)),
    "record_steps steps": Argument(record_steps),
    "record_steps points": Argument(lambda v: record_steps(10, v)),
    "emulate x": Argument(lambda v: emulated(x=v)),
    "emulate y": Argument(lambda v: emulated(y=v)),
    "emulate w_init": Argument(lambda v: emulated(w_init=v)),
    "emulate iterations": Argument(lambda v: emulated(iterations=v), more=(2**40,)),
    "emulate learning_rate": Argument(lambda v: emulated(learning_rate=v)),
    "emulate depth": Argument(lambda v: emulated(depth=v)),
    "emulate p": Argument(lambda v: emulated(p=v)),
    "emulate weight_decay": Argument(lambda v: emulated(weight_decay=v)),
    "emulate scale": Argument(lambda v: emulated(scale=v), ("a bool",)),
    "emulate imbalance": Argument(
        lambda v: emulated(imbalance=v), ("None",), (["text"], [], [0.1, 0.2], [[0.1]], {})
    ),
    "emulate order": Argument(lambda v: emulated(order=v)),
    "Checkpoints.folder": Argument(lambda v: Checkpoints(v, {}), ("a text",)),
    "Checkpoints.identity": Argument(lambda v: Checkpoints("folder", v)),
    "Checkpoints.keep": Argument(lambda v: Checkpoints("folder", {}, v)),
    "Checkpoints.save step": Argument(lambda v: Checkpoints("folder", {}).save(v, {})),
    "Checkpoints.save arrays": Argument(lambda v: Checkpoints("folder", {}).save(1, v)),
    "Checkpoints.newest report": Argument(lambda v: Checkpoints("folder", {}).newest(v)),
    "StopSignals.signals": Argument(StopSignals),
    "write_atomically path": Argument(lambda v: write_atomically(v, print), ("a text",)),
    "write_atomically write": Argument(lambda v: write_atomically("file", v)),
    "save_text text": Argument(lambda v: save_text("file", v), ("a text",)),
}


@pytest.mark.parametrize(("name", "value"), cases(ARGUMENTS))
def test_an_argument_that_cannot_be_used_is_one_line(name, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(ARGUMENTS, name, value)
    assert not list(tmp_path.iterdir())
