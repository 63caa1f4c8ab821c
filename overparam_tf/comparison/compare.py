"""The comparison of a model's training at several depths, over rates, seeds and optimizers."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from overparam_tf._shapes import Width, check_width
from overparam_tf._version import __version__
from overparam_tf.checks import boolean, function, instance_of, optional, real_number
from overparam_tf.comparison.batches import Rows, read_rows, sizes_text
from overparam_tf.comparison.display import (
    Follow,
    follow_all,
    follow_one,
    losses_shown,
    progress_report,
    tensorboard_follower,
)
from overparam_tf.comparison.models import DeepModel, Recipe
from overparam_tf.comparison.plan import DepthCost, Plan
from overparam_tf.comparison.results import DepthComparison, run_of
from overparam_tf.comparison.runs import Curve, Run, row_of
from overparam_tf.comparison.search import FINE_GROWTH, next_runs
from overparam_tf.comparison.settings import Settings
from overparam_tf.comparison.store import Partial, Store
from overparam_tf.comparison.trainee import Trainee
from overparam_tf.errors import input_error
from overparam_tf.memory import require_memory
from overparam_tf.progress import Progress
from overparam_tf.stopping import StopSignals, deferred

# Points that `dry_run` times.
TIMED_POINTS = 3


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
        depths, optimizers, learning_rates, seeds, steps, batch_size, targets, window, start
    )
    rows = read_rows("data", data)
    if len(rows) < settings.batch_size:
        raise input_error(
            f"batches of at most {len(rows)} rows, all that there are", batch_size=batch_size
        )
    test = None if test_data is None else read_rows("test_data", test_data)
    check_width(width, max(settings.depths))
    sample = rows.at(slice(0, 1)).x
    build = function("build_model", build_model)
    recipe = Recipe(build, sample, layers, width, optional("prepare", prepare, function))
    work = _Work(recipe, settings, rows, loss, jit_compile, test, metrics)
    if boolean("dry_run", dry_run):
        return _plan(work, boolean("refine", refine))
    if plain is not None:
        require_alike(settings, instance_of("plain", plain, DepthComparison).settings)
    pause = real_number("seconds_between_checkpoints", seconds_between_checkpoints, least=0)
    store = Store(folder, _identity(work, refine), settings.points, pause)
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
        training = _Training(work, store, stop, follow, progress, boolean("refine", refine))
        finished = training.train_all()
        store.save(training.partial)
    kept = list(store.rows)
    return DepthComparison(
        settings,
        [store.rows[run] for run in kept],
        [store.curves[run] for run in kept],
        store.cells,
        finished,
    )


@dataclass(eq=False)
class _Work:
    """What is to be compared, on which data."""

    recipe: Recipe
    settings: Settings
    rows: Rows
    loss: Any
    jit_compile: bool | str
    test: Rows | None
    metrics: Any
    _starts: dict[int, list[np.ndarray]] = field(default_factory=dict)

    def start(self, seed: int) -> list[np.ndarray]:
        """Return the numbers of the plain model at a seed."""
        if seed not in self._starts:
            model = self.recipe.plain(seed)
            self._starts[seed] = DeepModel(model, list(model.variables)).values()
        return self._starts[seed]

    def trainee(self, optimizer: str, depth: int, quiet: bool) -> Trainee:
        """Return the compiled model of an optimizer and depth."""
        return Trainee(
            self.recipe,
            self.settings,
            optimizer,
            depth,
            self.loss,
            self.rows,
            self.start,
            self.jit_compile,
            quiet,
        )

    @functools.cached_property
    def evaluator(self) -> DeepModel:
        """Return a plain model that is compiled with the metrics."""
        first, *_ = self.settings.seeds
        deep = DeepModel.make(replace(self.recipe, prepare=None), 1, first)
        deep.model.compile(loss=self.loss, metrics=self.metrics, jit_compile=self.jit_compile)
        return deep

    def evaluate(self, deep: DeepModel) -> dict[str, float]:
        """Return loss and metrics on the test data, computed in the plain form."""
        if self.test is None:
            return {}
        self.evaluator.assign(deep.values())
        test = self.test
        found = self.evaluator.model.evaluate(
            test.x,
            test.y,
            sample_weight=test.weights,
            batch_size=max(256, self.settings.batch_size),
            verbose=0,
            return_dict=True,
        )
        return {name: float(value) for name, value in found.items()}


@dataclass(eq=False)
class _Training:
    """The runs of a comparison, trained one after the other."""

    work: _Work
    store: Store
    stop: StopSignals
    follow: Follow | None
    progress: Callable[[Progress], object]
    refine: bool
    partial: Partial | None = None
    _begun: float = field(default_factory=time.monotonic)
    _steps_here: int = 0

    def train_all(self) -> bool:
        """Train all runs, and return whether that came to its end."""
        settings, is_first = self.work.settings, True
        for optimizer in settings.optimizers:
            for depth in settings.depths:
                if not self._next(optimizer, depth):
                    continue
                trainee = self.work.trainee(optimizer, depth, quiet=not is_first and depth > 1)
                is_first = is_first and depth == 1
                self._note_model(trainee, optimizer, depth)
                while runs := self._next(optimizer, depth):
                    for run in runs:
                        if not self._train(trainee, run):
                            return False
                del trainee
                gc.collect()
        return True

    def _next(self, optimizer: str, depth: int) -> list[Run]:
        settings = self.work.settings
        found = {
            (run.learning_rate, run.seed): row
            for run, row in self.store.rows.items()
            if (run.optimizer, run.depth) == (optimizer, depth)
        }
        coarse = settings.learning_rates[optimizer]
        pairs = next_runs(found, coarse, settings.seeds, self.refine)
        return [Run(optimizer, depth, rate, seed) for rate, seed in pairs]

    def _note_model(self, trainee: Trainee, optimizer: str, depth: int) -> None:
        # The starts of all seeds are kept, plain and as factors.
        size = 2 * len(self.work.settings.seeds) * trainee.bytes
        require_memory("the starts of all seeds", size, depth=depth)
        model = trainee.deep.model
        parameters = sum(int(np.prod(each.shape)) for each in model.trainable_variables)
        self.store.cells[f"{optimizer}, depth {depth}"] = {
            "parameters": parameters,
            "bytes": trainee.bytes,
            "products": len(trainee.deep.products),
        }

    def _train(self, trainee: Trainee, run: Run) -> bool:
        """Train a run, from where it was interrupted, and return whether it came to its end."""
        settings, curve = self.work.settings, Curve()
        trainee.begin(run)
        earlier = self.store.partial
        if earlier is not None and earlier.run == run:
            trainee.warm_up_for(run, curve)
            trainee.restore(earlier.state)
            curve = earlier.curve
        while len(curve.losses) < settings.points and curve.is_finite:
            if self.stop.signal is not None:
                self.partial = Partial(run, curve, trainee.state())
                return False
            before = len(curve.losses)
            curve = trainee.advance(run, curve)
            self._steps_here += settings.per_point * (len(curve.losses) - before)
            follow_one(self.follow, run, curve, settings)
            if self.store.is_due:
                self.store.save(Partial(run, curve, trainee.state()))
            self._report(run, curve)
        test = self.work.evaluate(trainee.deep) if curve.is_finite else {}
        self.store.add(run, row_of(run, curve, settings, test), curve)
        return True

    def _report(self, run: Run, curve: Curve) -> None:
        settings = self.work.settings
        cells = len(settings.optimizers) * len(settings.depths)
        planned = cells * runs_per_cell(settings, self.refine)
        done = len(self.store.rows)
        steps = settings.steps * done + settings.per_point * len(curve.losses)
        shown = losses_shown(list(self.store.rows.values()))
        total = settings.steps * max(planned, done + 1)
        seconds = time.monotonic() - self._begun
        self.progress(Progress(steps, total, seconds, shown, self._steps_here))


def require_alike(settings: Settings, earlier: Settings) -> None:
    """Raise an `InputError` that names the first setting in which two comparisons differ.

    The depths and the start of products may differ: they are nothing to a plain model.
    """
    for name, value in vars(settings).items():
        other = getattr(earlier, name)
        if name not in ("depths", "start") and value != other:
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


def runs_per_cell(settings: Settings, refine: bool) -> int:
    """Return about how many runs an optimizer takes at a depth.

    Of a search: the coarse grid with one seed, and three rates around the best with all seeds, or
    one more.
    """
    rates = max(len(grid) for grid in settings.learning_rates.values())
    if not refine:
        return rates * len(settings.seeds)
    return rates + (3 + FINE_GROWTH // 2) * len(settings.seeds)


def _plan(work: _Work, refine: bool) -> Plan:
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


def _identity(work: _Work, refine: bool) -> dict[str, Any]:
    """Return what must be equal for one call to continue another."""
    loss = work.loss
    name = loss if isinstance(loss, str) else getattr(loss, "name", type(loss).__name__)
    first, *_ = work.settings.seeds
    numbers = np.array([float(np.sum(np.abs(v.astype(float)))) for v in work.start(first)])
    return {
        "settings": dict(vars(work.settings)),
        "refine": refine,
        "loss": str(name),
        "rows": sizes_text(work.rows),
        "data": work.rows.checksum,
        "test data": None if work.test is None else work.test.checksum,
        "weights": [list(value.shape) for value in work.start(first)],
        "start": f"{numbers.sum():.6g}",
        "backend": keras.backend.backend(),
        "versions": {"overparam_tf": __version__, "keras": keras.__version__},
    }
