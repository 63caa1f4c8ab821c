"""A variant: one named curve of a figure, with the learning rates and seeds to try for it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from overparam_tf._shapes import check_width
from overparam_tf.checks import (
    boolean,
    has_duplicates,
    list_of,
    one_of,
    positive_int,
    real_number,
    whole_number,
)
from overparam_tf.errors import InputError, input_error
from overparam_tf.initializers import NearZero, balanced_factors, draw
from overparam_tf.layers import FactorizedDense
from overparam_tf.sweep.initial_factors import check_start, factor_initializer
from overparam_tf.sweep.template import check_template, copy_of, rate_of

# More factors than this take minutes to make, and none is known to need them.
MOST_FACTORS = 10_000
# A run is found by its rate, within a tenth of this.
NEAREST_RATES = 1e-8
# What moves: the factors, or their product by a rule.
UPDATES = ("factors", "end_to_end", "unbalanced", "exact", "preconditioned")


@dataclass(frozen=True)
class Variant:
    """A parametrisation and an optimizer, trained once for every learning rate and seed.

    Args:
        name: The curve's name in tables and figures, such as `"GD, depth 3"`.
        depth: Number N of factors, from 1 to 10,000; default 1, the plain linear layer.
        width: Inner widths, as in `FactorizedDense`: None for min(in, out) (default), an int, or
            `depth - 1` ints.
        optimizer: A Keras optimizer or its name; default `"sgd"`. It is a template: each run gets
            a new copy of it, at its own learning rate. One of SGD (with momentum or Nesterov too),
            Adagrad, Adadelta, RMSprop, Adam, AdamW, Adamax, Nadam, Lion, Ftrl, without a schedule;
            or Muon, Adafactor, Lamb, which mix the entries of a matrix: their runs are updated one
            by one, slower, and a warning says so. Names that are excluded from its weight decay
            are those of `FactorizedDense`, such as `"bias"` and `"factor_1"`, and `"kernel"` for
            every update but `"factors"`.
        learning_rates: The rates to try, each > 0 and apart by more than 1e-8 of it; default None,
            the rate of the optimizer alone, or 0.001 for one that is given by its name. Read from
            the variant it is a tuple.
        seeds: Seeds of the initial factors, from 0 to 2^32 - 1; default 0 alone. The runs are all
            pairs of a learning rate and a seed.
        use_bias: Add a bias to the output; default False.
        use_factor_biases: Add a bias after every factor, as in the biased `Dense` layers of 2019;
            default False.
        initial_factors: How the factors start: `"near_zero"` (default; every entry N(0, 0.01^2)),
            `"balanced"` (SVD split of a near-zero kernel), `"identity"` (a near-zero first factor,
            then identities), a Keras initializer, which gets the run's seed, or a list of `depth`
            arrays from which every run starts.
        update: `"factors"` (default), by which the optimizer updates every factor, or
            one that moves the kernel itself, which starts as the product of the initial factors:
            `"end_to_end"`, the rule of Theorem 1, as if those were balanced; `"unbalanced"`, the
            rule with their differences of squared norms, for one output and inner widths of 1; or
            `"exact"`, the very steps of the factors, for the same and for depth 2. The optimizer
            must then be plain SGD, and its weight decay is that of every factor. Last,
            `"preconditioned"`, by which any of the optimizers gets the gradient as the rule of
            Theorem 1 turns it (see `overparam_tf.EndToEnd`). With `"end_to_end"` and
            `"preconditioned"` depth may be fractional, and the number of initial factors is then
            rounded up.

    Raises:
        InputError: If an argument is not as described.

    Example:
        >>> variant = Variant("GD, depth 2", depth=2, learning_rates=(1e-3, 1e-2), seeds=(0, 1))
        >>> variant.runs
        ((0.001, 0), (0.001, 1), (0.01, 0), (0.01, 1))
    """

    name: str
    depth: float = 1
    width: int | Sequence[int] | None = None
    optimizer: Any = "sgd"
    learning_rates: Any = None
    seeds: Sequence[int] = (0,)
    use_bias: bool = False
    use_factor_biases: bool = False
    initial_factors: Any = "near_zero"
    update: str = "factors"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise input_error("a non-empty name for a variant", name=self.name)
        try:
            self._check()
        except InputError as error:
            raise InputError(f"{error}, in the variant {self.name!r}") from None

    def _check(self) -> None:
        """Check every field but the name, and put it into its plain type."""
        one_of("update", self.update, UPDATES)
        boolean("use_bias", self.use_bias)
        boolean("use_factor_biases", self.use_factor_biases)
        optimizer = check_template(self.optimizer, self.update)
        rates = self.learning_rates
        if rates is None:
            rates = (rate_of(self.optimizer, optimizer),)
        values = {
            "learning_rates": _apart(_distinct("learning_rates", rates, _rate)),
            "seeds": _distinct("seeds", self.seeds, _seed),
            "depth": self._checked_depth(),
            "optimizer": optimizer,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)
        check_width(self.width, math.ceil(self.depth))
        check_start(self.initial_factors)

    def _checked_depth(self) -> float:
        depth = real_number("depth", self.depth, least=1, most=MOST_FACTORS)
        if depth == int(depth):
            depth = int(depth)
        elif self.update not in ("end_to_end", "preconditioned"):
            raise input_error(
                "update='end_to_end' for a fractional depth", depth=depth, update=self.update
            )
        if self.update != "factors" and self.use_factor_biases:
            raise input_error(
                f"use_factor_biases=False for update={self.update!r}, which has no factors",
                use_factor_biases=True,
            )
        return depth

    @property
    def optimizer_name(self) -> str:
        """Return the optimizer's class name, such as `"Adagrad"`."""
        return type(self.optimizer).__name__

    @property
    def runs(self) -> tuple[tuple[float, int], ...]:
        """Return the (learning rate, seed) of each run, in the order of the stack."""
        return tuple(itertools.product(self.learning_rates, self.seeds))

    def optimizer_with(
        self, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
    ) -> keras.optimizers.Optimizer:
        """Return a new copy of the optimizer at another learning rate or schedule."""
        return copy_of(self.optimizer, learning_rate)

    def layer(
        self, features: int, outputs: int, seed: int = 0, dtype: str = "float32"
    ) -> FactorizedDense:
        """Return the `FactorizedDense` that one run of this variant trains, with initial weights.

        Args:
            features: Input size d.
            outputs: Output size k.
            seed: Seed of the initial factors; default 0.
            dtype: `"float32"` (default) or `"float64"`.

        Returns:
            The built layer.

        Raises:
            InputError: If an argument is not as described, or the variant's initial factors have
                other shapes than those of the layer.
        """
        features = positive_int("features", features)
        outputs = positive_int("outputs", outputs)
        seed = whole_number("seed", seed)
        one_of("dtype", dtype, ("float32", "float64"))
        depth = math.ceil(self.depth)
        layer = FactorizedDense(
            outputs,
            depth=depth,
            width=self.width,
            use_bias=self.use_bias,
            use_factor_biases=self.use_factor_biases,
            dtype=dtype,
            factor_initializer=factor_initializer(self.initial_factors, seed, depth),
        )
        layer.build((None, features))
        if self.initial_factors == "balanced":
            kernel = draw(NearZero(seed=seed), (features, outputs), dtype)
            self._assign_factors(layer, balanced_factors(kernel, layer.depth, layer.width))
        elif isinstance(self.initial_factors, (list, tuple)):
            self._assign_factors(layer, self.initial_factors)
        return layer

    def _assign_factors(self, layer: FactorizedDense, factors: Sequence[Any]) -> None:
        expected = [tuple(factor.shape) for factor in layer.factors]
        received = [np.shape(factor) for factor in factors]
        if received != expected:
            raise input_error(
                f"initial_factors of the shapes {expected} in the variant {self.name!r}",
                shapes=received,
            )
        for variable, value in zip(layer.factors, factors, strict=True):
            variable.assign(value)


def _distinct(name: str, values: Any, check: Any) -> tuple:
    """Return the entries of a list, or a single number, each as `check` returns it."""
    is_number = isinstance(values, (int, float, np.number))
    entries = list_of(name, [values] if is_number else values, check)
    if not entries or has_duplicates(entries):
        raise input_error(f"{name} as a non-empty list, none twice", **{name: values})
    return tuple(entries)


def _apart(rates: tuple[float, ...]) -> tuple[float, ...]:
    """Return rates if they are far enough apart to be told from one another, as `History` does."""
    increasing = np.sort(rates)
    if np.isclose(increasing[1:], increasing[:-1], rtol=NEAREST_RATES, atol=0).any():
        raise input_error(
            f"learning_rates that differ by more than {NEAREST_RATES:g} of each",
            learning_rates=rates,
        )
    return rates


def _rate(name: str, value: object) -> float:
    return real_number(name, value, above=0)


def _seed(name: str, value: object) -> int:
    return whole_number(name, value, most=2**32 - 1)  # Keras reads it modulo 2^32
