"""Limits of options: what is let through, in which type, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest

from experiments.harness.limits import DEPTHS, RATES, check_options
from experiments.harness.parsing import option
from overparam_tf import InputError


@dataclasses.dataclass(frozen=True)
class Options:
    depth: int = option(1, "depth", within=DEPTHS)
    rates: tuple[float, ...] = option((0.1,), "rates", within=RATES)
    start: float | None = option(None, "start")
    losses: tuple[Literal["l2", "l4"], ...] = option(("l2",), "losses")
    quick: bool = option(False, "quick")
    name: str | None = option(None, "name")


def test_numbers_of_numpy_become_plain():
    options = Options(depth=np.int64(2), rates=np.array([0.1, 1]), start=np.float32(0.5))
    check_options(options)
    assert options == Options(depth=2, rates=(0.1, 1.0), start=0.5)
    kinds = [type(each) for each in (options.depth, *options.rates, options.start)]
    assert kinds == [int, float, float, float]


@pytest.mark.parametrize(
    "values",
    [
        {"depth": 0},
        {"depth": 65},
        {"depth": 10**30},
        {"depth": 10**5000},
        {"depth": 1.5},
        {"depth": True},
        {"depth": None},
        {"rates": ()},
        {"rates": (0.1, 0.1)},
        {"rates": (0.3, 0.30000000000000004)},
        {"rates": (1e-320,)},
        {"rates": (float("nan"),)},
        {"rates": 0.1},
        {"start": float("inf")},
        {"start": "0.1"},
        {"losses": ("l2", "l2")},
        {"losses": ("l3",)},
        {"quick": 1},
        {"name": 3},
    ],
    ids=lambda values: "".join(values),
)
def test_what_cannot_be_used_is_one_line_that_names_the_option(values):
    with pytest.raises(InputError) as caught:
        check_options(Options(**values))
    (name,) = values
    line = str(caught.value)
    assert f"--{name}" in line and "\n" not in line and len(line) < 400
