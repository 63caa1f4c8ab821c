"""What a comparison trains: the models of every depth, on which data, from which numbers."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from overparam_tf._version import __version__
from overparam_tf.comparison.batches import Rows, sizes_text
from overparam_tf.comparison.models import DeepModel, Recipe
from overparam_tf.comparison.settings import Settings
from overparam_tf.comparison.trainee import Trainee


@dataclass(eq=False)
class Work:
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


def identity_of(work: Work, refine: bool) -> dict[str, Any]:
    """Return what must be equal for one call to continue another."""
    loss = work.loss
    name = loss if isinstance(loss, str) else getattr(loss, "name", type(loss).__name__)
    first, *_ = work.settings.seeds
    numbers = np.array([float(np.sum(np.abs(v.astype(float)))) for v in work.start(first)])
    chosen = {"layers": work.recipe.layers, "width": work.recipe.width}
    chosen["prepare"] = work.recipe.prepare
    return {
        "settings": dict(vars(work.settings)),
        # Only where they are given: comparisons of earlier versions keep none.
        **{name: _text_of(value) for name, value in chosen.items() if value is not None},
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


def _text_of(value: Any) -> str:
    """Return a text that is the same in every process; functions and types are their names."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text_of, value))
    name = getattr(value, "__qualname__", None) or getattr(value, "name", None)
    if isinstance(name, str):
        return name
    # The text of another callable, such as a partial, has its place in memory.
    return type(value).__qualname__ if callable(value) else str(value)
