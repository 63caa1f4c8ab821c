"""The tables and verdicts of `experiments.layer_cost`, from the results of its run folder."""

from __future__ import annotations

import pandas as pd

from experiments.harness.results import Claim

# What a choice may cost before it counts as wrong.
TOLERANCE = 1.05


def spread(row: pd.Series, column: str) -> str:
    """A ratio's median, least and largest value."""
    return f"{row[column]:.2f} ({row[f'{column}_low']:.2f}-{row[f'{column}_high']:.2f})"


def tables_of(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The table of each part that was measured, by its title."""
    dense = "FactorizedDense: microseconds of a training step, and ratios, with the least and the largest of the rounds"
    models = "Layers: plain, as two factors (chain or kernel first), collapsed; MB: parameters and momentum"
    parts = {"dense": (dense, dense_table), "models": (models, models_table)}
    return {
        title: table(results[results["part"] == part])
        for part, (title, table) in parts.items()
        if (results["part"] == part).any()
    }


def dense_table(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each size and compiler of part "dense"."""
    rows = []
    for (layer, batch, compiler), cell in results.groupby(
        ["layer", "batch", "compiler"], sort=False
    ):
        steps, calls = (
            cell[cell["mode"] == mode].set_index("contestant") for mode in ("step", "inference")
        )
        rows.append(
            {
                "layer": layer,
                "batch": batch,
                "by": compiler,
                **{
                    name: f"{1e6 * steps.loc[name, 'seconds']:,.0f}"
                    for name in ("plain", "chain", "kernel")
                },
                "picks": steps.loc["auto", "order"],
                "auto/better": spread(steps.loc["auto"], "to_better"),
                "auto/plain": round(steps.loc["auto", "to_plain"], 2),
                "collapsed": round(calls.loc["collapsed", "to_plain"], 2),
            }
        )
    return pd.DataFrame(rows)


def models_table(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each layer of part "models" and form of it: plain, factorised, collapsed."""
    rows = []
    for (layer, contestant), cell in results.groupby(["layer", "contestant"], sort=False):
        fit, calls = (cell[cell["mode"] == mode].iloc[0] for mode in ("fit", "inference"))
        rows.append(
            {
                "layer": layer,
                "form": fit["order"] if contestant == "auto" else contestant,
                "parameters": fit["parameters"],
                "MB": round(fit["parameter_and_momentum_bytes"] / 1e6, 3),
                "M mult-adds": round(fit["multiply_adds"] / 1e6, 3),
                "fit ms": round(1e3 * fit["seconds"], 2),
                "fit/plain": spread(fit, "to_plain"),
                "call ms": round(1e3 * calls["seconds"], 2),
                "call/plain": spread(calls, "to_plain"),
            }
        )
    return pd.DataFrame(rows)


def claims_of(results: pd.DataFrame) -> list[Claim]:
    """What is promised of the order of multiplication, and of collapse."""
    claims = []
    steps = results[results["mode"] == "step"]
    for compiler, cells in steps.groupby("compiler", sort=False):
        auto = cells[cells["contestant"] == "auto"]
        text = f'"auto" costs a step at most {TOLERANCE - 1:.0%} more than the better fixed order ({compiler})'
        claims += [at_most(text, auto, "to_better"), picks_the_faster(compiler, cells)]
    collapsed = results[(results["contestant"] == "collapsed") & (results["mode"] == "inference")]
    text = f"a collapsed layer costs a call at most {TOLERANCE - 1:.0%} more than a plain one"
    return [*claims, at_most(text, collapsed, "to_plain")]


def at_most(text: str, rows: pd.DataFrame, column: str, bound: float = TOLERANCE) -> Claim:
    """The claim that medians are at most `bound`; open where those above were not so in every round."""
    if not len(rows):
        return Claim(text, None, "not measured in this run")
    above = rows[rows[column] > bound]
    held = True if not len(above) else False if (above[f"{column}_low"] > bound).any() else None
    worst = rows.loc[rows[column].idxmax()]
    numbers = (
        f"{len(rows) - len(above)} of {len(rows)}; worst {_name(worst)}: x{spread(worst, column)}"
    )
    return Claim(text, held, numbers)


def picks_the_faster(compiler: str, cells: pd.DataFrame) -> Claim:
    """The claim that "auto" takes the order measured faster, but where medians or rounds hardly tell them apart."""
    auto = cells[cells["contestant"] == "auto"][["layer", "batch", "order"]]
    picked = auto.merge(
        cells, left_on=["layer", "batch", "order"], right_on=["layer", "batch", "contestant"]
    )
    others = picked[picked["contestant"] != picked["better"]]
    wrong = others[(others["to_better"] > TOLERANCE) & (others["to_better_low"] > 1)]
    numbers = [f"the faster in {len(picked) - len(others)} of {len(picked)}"]
    numbers += [f"{_name(row)}: x{spread(row, 'to_better')}" for _, row in others.iterrows()]
    text = f'"auto" picks the faster order, or they are {TOLERANCE - 1:.0%} apart at most or in doubt ({compiler})'
    return Claim(text, not len(wrong), "; ".join(numbers))


def _name(row: pd.Series) -> str:
    return f"{row['layer']}, batch {row['batch']}"
