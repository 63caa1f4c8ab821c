"""The price of a step in time: how long one of a variant takes, over one of depth 1 of the same optimizer.

Every variant is a stack of its own in the compiled loop of the sweeps, with equally many runs. The variants of one
optimizer are timed in turns in one process (`experiments.interleaved`), so that the ratios hold on a machine that is
not quiet; the milliseconds beside them may not. A price holds for its sizes: the larger the data, the less a
factorisation adds to the pass over them. (The sweeps train p = 2 on the R factor of a QR of the data, and so it is
timed: many fewer rows, the highest prices.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from experiments.benchmarks.timing import Contestant, Times, interleave, timed
from experiments.harness.sweeps import Part
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import Variant
from overparam_tf.sweep.engine import Engine

PRICES = "prices.csv"
# A call of the compiled loop takes so many steps: enough that what the call itself costs does not count.
STEPS_PER_CALL = 64
# Rates so low that nothing diverges: what is timed are ordinary numbers.
RATES = [1e-6 * (1 + run / 30) for run in range(30)]


class Price(NamedTuple):
    """Time of a step over that of depth 1: median, least and most of the rounds."""

    median: float
    least: float
    most: float


def time_steps(part: Part, dtype: str, seconds: float) -> Times:
    """Times a step of every variant of a part, with its first seed at `RATES`.

    Args:
        part: the variants and what they train on. Their own rates do not count.
        dtype: precision.
        seconds: to spend on turns; there are at least five rounds of a call each. Compiling comes on top.

    Returns:
        Seconds of a call by variant.
    """
    return interleave(
        {variant.name: _contestant(part, variant, dtype) for variant in part.variants}, seconds
    )


def _contestant(part: Part, variant: Variant, dtype: str) -> Contestant:
    stack = replace(variant, learning_rates=RATES, seeds=variant.seeds[:1])
    engine = Engine(part.problem, (stack,), part.loss, dtype)
    return timed(lambda: engine.advance(STEPS_PER_CALL))


def price_rows(times: Times, first: str) -> list[dict]:
    """Rows of prices.csv from the times of calls: the price relative to the variant `first`."""
    rows = []
    for name in times.seconds:
        price = times.ratio(name, to=first)
        ms = 1000 * times.of(name).median / (STEPS_PER_CALL * len(RATES))
        spread = {"price": price.median, "least": price.low, "most": price.high}
        rows.append({"variant": name, "ms_per_run_step": ms, **spread})
    return rows


def write_prices(
    folder: RunFolder,
    parts: Iterable[tuple[str, Part]],
    dtype: str,
    seconds: float,
    stopped: Callable[[], object],
) -> None:
    """Measures what prices.csv lacks yet, and writes it after each part.

    Args:
        folder: the run folder.
        parts: by optimizer and loss, the optimizer's name and the part with its variants, depth 1 first.
        dtype: precision.
        seconds: to spend on turns, each part.
        stopped: asked between parts; true ends the measurement.
    """
    table = _table(folder)
    for group, part in parts:
        there = (
            ((table["p"] == part.loss.p) & (table["group"] == group)).any() if len(table) else False
        )
        if there or stopped():
            continue
        rows = price_rows(time_steps(part, dtype, seconds), part.variants[0].name)
        rows = [{"p": part.loss.p, "group": group, **row} for row in rows]
        table = (
            pd.concat([table, pd.DataFrame(rows)], ignore_index=True)
            if len(table)
            else pd.DataFrame(rows)
        )
        folder.write_table(PRICES, table)


def read_prices(folder: RunFolder) -> dict[tuple[int, str], Price]:
    """The prices by p and variant; none where they were not measured.

    Raises:
        DataError: if prices.csv is damaged.
    """
    return {
        (row.p, row.variant): Price(row.price, row.least, row.most)
        for row in _table(folder).itertuples()
    }


def _table(folder: RunFolder) -> pd.DataFrame:
    path = folder.path / PRICES
    columns = ["p", "group", "variant", "ms_per_run_step", "price", "least", "most"]
    if not path.exists():
        return pd.DataFrame(columns=columns)
    try:
        return pd.read_csv(path)[columns]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"Expected prices in {path}. Received: {error}") from None
