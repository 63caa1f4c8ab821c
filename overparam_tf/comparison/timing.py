"""A few timed steps of each depth, from which the cost of a comparison is estimated."""

from __future__ import annotations

import time

import numpy as np

from overparam_tf.comparison.plan import DepthCost, Plan
from overparam_tf.comparison.runs import Curve, Run
from overparam_tf.comparison.training import runs_per_cell
from overparam_tf.comparison.work import Work

# Points that are timed.
TIMED_POINTS = 3


def measure_plan(work: Work, refine: bool) -> Plan:
    """Return what a comparison takes, from timed steps of each depth with the first optimizer."""
    settings, costs = work.settings, {}
    optimizer, *_ = settings.optimizers
    rate, *_ = settings.learning_rates[optimizer]
    for depth in settings.depths:
        begin = time.perf_counter()
        trainee = work.trainee(optimizer, depth, quiet=True)
        run = Run(optimizer, depth, rate, settings.seeds[0])
        trainee.begin(run)
        trainee.warm_up_for(run, Curve())
        compiled = time.perf_counter() - begin
        curve = Curve()
        for _ in range(min(TIMED_POINTS, settings.points)):
            curve = trainee.advance(run, curve)
            if len(curve.losses) >= settings.points or not curve.is_finite:
                break
        parameters = sum(int(np.prod(v.shape)) for v in trainee.deep.model.trainable_variables)
        per_step = curve.seconds / (settings.per_point * max(1, len(curve.losses)))
        costs[depth] = DepthCost(parameters, trainee.bytes, compiled, per_step)
    data_bytes = sum(array.nbytes for array in work.rows.arrays)
    return Plan(settings, costs, runs_per_cell(settings, refine), data_bytes)
