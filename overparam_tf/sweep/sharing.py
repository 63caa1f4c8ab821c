"""Shares of the runs of a sweep: contiguous, of nearly equal cost, made without communication."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from overparam_tf._shapes import factor_shapes
from overparam_tf.checks import positive_int, whole_number
from overparam_tf.datasets import Problem
from overparam_tf.errors import input_error
from overparam_tf.sweep.variant import Variant

# The cost of a step beyond its products of matrices, in multiply-adds: of each run, and of each
# variant, which is a stack of its own.
RUN_OVERHEAD, STACK_OVERHEAD = 10_000, 100_000


@dataclass(frozen=True)
class Unit:
    """Work that can be divided into items, with a cost that every share of it has.

    Attributes:
        items: Number of items.
        item_cost: Cost of each.
        fixed_cost: Cost of any number of them from 1 on; default 0.
    """

    items: int
    item_cost: int
    fixed_cost: int = 0


class Portion(NamedTuple):
    """The items `first` to `end` - 1 of the unit of number `unit`."""

    unit: int
    first: int
    end: int


def divide(units: Sequence[Unit], shares: int) -> list[list[Portion]]:
    """Return the portions of each share: contiguous, none empty, the dearest as cheap as can be.

    Every process that calls this gets the same answer: costs are whole numbers.

    Args:
        units: The work.
        shares: Number of shares, at most that of all items.

    Example:
        >>> divide([Unit(3, item_cost=1, fixed_cost=2), Unit(1, item_cost=4)], shares=2)
        [[Portion(unit=0, first=0, end=3)], [Portion(unit=1, first=0, end=1)]]
        >>> divide([Unit(5, item_cost=1)], shares=3)[-1]
        [Portion(unit=0, first=4, end=5)]
    """
    # The lowest limit of a share's cost with which the shares suffice, by bisection.
    low = max(unit.fixed_cost + unit.item_cost for unit in units)
    high = sum(unit.fixed_cost + unit.items * unit.item_cost for unit in units)
    while low < high:
        middle = (low + high) // 2
        if len(_filled(units, middle, shares)) <= shares:
            high = middle
        else:
            low = middle + 1
    return _filled(units, low, shares)


def _filled(units: Sequence[Unit], limit: int, shares: int) -> list[list[Portion]]:
    """Return shares that are filled one after the other up to a cost, as many as that takes.

    A share ends early where the others would otherwise be left without an item.
    """
    filled: list[list[Portion]] = [[]]
    left = sum(unit.items for unit in units)
    room, most = limit, left - shares + 1
    for number, unit in enumerate(units):
        first = 0
        while first < unit.items:
            fitting = min((room - unit.fixed_cost) // unit.item_cost, unit.items - first, most)
            if fitting < 1:
                filled.append([])
                others = max(shares - len(filled), 0)
                room, most = limit, left - others
                continue
            filled[-1].append(Portion(number, first, first + fitting))
            first, left, most = first + fitting, left - fitting, most - fitting
            room -= unit.fixed_cost + fitting * unit.item_cost
    return filled


@dataclass(frozen=True)
class ChosenRuns(Variant):
    """Some of the runs of a variant: those of these numbers, in its order."""

    numbers: tuple[int, ...] = ()

    @property
    def runs(self) -> tuple[tuple[float, int], ...]:
        """Return the (learning rate, seed) of each of these runs."""
        runs = super().runs
        return tuple(runs[number] for number in self.numbers)


def runs_between(variant: Variant, first: int, end: int) -> Variant:
    """Return a variant with the runs `first` to `end` - 1 of another one.

    Example:
        >>> variant = Variant("GD", learning_rates=(0.1, 0.2), seeds=(0, 1))
        >>> runs_between(variant, 1, 3).runs
        ((0.1, 1), (0.2, 0))
    """
    return runs_at(variant, range(first, end))


def runs_at(variant: Variant, numbers: Sequence[int]) -> Variant:
    """Return a variant with some of the runs of another one.

    Args:
        variant: The other one, which may itself have some of the runs of a third.
        numbers: Numbers of its runs, increasing.

    Example:
        >>> variant = Variant("GD", learning_rates=(0.1, 0.2), seeds=(0, 1))
        >>> runs_between(runs_at(variant, [0, 2, 3]), 1, 3).runs
        ((0.2, 0), (0.2, 1))
    """
    if len(numbers) == len(variant.runs):
        return variant
    known = variant.numbers if isinstance(variant, ChosenRuns) else range(len(variant.runs))
    fields = {field.name: getattr(variant, field.name) for field in dataclasses.fields(Variant)}
    return ChosenRuns(**fields, numbers=tuple(int(known[number]) for number in numbers))


def run_cost(variant: Variant, problem: Problem, rows: int | None = None) -> int:
    """Return about how many multiply-adds a step of one run takes.

    Two products with the data, four for each weight (chain rule and optimizer), and an overhead.

    Args:
        variant: The run's variant.
        problem: The data it trains on.
        rows: Rows of a step; default None, all rows of the data.
    """
    passes = 2 * (rows or problem.rows) * problem.features * problem.outputs
    has_factors = variant.update == "factors"
    depth, width = (int(variant.depth), variant.width) if has_factors else (1, None)
    shapes = factor_shapes((problem.features, problem.outputs), depth, width)
    weights = sum(math.prod(shape) for shape in shapes)
    return passes + 4 * weights + RUN_OVERHEAD


def share_of_variants(
    variants: Sequence[Variant], problem: Problem, number: int, of: int
) -> list[Variant]:
    """Return the variants of one share of all runs, each with its runs in that share.

    Args:
        variants: All variants.
        problem: The data.
        number: Number of the share, 1 to `of`.
        of: Number of shares.

    Raises:
        InputError: If a number is out of its range; there are no more shares than runs.
    """
    of, runs = positive_int("of", of), sum(len(variant.runs) for variant in variants)
    if of > runs:
        raise input_error(f"at most {runs} shares, one for each run", of=of)
    number = whole_number("number", number, least=1, most=of)
    units = [
        Unit(len(variant.runs), run_cost(variant, problem), STACK_OVERHEAD) for variant in variants
    ]
    portions = divide(units, of)[number - 1]
    return [runs_between(variants[unit], first, end) for unit, first, end in portions]
