"""A variant: one named curve of a figure, that is a parametrisation, an optimizer, and the rates and seeds to try."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from overparam_tf.errors import InputError
from overparam_tf.initializers import NearZero
from overparam_tf.layers import FactorizedDense

# Their update of one weight uses nothing but that weight's own gradient and slots, so that a stack of runs
# trained as one tensor is exactly the runs trained one by one. (LAMB, LARS, Muon, Adafactor use norms: not so.)
ELEMENTWISE_OPTIMIZERS = ("SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW")

# Options of Keras optimizers that mix the weights of a tensor, and with it the runs of a stack.
MIXING_OPTIONS = (
    "clipnorm",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


@dataclass(frozen=True)
class Variant:
    """A parametrisation and an optimizer, trained once for every learning rate and seed.

    Args:
        name: the curve's name in tables and figures, e.g. `"GD, depth 3"`.
        depth: number N of factors, N >= 1; depth 1 is the plain linear layer.
        width: inner widths, as in `FactorizedDense`: None (min(in, out)), an int, or depth-1 ints.
        optimizer: a Keras optimizer or its name. It serves as a template: each run gets its own learning rate.
            One of SGD (momentum and Nesterov too), Adagrad, Adadelta, RMSprop, Adam, AdamW.
        learning_rates: the rates to try, each > 0.
        seeds: the seeds of the initial factors. Runs are all pairs (learning rate, seed).
        use_bias: adds a bias to the output.
        use_factor_biases: adds a bias after every factor (the 2019 stack of biased `Dense` layers).
        initial_factors: how the factors start: `"near_zero"` (each N(0, 0.01^2), the default), `"balanced"` (SVD
            split of a near-zero kernel), `"identity"` (a near-zero first factor, then identities), a Keras
            initializer (it is given the run's seed), or a list of `depth` arrays that every run starts from.
        update: `"factors"` (the optimizer updates every factor) or `"end_to_end"` (Theorem 1 on the kernel itself;
            the optimizer must then be plain SGD, its weight decay is the theorem's; the kernel starts as the product
            of the initial factors, and depth may be fractional: the factors' number is then rounded up).

    Raises:
        InputError: if an argument is out of its range.

    Example:
        >>> variant = Variant("GD, depth 2", depth=2, optimizer="sgd", learning_rates=(1e-3, 1e-2), seeds=(0, 1))
        >>> variant.runs
        ((0.001, 0), (0.001, 1), (0.01, 0), (0.01, 1))
    """

    name: str
    depth: float = 1
    width: int | Sequence[int] | None = None
    optimizer: str | keras.optimizers.Optimizer = "sgd"
    learning_rates: Sequence[float] = (1e-3,)
    seeds: Sequence[int] = (0,)
    use_bias: bool = False
    use_factor_biases: bool = False
    initial_factors: Any = "near_zero"
    update: str = "factors"

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"A variant needs a non-empty name. Received: name={self.name!r}")
        if self.update not in ("factors", "end_to_end"):
            raise self._error("expected update 'factors' or 'end_to_end'", update=self.update)
        self._freeze(
            "learning_rates",
            float,
            "finite numbers > 0",
            lambda rate: math.isfinite(rate) and rate > 0,
        )
        self._freeze("seeds", int, "integers >= 0", lambda seed: seed >= 0)
        self._check_depth()
        self._check_optimizer()

    def _error(self, expected: str, **received: Any) -> InputError:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        return InputError(f"Variant {self.name!r}: {expected}. Received: {values}")

    def _freeze(self, field: str, kind: type, expected: str, is_valid) -> None:
        """Turns a sequence field into a tuple of `kind`, checked and free of duplicates."""
        values = getattr(self, field)
        try:
            frozen = tuple(kind(value) for value in np.atleast_1d(values).tolist())
        except (TypeError, ValueError, OverflowError):
            frozen = ()
        exact = frozen and all(
            value == original for value, original in zip(frozen, np.atleast_1d(values), strict=True)
        )
        if not exact or not all(map(is_valid, frozen)) or len(set(frozen)) != len(frozen):
            raise self._error(
                f"expected {field} as a non-empty list of {expected}, none twice", **{field: values}
            )
        object.__setattr__(self, field, frozen)

    def _check_depth(self) -> None:
        is_number = isinstance(self.depth, (int, float, np.number)) and not isinstance(
            self.depth, bool
        )
        if not is_number or not math.isfinite(self.depth) or self.depth < 1:
            raise self._error("expected depth as a number >= 1", depth=self.depth)
        if self.depth == int(self.depth):
            object.__setattr__(self, "depth", int(self.depth))
        elif self.update == "factors":
            raise self._error("a fractional depth needs update='end_to_end'", depth=self.depth)
        if self.update == "end_to_end" and self.use_factor_biases:
            raise self._error(
                "the end-to-end rule has no factors to bias; set use_factor_biases=False",
                use_factor_biases=True,
            )

    def _check_optimizer(self) -> None:
        try:
            optimizer = keras.optimizers.get(self.optimizer)
        except (ValueError, TypeError, KeyError):
            raise self._error(
                f"expected optimizer as one of {', '.join(ELEMENTWISE_OPTIMIZERS)}",
                optimizer=self.optimizer,
            ) from None
        kind, config = type(optimizer).__name__, optimizer.get_config()
        if (
            type(optimizer) is not getattr(keras.optimizers, kind, None)
            or kind not in ELEMENTWISE_OPTIMIZERS
        ):
            raise self._error(
                "a stack of runs is exact only for elementwise optimizers: "
                + ", ".join(ELEMENTWISE_OPTIMIZERS),
                optimizer=kind,
            )
        mixing = {option: config[option] for option in MIXING_OPTIONS if config.get(option)}
        if mixing:
            raise self._error(
                "these optimizer options would mix the runs of a stack; leave them out", **mixing
            )
        if self.update == "end_to_end" and (kind != "SGD" or config["momentum"]):
            raise self._error(
                "the end-to-end rule of Theorem 1 is for SGD without momentum", optimizer=kind
            )
        object.__setattr__(self, "optimizer", optimizer)

    @property
    def optimizer_name(self) -> str:
        """The optimizer's class name, e.g. `"Adagrad"`."""
        return type(self.optimizer).__name__

    @property
    def runs(self) -> tuple[tuple[float, int], ...]:
        """The (learning rate, seed) of each run, in the order of the stack."""
        return tuple(itertools.product(self.learning_rates, self.seeds))

    def optimizer_with(
        self, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
    ):
        """A fresh copy of the optimizer at another learning rate (or schedule)."""
        return type(self.optimizer).from_config(
            {**self.optimizer.get_config(), "learning_rate": learning_rate}
        )

    def layer(
        self, features: int, outputs: int, seed: int = 0, dtype: str = "float32"
    ) -> FactorizedDense:
        """The `FactorizedDense` that one run of this variant trains, built, with its initial weights.

        Args:
            features: input size d.
            outputs: output size k.
            seed: seed of the initial factors.
            dtype: `"float32"` or `"float64"`.

        Returns:
            The built layer.
        """
        start = self.initial_factors
        given = isinstance(start, (list, tuple))
        layer = FactorizedDense(
            outputs,
            depth=math.ceil(self.depth),
            width=self.width,
            use_bias=self.use_bias,
            use_factor_biases=self.use_factor_biases,
            dtype=dtype,
            **({} if given else self._initializers(seed)),
        )
        layer.build((None, features))
        if given:
            self._assign(layer, start)
        return layer

    def _assign(self, layer: FactorizedDense, factors: Sequence[Any]) -> None:
        expected = [tuple(factor.shape) for factor in layer.factors]
        received = [np.shape(factor) for factor in factors]
        if received != expected:
            raise self._error(f"expected initial_factors of the shapes {expected}", shapes=received)
        for variable, value in zip(layer.factors, factors, strict=True):
            variable.assign(value)

    def _initializers(self, seed: int) -> dict[str, Any]:
        """The initializer arguments of `FactorizedDense` for one seed."""
        start = self.initial_factors
        if isinstance(start, str) and start == "balanced":
            return {"kernel_initializer": NearZero(seed=seed)}
        if isinstance(start, str) and start == "identity":
            return {
                "factor_initializer": [NearZero(seed=seed)]
                + ["identity"] * (math.ceil(self.depth) - 1)
            }
        if isinstance(start, str) and start == "near_zero":
            return {"factor_initializer": NearZero(seed=seed)}
        initializer = keras.initializers.get(start)
        config = initializer.get_config()
        return {
            "factor_initializer": initializer.from_config(
                {**config, "seed": seed} if "seed" in config else config
            )
        }
