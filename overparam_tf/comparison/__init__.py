"""The comparison of a model's training at several depths: steps to a target, with intervals."""

from overparam_tf.comparison.bootstrap import Estimate, speed_up
from overparam_tf.comparison.compare import compare_depths
from overparam_tf.comparison.plan import Plan
from overparam_tf.comparison.results import DepthComparison
from overparam_tf.comparison.speed_ups import Bound, SpeedUp

__all__ = [
    "Bound",
    "DepthComparison",
    "Estimate",
    "Plan",
    "SpeedUp",
    "compare_depths",
    "speed_up",
]
