"""The price of a step: its time over that of a step at depth 1 of the same optimizer.

Every variant is a stack of its own in the compiled loop of the sweeps, with equally many runs. The
variants of one optimizer are timed in turns in one process (`experiments.benchmarks.timing`), so
that the ratios hold on a machine that is not quiet; the milliseconds beside them may not. A price
holds for its sizes: the larger the data, the less a factorisation adds to the pass over them. The
sweeps train p = 2 on the R factor of a QR of the data, and so it is timed: far fewer rows, and
therefore the highest prices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd

from experiments.benchmarks.timing import Contestant, Times, interleave, make_contestant
from experiments.harness.parts import Part
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import Variant
from overparam_tf.sweep.devices import make_engine

PRICES = "prices.csv"
COLUMNS = ["p", "group", "variant", "ms_per_run_step", "price", "least", "most"]
# Steps of a call of the compiled loop: enough that the cost of the call itself does not count.
STEPS_PER_CALL = 64
# Rates so low that nothing diverges: ordinary numbers are timed, not infinities.
RATES = [1e-6 * (1 + run / 30) for run in range(30)]


class Price(NamedTuple):
    """Time of a step over that of depth 1: median, least and most of the rounds."""

    median: float
    least: float
    most: float


def time_steps(part: Part, dtype: str, seconds: float) -> Times:
    """Time the steps of every variant of a part, each with its first seed at `RATES`.

    Args:
        part: The variants and what they train on. Their own rates do not count.
        dtype: Precision.
        seconds: Time to spend on turns, compiling not included; there are at least five rounds of
            one call each.

    Returns:
        Seconds of a call by variant.
    """
    contestants = {variant.name: _contestant(part, variant, dtype) for variant in part.variants}
    return interleave(contestants, seconds)


def _contestant(part: Part, variant: Variant, dtype: str) -> Contestant:
    stack = replace(variant, learning_rates=RATES, seeds=variant.seeds[:1])
    engine = make_engine(part.problem, (stack,), part.loss, dtype)
    return make_contestant(lambda: engine.advance(STEPS_PER_CALL))


def price_rows(times: Times, first: str) -> list[dict[str, Any]]:
    """Return rows of prices.csv: prices relative to the variant `first`.

    Args:
        times: Seconds of a call by variant.
        first: The variant of depth 1.
    """
    rows = []
    for name in times.seconds:
        price = times.ratio(name, to=first)
        milliseconds = 1000 * times.spread(name).median / (STEPS_PER_CALL * len(RATES))
        spread = {"price": price.median, "least": price.low, "most": price.high}
        rows.append({"variant": name, "ms_per_run_step": milliseconds, **spread})
    return rows


def write_prices(
    folder: RunFolder,
    parts: Iterable[tuple[str, Part]],
    dtype: str,
    seconds: float,
    should_stop: Callable[[], bool],
    measure: Callable[[Part, str, float], Times] = time_steps,
) -> None:
    """Measure what prices.csv lacks, and write it after each part.

    Args:
        folder: The run folder.
        parts: By optimizer and loss, the optimizer's name and the part with its variants, depth 1
            first.
        dtype: Precision.
        seconds: Time to spend on turns for each part.
        should_stop: Called before each part; True ends the measurement.
        measure: Times the steps of a part; default `time_steps`.
    """
    table = _read_table(folder)
    for group, part in parts:
        is_measured = ((table["p"] == part.loss.p) & (table["group"] == group)).any()
        if is_measured or should_stop():
            continue
        rows = price_rows(measure(part, dtype, seconds), part.variants[0].name)
        measured = pd.DataFrame([{"p": part.loss.p, "group": group, **row} for row in rows])
        # pandas warns of a concatenation with an empty table.
        table = pd.concat([table, measured], ignore_index=True) if len(table) else measured
        folder.write_table(PRICES, table)


def join_prices(folder: RunFolder, shares: Sequence[RunFolder]) -> None:
    """Write the prices that the shares of a run have measured."""
    tables = [table for share in shares if len(table := _read_table(share))]
    if tables:
        folder.write_table(PRICES, pd.concat(tables, ignore_index=True))


def read_prices(folder: RunFolder) -> dict[tuple[int, str], Price]:
    """Return the prices by p and variant; empty if none were measured.

    Raises:
        DataError: If prices.csv is damaged.
    """
    rows = _read_table(folder).itertuples()
    return {(row.p, row.variant): Price(row.price, row.least, row.most) for row in rows}


def _read_table(folder: RunFolder) -> pd.DataFrame:
    if not (folder.path / PRICES).exists():
        return pd.DataFrame(columns=COLUMNS)
    return folder.read_table(PRICES, COLUMNS)[COLUMNS]
