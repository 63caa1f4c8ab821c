"""The cells of the experiment, the searches for the best rate in each, and speed-ups by depth."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from experiments.harness.speed_up import speed_ups


@dataclass(frozen=True)
class Cell:
    """One toy problem at one depth; its text is what its arrays in curves.npz begin with.

    Attributes:
        p: Exponent of the loss.
        ratio: The large label; the small one is 1.
        depth: Number of factors.
    """

    p: int
    ratio: int
    depth: int

    def __str__(self) -> str:
        return f"p={self.p}, ratio={self.ratio}, depth={self.depth}"


@dataclass(frozen=True)
class Search:
    """A search for the rate that takes the fewest steps, and its columns in results.csv.

    Attributes:
        prefix: What the names of its columns begin with.
        label: The set of rates, as figures and TensorBoard name it.
    """

    prefix: str
    label: str

    @property
    def steps(self) -> str:
        """Return the column of the fewest steps."""
        return f"{self.prefix}steps"

    @property
    def rate(self) -> str:
        """Return the column of the rate that takes them."""
        return f"{self.prefix}rate"

    @property
    def speed_up(self) -> str:
        """Return the column of the speed-up over depth 1, or of its bound."""
        return f"{self.prefix}speed_up"

    @property
    def bound(self) -> str:
        """Return the column that says what is known of the speed-up, a `Bound`."""
        return f"{self.prefix}bound"


GRID = Search("", "grid")
FINEST = Search("finest_", "finer grid")
STABLE = Search("stable_", "loss never rises")
SEARCHES = (GRID, FINEST, STABLE)


def with_speed_ups(results: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Return the results with the speed-up over depth 1, and its bound, for each search.

    Args:
        results: Columns p, ratio, depth and the steps of each search.
        limit: The most steps taken.
    """
    cell = ["p", "ratio"]
    shallow = results[cell].merge(results[results["depth"] == 1], on=cell, how="left")
    columns = {}
    for search in SEARCHES:
        gains = speed_ups(shallow[search.steps], results[search.steps], limit)
        columns |= {search.speed_up: gains["speed_up"], search.bound: gains["bound"]}
    return results.assign(**columns)
