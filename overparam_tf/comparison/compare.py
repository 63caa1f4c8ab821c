"""The comparison of a model's training at several depths, over rates, seeds and optimizers."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from overparam_tf._shapes import Width, check_width
from overparam_tf.checks import boolean, function, instance_of, optional, real_number
from overparam_tf.comparison.batches import read_rows
from overparam_tf.comparison.display import (
    Follow,
    follow_all,
    progress_report,
    tensorboard_follower,
)
from overparam_tf.comparison.models import Recipe
from overparam_tf.comparison.plan import Plan
from overparam_tf.comparison.results import DepthComparison
from overparam_tf.comparison.runs import run_of
from overparam_tf.comparison.settings import Settings
from overparam_tf.comparison.store import Store
from overparam_tf.comparison.timing import measure_plan
from overparam_tf.comparison.training import Training
from overparam_tf.comparison.work import Work, identity_of
from overparam_tf.errors import input_error
from overparam_tf.progress import Progress
from overparam_tf.stopping import deferred


def compare_depths(
    build_model: Callable[[], keras.Model],
    data: Any,
    *,
    loss: Any,
    targets: Sequence[float],
    depths: Sequence[int] = (1, 2, 3),
    optimizers: Any = ("sgd", "adam"),
    learning_rates: Any = None,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    steps: int = 1000,
    batch_size: int = 32,
    layers: Any = None,
    width: Width = None,
    start: str = "same",
    update: str = "factors",
    prepare: Callable[[keras.Model, int], object] | None = None,
    test_data: Any = None,
    metrics: Any = None,
    window: int | None = None,
    refine: bool = True,
    plain: DepthComparison | None = None,
    folder: str | os.PathLike | None = None,
    follow: Follow | None = None,
    progress: Callable[[Progress], object] | None = None,
    quiet: bool = False,
    jit_compile: bool | str = "auto",
    seconds_between_checkpoints: float = 15.0,
    dry_run: bool = False,
) -> DepthComparison | Plan:
    r"""Train a model plain and as products, and say whether depth reaches a loss in fewer steps.

    Every depth starts from the same function, the plain model's at that seed, and sees the same
    batches in the same order; every optimizer has its own best rate at every depth. The speed-up is

    $$\frac{\text{steps of depth 1 to the target}}{\text{steps of depth } N \text{ to it}},$$

    each the median over seeds at the best rate, with a bootstrap interval over seeds that chooses
    the best rates again in every sample. Runs that diverge or do not reach the target are censored,
    not dropped: they make the ratio a bound.

    Training is Keras's own `fit`, with its optimizers, in one compiled model for each optimizer and
    depth: before each run weights, optimizer state and rate are put back, and nothing compiles
    again.

    Args:
        build_model: Returns the plain model, with new random numbers each time it is called. These
            come from the seeds of `keras.utils.set_random_seed`. A model that is not built is
            called on one row of inputs. If it is compiled, that is not used.
        data: `(x, y)` or `(x, y, sample_weight)`, arrays or lists or dictionaries of arrays, or a
            finite data set of batches, which is collected in memory.
        loss: As `compile` takes it.
        targets: Losses to reach, without the penalties on weights where the model has a single
            loss.
        depths: Numbers of factors, 1 among them; default 1, 2, 3.
        optimizers: Optimizers or their names, in a list or by names of your own; default SGD and
            Adam. Their rates are the middle of the grid.
        learning_rates: The coarse grid, one for all or by optimizer; default five rates half a
            decade apart. A grid grows at an end where its best rate lies.
        seeds: Seeds of weights and batches; default 0 to 4.
        steps: Steps of each run; default 1000.
        batch_size: Rows of a batch; default 32.
        layers: The layers to convert, see `overparam_tf.overparameterize`; default None, all.
        width: Inner dimensions of the factors, see there; default None.
        start: `"same"` (default), balanced factors of the plain kernels, or `"paper"`: every factor
            is drawn as the plain kernel is, so that the product is another function.
        update: What depth is: `"factors"` (default), kernels that are products, or `"end_to_end"`,
            the plain model with every optimizer behind the rule of that depth
            (`overparam_tf.EndToEnd`) on the kernels that would be products. These have neither
            `width` nor another `start`.
        prepare: Called with each model and its depth after conversion, for example to put a penalty
            on every factor; default None.
        test_data: Like `data`, evaluated at the end of runs with all seeds; default None.
        metrics: Metrics of `test_data`, as `compile` takes them; default None, the loss alone.
        window: Steps over which losses are averaged; default None, a fifteenth of `steps`.
        refine: Whether to search for the best rates; otherwise the coarse grid is trained with all
            seeds. Default True.
        plain: An earlier comparison of the same plain model with the same settings, such as one
            with another `start` or `prepare`; its runs of depth 1 are taken over. Default None.
        folder: Where checkpoints and TensorBoard's curves go. The same call continues a comparison
            that was interrupted or killed. Default None, nothing is saved.
        follow: Called with each `Run`, the steps of its points so far and their smoothed losses, in
            place of TensorBoard's curves; default None.
        progress: Called with each `overparam_tf.progress.Progress`; default None, a bar on the
            terminal.
        quiet: Whether to show no progress; default False.
        jit_compile: As `compile` takes it; default `"auto"`.
        seconds_between_checkpoints: Least time between two checkpoints, >= 0; default 15.
        dry_run: Whether only to time a few steps of each depth, and return what the comparison
            would take; default False.

    Returns:
        A `DepthComparison`: `verdicts()`, `table()`, `best_curves()`, `to_dict()`; after a stop
        signal that of the runs so far. With `dry_run` a `Plan`.

    Raises:
        InputError: If an argument is unusable, `folder` holds another comparison, or the models do
            not fit into memory.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018), section 8.

    Example:
        >>> def build():
        ...     return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> x = np.random.default_rng(0).normal(size=(64, 3))
        >>> plan = compare_depths(
        ...     build, (x, x[:, :1]), loss="mse", targets=[0.1], depths=(1, 2), dry_run=True
        ... )
        >>> [cost.parameters for cost in plan.costs.values()], plan.runs
        ([4, 5], 100)
    """
    settings = Settings.check(
        depths, optimizers, learning_rates, seeds, steps, batch_size, targets, window, start, update
    )
    rows = read_rows("data", data)
    if len(rows) < settings.batch_size:
        raise input_error(
            f"batches of at most {len(rows)} rows, all that there are", batch_size=batch_size
        )
    test = None if test_data is None else read_rows("test_data", test_data)
    check_width(width, max(settings.depths))
    if width is not None and settings.update != "factors":
        raise input_error("width=None for an update without factors", width=width)
    sample = rows.at(slice(0, 1)).x
    build = function("build_model", build_model)
    prepare = optional("prepare", prepare, function)
    recipe = Recipe(build, sample, layers, width, prepare, settings.update == "factors")
    work = Work(recipe, settings, rows, loss, jit_compile, test, metrics)
    if boolean("dry_run", dry_run):
        return measure_plan(work, boolean("refine", refine))
    if plain is not None:
        require_alike(settings, instance_of("plain", plain, DepthComparison).settings)
    pause = real_number("seconds_between_checkpoints", seconds_between_checkpoints, least=0)
    store = Store(folder, identity_of(work, refine), settings.points, pause)
    warn_of_equal_starts(work)
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(deferred())
        if follow is None:
            follow = stack.enter_context(tensorboard_follower(folder, settings))
        if progress is None:
            progress = stack.enter_context(
                progress_report("compare_depths", boolean("quiet", quiet))
            )
        take_plain_runs(store, plain)
        follow_all(follow, store.curves, settings)
        training = Training(work, store, stop, follow, progress, boolean("refine", refine))
        try:
            finished = training.train_all()
        finally:
            store.save(training.partial)
    kept = list(store.rows)
    return DepthComparison(
        settings,
        [store.rows[run] for run in kept],
        [store.curves[run] for run in kept],
        store.cells,
        finished,
    )


def require_alike(settings: Settings, earlier: Settings) -> None:
    """Check that two comparisons train the same plain models.

    The depths may differ, and how products start and are updated: a plain model has none.

    Raises:
        InputError: If another setting differs; the line names the first.
    """
    for name, value in vars(settings).items():
        other = getattr(earlier, name)
        if name not in ("depths", "start", "update") and value != other:
            expected = f"a comparison of the same {name} for plain, {value}"
            raise input_error(expected, **{name: other})


def take_plain_runs(store: Store, plain: DepthComparison | None) -> None:
    """Keep the runs of depth 1 of an earlier comparison."""
    if plain is None:
        return
    for row, curve in zip(plain.rows, plain.curves, strict=True):
        run = run_of(row)
        if run.depth == 1 and run not in store.rows:
            store.add_earlier(run, dict(row), curve)
    for name, cell in plain.models.items():
        if name.endswith("depth 1"):
            store.cells[name] = dict(cell)


def warn_of_equal_starts(work: Work) -> None:
    """Warn in one line if the model starts from the same numbers at two seeds."""
    seeds = work.settings.seeds
    if len(seeds) > 1:
        pairs = zip(work.start(seeds[0]), work.start(seeds[1]), strict=False)
        if all(np.array_equal(one, other) for one, other in pairs):
            warnings.warn(
                "build_model returns the same numbers at every seed, so that only the order of "
                "the batches differs: leave out the seeds of its initializers",
                UserWarning,
                stacklevel=3,
            )
