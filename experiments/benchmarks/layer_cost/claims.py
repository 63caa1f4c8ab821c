"""The tables and verdicts of `layer_cost`, from the results of its run folder."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.harness.results import Claim

# How much longer a choice may take before it counts as wrong.
TOLERANCE = 1.05
PERCENT = f"{TOLERANCE - 1:.0%}"
WORKLOAD = ["layer", "batch"]
# The contestants with factors.
DEEP = ("auto", "in place")
DENSE_TITLE = (
    "FactorizedDense: microseconds of a training step, and ratios, "
    "with the least and the largest of the rounds"
)
MODELS_TITLE = (
    "Layers: plain, as two factors (chain or kernel first), with products in place, collapsed; "
    "MB: parameters and momentum; by mult-adds: what fit/plain would be by these alone"
)


def tables_of(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the table of each part that was measured, by its title."""
    dense, models = (results[results["part"] == part] for part in ("dense", "models"))
    tables = {}
    if len(dense):
        tables[DENSE_TITLE] = dense_table(dense)
    if len(models):
        tables[MODELS_TITLE] = models_table(models)
    return tables


def dense_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each size and compiler of part "dense"."""
    rows = []
    for key, contestants in results.groupby([*WORKLOAD, "compiler"], sort=False):
        layer, batch, compiler = key
        steps = contestants[contestants["mode"] == "step"].set_index("contestant")
        calls = contestants[contestants["mode"] == "inference"].set_index("contestant")
        microseconds = (1e6 * steps["seconds"]).map("{:,.0f}".format)
        rows.append(
            {
                "layer": layer,
                "batch": batch,
                "by": compiler,
                "plain": microseconds["plain"],
                "chain": microseconds["chain"],
                "kernel": microseconds["kernel"],
                "picks": steps.loc["auto", "order"],
                "auto/better": spread(steps.loc["auto"], "to_better"),
                "auto/plain": round(steps.loc["auto", "to_plain"], 2),
                "collapsed": round(calls.loc["collapsed", "to_plain"], 2),
            }
        )
    return pd.DataFrame(rows)


def models_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each layer of part "models" in each of its forms."""
    rows = []
    fits = results[results["mode"] == "fit"]
    for (layer, contestant), modes in results.groupby(["layer", "contestant"], sort=False):
        modes = modes.set_index("mode")
        fit, call = modes.loc["fit"], modes.loc["inference"]
        said = predicted(fits[fits["layer"] == layer], contestant)
        rows.append(
            {
                "layer": layer,
                "form": fit["order"] if contestant == "auto" else contestant,
                "parameters": fit["parameters"],
                "MB": round(fit["parameter_and_momentum_bytes"] / 1e6, 3),
                "M mult-adds": round(fit["multiply_adds"] / 1e6, 3),
                "fit ms": round(1e3 * fit["seconds"], 2),
                "fit/plain": spread(fit, "to_plain"),
                "by mult-adds": round(said.item(), 2),
                "call ms": round(1e3 * call["seconds"], 2),
                "call/plain": spread(call, "to_plain"),
            }
        )
    return pd.DataFrame(rows)


def predicted(rows: pd.DataFrame, contestant: str) -> np.ndarray:
    """Return, for each layer and batch, the time over the plain layer by multiply-adds alone."""
    own, plain = (
        rows[rows["contestant"] == name]["timed_multiply_adds"].to_numpy(float)
        for name in (contestant, "plain")
    )
    return own / plain


def against_predicted(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of layers with factors in `fit`, with the columns `to_said`."""
    fits, found = results[results["mode"] == "fit"], []
    for contestant in DEEP:
        rows = fits[fits["contestant"] == contestant]
        if len(rows):
            said = predicted(fits, contestant)
            ends = ("", "_low", "_high")
            ratios = {f"to_said{end}": rows[f"to_plain{end}"] / said for end in ends}
            found.append(rows.assign(**ratios))
    return pd.concat(found) if found else fits[:0]


def spread(row: pd.Series, column: str) -> str:
    """Return the median, least and largest value of a ratio as tables show them."""
    return f"{row[column]:.2f} ({row[f'{column}_low']:.2f}-{row[f'{column}_high']:.2f})"


def claims_of(results: pd.DataFrame) -> list[Claim]:
    """Return the promises of the order of multiplication, and of collapse, with their verdicts."""
    claims = []
    steps = results[results["mode"] == "step"]
    for compiler, contestants in steps.groupby("compiler", sort=False):
        auto = contestants[contestants["contestant"] == "auto"]
        text = f'"auto" costs a step at most {PERCENT} more than the better fixed order'
        claims.append(at_most(f"{text} ({compiler})", auto, "to_better"))
        claims.append(picks_the_faster(compiler, contestants))
    is_call = (results["contestant"] == "collapsed") & (results["mode"] == "inference")
    text = f"a collapsed layer costs a call at most {PERCENT} more than a plain one"
    claims.append(at_most(text, results[is_call], "to_plain"))
    text = f"factors cost a step of fit at most {PERCENT} more than their multiply-adds say"
    return [*claims, at_most(text, against_predicted(results), "to_said")]


def at_most(text: str, rows: pd.DataFrame, column: str, bound: float = TOLERANCE) -> Claim:
    """Return the claim that medians are at most `bound`.

    It did not hold where a median and every one of its rounds are above the bound; it is open where
    a median is above, but not all of its rounds.

    Args:
        text: The claim.
        rows: The results to test.
        column: The ratio; its least and largest value are in `COLUMN_low` and `COLUMN_high`.
        bound: The bound.
    """
    if not len(rows):
        return Claim(text, None, "not measured in this run")
    above = rows[rows[column] > bound]
    held: bool | None = True
    if len(above):
        held = False if (above[f"{column}_low"] > bound).any() else None
    worst = rows.loc[rows[column].idxmax()]
    within = f"{len(rows) - len(above)} of {len(rows)}"
    return Claim(text, held, f"{within}; worst {_label(worst)}: x{spread(worst, column)}")


def picks_the_faster(compiler: str, contestants: pd.DataFrame) -> Claim:
    """Return the claim that "auto" takes the order that was measured to be faster.

    A pick is not wrong where medians or rounds hardly tell the two orders apart.

    Args:
        compiler: How the steps were compiled.
        contestants: The results of training steps, of both fixed orders and of "auto".
    """
    auto = contestants[contestants["contestant"] == "auto"][[*WORKLOAD, "order"]]
    picked = auto.merge(
        contestants, left_on=[*WORKLOAD, "order"], right_on=[*WORKLOAD, "contestant"]
    )
    slower = picked[picked["contestant"] != picked["better"]]
    wrong = slower[(slower["to_better"] > TOLERANCE) & (slower["to_better_low"] > 1)]
    numbers = [f"the faster in {len(picked) - len(slower)} of {len(picked)}"]
    numbers += [f"{_label(row)}: x{spread(row, 'to_better')}" for _, row in slower.iterrows()]
    text = f'"auto" picks the faster order, or they are {PERCENT} apart at most or in doubt'
    return Claim(f"{text} ({compiler})", not len(wrong), "; ".join(numbers))


def _label(row: pd.Series) -> str:
    return f"{row['layer']}, batch {row['batch']}"
