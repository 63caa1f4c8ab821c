"""Linear layers as products of matrices in Keras: implicit acceleration by overparameterization."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from overparam_tf._version import __version__

if TYPE_CHECKING:
    from overparam_tf.callbacks.end_to_end_monitor import EndToEndMonitor
    from overparam_tf.checkpoints import Checkpoints
    from overparam_tf.comparison import DepthComparison, compare_depths
    from overparam_tf.datasets import Digits, Problem, SensingProblem, load, load_mnist
    from overparam_tf.distributed import Training, WorkerLostError, get_strategy, train
    from overparam_tf.dynamics import (
        balance_defect,
        effective_learning_rate,
        end_to_end_update,
        line_integral,
        momentum_direction,
        preconditioner,
    )
    from overparam_tf.emulation import Emulation, emulate
    from overparam_tf.errors import DataError, EquivalenceError, InputError
    from overparam_tf.floor import ConvexFloor, convex_floor
    from overparam_tf.initializers import NearZero, balanced_factors, identity_factors
    from overparam_tf.layers import (
        FactorizedConv2D,
        FactorizedDense,
        FactorizedEinsumDense,
        FactorizedMultiHeadAttention,
    )
    from overparam_tf.losses import L4Loss, LpLoss, l4_loss, lp_loss
    from overparam_tf.optimizers import EndToEnd, EndToEndSGD, kernel_axes, legacy_2019
    from overparam_tf.regularizers import penalty_on
    from overparam_tf.surgery import collapse, load_collapsed, overparameterize, verify_equivalent
    from overparam_tf.sweep import History, RecordedRun, Sweep, TrainingStatus, Variant

# The module of each public name. Names are imported on first use: layers and losses must not load
# TensorFlow when Keras runs on another backend, and a data loader should not wait for either.
_HOMES = {
    # layers, and what trains them
    "overparam_tf.layers": (
        "FactorizedDense",
        "FactorizedConv2D",
        "FactorizedEinsumDense",
        "FactorizedMultiHeadAttention",
    ),
    "overparam_tf.initializers": ("NearZero", "balanced_factors", "identity_factors"),
    "overparam_tf.regularizers": ("penalty_on",),
    "overparam_tf.losses": ("lp_loss", "LpLoss", "l4_loss", "L4Loss"),
    "overparam_tf.optimizers": ("EndToEnd", "EndToEndSGD", "kernel_axes", "legacy_2019"),
    "overparam_tf.callbacks": ("EndToEndMonitor",),
    # any Keras model to factorised form and back
    "overparam_tf.surgery": ("overparameterize", "collapse", "verify_equivalent", "load_collapsed"),
    # does depth help a model?
    "overparam_tf.comparison": ("compare_depths", "DepthComparison"),
    # the theory
    "overparam_tf.dynamics": (
        "end_to_end_update",
        "preconditioner",
        "effective_learning_rate",
        "momentum_direction",
        "balance_defect",
        "line_integral",
    ),
    "overparam_tf.emulation": ("emulate", "Emulation"),
    # experiments at speed
    "overparam_tf.datasets": ("load", "Problem", "SensingProblem", "load_mnist", "Digits"),
    "overparam_tf.sweep": ("Variant", "Sweep", "History", "RecordedRun", "TrainingStatus"),
    "overparam_tf.floor": ("convex_floor", "ConvexFloor"),
    # several devices, several machines
    "overparam_tf.checkpoints": ("Checkpoints",),
    "overparam_tf.distributed": ("get_strategy", "train", "Training", "WorkerLostError"),
    "overparam_tf.errors": ("InputError", "DataError", "EquivalenceError"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
