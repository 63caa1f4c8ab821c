"""The engine of a sweep, which goes on without the runs that have left the stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.sharing import runs_at
from overparam_tf.sweep.stacks import Stack, weights_of
from overparam_tf.sweep.variant import Variant

IN_STACK = "in_stack"


class StackForm(NamedTuple):
    """What is common to the runs of a variant, whichever of them are in the stack.

    Attributes:
        width: The inner widths for tables.
        layer: The config of the `FactorizedDense` that holds the weights of a run.
        variables: Number of factors and biases.
        factors: Number of factors.
    """

    width: str
    layer: dict[str, Any]
    variables: int
    factors: int


class ShrinkingEngine:
    """An `Engine` with all runs of a sweep at first, and later with fewer of them.

    Losses and state always are those of all runs. The state of a run that left is that with which
    it left, and its losses are NaN.

    A smaller stack is another program: sums in products of matrices may be taken in another order,
    so that the runs that stay are the same up to round-off, not bit for bit.

    Args:
        make: Returns the engine that trains some variants.
        variants: All of them.
        dtype: `"float32"` or `"float64"`.
        has_test: Whether the engine is a `HeldOutEngine`, whose losses are followed by the test
            losses of all runs; default False.

    Attributes:
        in_stack: Whether each run is in the stack, shape (R,).
        forms: The form of each variant's stack.
    """

    def __init__(
        self,
        make: Callable[[Sequence[Variant]], Engine],
        variants: Sequence[Variant],
        dtype: str,
        has_test: bool = False,
    ):
        self._kinds = 2 if has_test else 1
        self._make, self._variants, self._dtype = make, variants, dtype
        self._engine: Engine | None = make(variants)
        ends = np.cumsum([len(variant.runs) for variant in variants])
        self._ends, self.in_stack = ends, np.ones(ends[-1], bool)
        self.forms = [_form(stack, dtype) for stack in self._engine.stacks]
        # By the number of the variant, not of the stack, and with the rows of all runs.
        self._arrays = self._engine.state()

    @property
    def stride(self) -> int:
        """Return the stride of the engine; see `Engine`."""
        return 1 if self._engine is None else self._engine.stride

    def advance(self, steps: int, first: int = 0) -> np.ndarray:
        """Take steps; return the losses before each, shape (steps, R); see `Engine.advance`."""
        losses = np.full((steps, self._kinds * len(self.in_stack)), np.nan, self._dtype)
        if self._engine is not None:
            losses[:, self._columns] = self._engine.advance(steps, first)
        return losses

    def evaluate(self) -> np.ndarray:
        """Return the losses of the current parameters on all rows, shape (R,)."""
        losses = np.full(self._kinds * len(self.in_stack), np.nan, self._dtype)
        if self._engine is not None:
            losses[self._columns] = self._engine.evaluate()
        return losses

    @property
    def _columns(self) -> np.ndarray:
        """Return which of the losses are those of runs in the stack."""
        return np.tile(self.in_stack, self._kinds)

    def keep(self, in_stack: np.ndarray) -> None:
        """Let all runs leave but some of those in the stack.

        Args:
            in_stack: Whether each run stays, shape (R,).
        """
        if not np.array_equal(in_stack, self.in_stack):
            self.restore({**self.state(), IN_STACK: in_stack})

    def state(self) -> dict[str, np.ndarray]:
        """Return the state of all runs, by variant and variable, and which are in the stack."""
        state = {**self._arrays, IN_STACK: self.in_stack}
        values = {} if self._engine is None else self._engine.state()
        for name, name_in_stack, rows in self._places():
            value = values[name_in_stack]
            if value.ndim:
                value, others = state[name].copy(), value
                value[rows] = others
            state[name] = value
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Set everything to what `state` returned."""
        self._arrays = {name: array for name, array in state.items() if name != IN_STACK}
        if not np.array_equal(state[IN_STACK], self.in_stack):
            self.in_stack = state[IN_STACK]
            self._engine = None  # its memory is free before the next one takes some
            variants = [
                runs_at(self._variants[n], rows.tolist()) for n, rows in self._living().items()
            ]
            self._engine = self._make(variants) if variants else None
        if self._engine is not None:
            values = {
                name_in_stack: self._arrays[name][rows]
                if self._arrays[name].ndim
                else self._arrays[name]
                for name, name_in_stack, rows in self._places()
            }
            self._engine.restore(values)

    def weights(self) -> list[list[np.ndarray]]:
        """Return the factors, then the biases, of every run, in the order of `FactorizedDense`."""
        state, weights = self.state(), []
        for number, (form, variant) in enumerate(zip(self.forms, self._variants, strict=True)):
            values = [state[f"{number}/{place}"] for place in range(form.variables)]
            weights += [weights_of(values, form.factors, run) for run in range(len(variant.runs))]
        return weights

    def _living(self) -> dict[int, np.ndarray]:
        """Return, by number of the variant, the runs of it that are in the stack, if any."""
        parts = np.split(self.in_stack, self._ends[:-1])
        return {number: np.flatnonzero(part) for number, part in enumerate(parts) if part.any()}

    def _places(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """Yield the names of each variable here and in the engine, and its rows in the stack."""
        living = self._living()
        stacks = {number: stack for stack, number in enumerate(living)}
        for name in self._arrays:
            number, _, variable = name.partition("/")
            if int(number) in living:
                yield name, f"{stacks[int(number)]}/{variable}", living[int(number)]


def _form(stack: Stack, dtype: str) -> StackForm:
    return StackForm(
        stack.width, stack.layer_config(dtype), len(stack.variables), len(stack.factors)
    )
