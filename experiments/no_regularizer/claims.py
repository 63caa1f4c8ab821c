"""The table of integrals of `experiments.no_regularizer`, and the claims with their verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.harness.results import Claim

# The depths of the table.
TABLE_DEPTHS = (1, 1.5, 2, 3, 4, 8)
# What rounding and central differences leave of a curl that is 0, relative to the Jacobian.
NO_CURL = 1e-6


def integral_table(results: pd.DataFrame, curl: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each loss and depth.

    Args:
        results: Content of results.csv.
        curl: Content of curl.csv.

    Returns:
        The integral, the closed form of a linear loss with the same g(0), their difference, and the
        curl.
    """
    rows = results[(results["over"] == "depth") & results["depth"].isin(TABLE_DEPTHS)]
    rows = rows.merge(curl, on=["loss", "depth"])
    return pd.DataFrame(
        {
            "loss": rows["loss"],
            "N": rows["depth"],
            "integral": rows["integral"],
            "linear loss": rows["closed_form"],
            "difference": rows["integral"] - rows["closed_form"],
            "curl": rows["relative_curl"],
        }
    )


def claims_of(results: pd.DataFrame, curl: pd.DataFrame) -> list[Claim]:
    """Return Theorem 2 and what surrounds it.

    Args:
        results: Content of results.csv.
        curl: Content of curl.csv.
    """
    is_linear = results["loss"].str.startswith("linear")
    linear, others = results[is_linear], results[~is_linear]
    by_depth = results[results["over"] == "depth"].merge(curl, on=["loss", "depth"])
    inner_gap = linear["integral"] - linear["limit"]
    return [
        _closed_form(linear),
        _no_gradient_field(by_depth),
        *_at_depth_2(by_depth),
        _power_law(linear.assign(size=linear["integral"].abs()), "outer", "integral ~ R^(3-2/N)"),
        _power_law(
            linear.assign(size=inner_gap.abs()),
            "inner",
            "integral - its limit at r = 0 ~ r^(3-2/N)",
        ),
        _small_curve(others[others["over"] == "outer"]),
    ]


def _differs_from_0(rows: pd.DataFrame) -> pd.Series:
    """Return whether each integral is beyond the error of its quadrature."""
    return rows["integral"].abs() > 100 * rows["quadrature_error"]


def _closed_form(linear: pd.DataFrame) -> Claim:
    gap = (linear["integral"] - linear["closed_form"]).abs()
    text = "linear losses: the integral is the closed form, to 1e-6"
    return _claim(text, gap <= 1e-6, f"largest gap {gap.max():.1e}")


def _no_gradient_field(by_depth: pd.DataFrame) -> Claim:
    deep = by_depth[by_depth["depth"] > 2]
    smallest = deep.sort_values("integral", key=abs).drop_duplicates("loss")
    numbers = [f"{row.loss} N={row.depth:g}: {row.integral:.4g}" for row in smallest.itertuples()]
    text = (
        "N > 2: the integral is not 0, so F is no gradient field and no regularizer can "
        "replace depth"
    )
    return _claim(text, _differs_from_0(deep), f"smallest {', '.join(numbers)}")


def _at_depth_2(by_depth: pd.DataFrame) -> list[Claim]:
    rows = by_depth[by_depth["depth"] == 2]
    is_gradient = ~_differs_from_0(rows) & (rows["relative_curl"] <= NO_CURL)
    is_linear = rows["loss"].str.startswith("linear")
    claims = []
    for text, chosen, holds in (
        (
            "N = 2, linear losses: F is a gradient field, integral and curl are 0",
            is_linear,
            is_gradient,
        ),
        ("N = 2, L4 losses: F is no gradient field either", ~is_linear, ~is_gradient),
    ):
        numbers = [
            f"{row.loss}: integral {row.integral:.2g}, curl {row.relative_curl:.2g}"
            for row in rows[chosen].itertuples()
        ]
        claims.append(_claim(text, holds[chosen], "; ".join(numbers)))
    return claims


def _power_law(rows: pd.DataFrame, over: str, text: str) -> Claim:
    """Return the claim that the column `size` is a power of a radius, with the exponent 3-2/N.

    Args:
        rows: Rows of linear losses.
        over: Which radius varies: outer or inner.
        text: The claim.
    """
    held, numbers = [], []
    for depth, line in rows[rows["over"] == over].groupby("depth"):
        sizes = np.log(line["size"].clip(lower=1e-300))
        slope, _ = np.polyfit(np.log(line[f"{over}_radius"]), sizes, 1)
        exponent = 3 - 2 / depth
        held.append(abs(slope - exponent) < 0.01)
        numbers.append(f"N={depth:g}: slope {slope:.4f} ({exponent:.4f})")
    return _claim(f"linear losses: {text}", pd.Series(held, dtype=bool), ", ".join(numbers))


def _small_curve(rows: pd.DataFrame) -> Claim:
    """Return the claim about the smallest R of all.

    Args:
        rows: Rows of other losses, over R.
    """
    smallest = rows["outer_radius"].min()
    rows = rows[rows["outer_radius"] == smallest]
    gap = (rows["integral"] / rows["closed_form"] - 1).abs()
    text = "L4 losses: the integral is that of the linear loss with the same g(0), as R -> 0"
    return _claim(text, gap < 1e-3, f"off by {gap.max():.1e} at most at R = {smallest:.0e}")


def _claim(text: str, holds: pd.Series, numbers: str) -> Claim:
    """Return the claim that `holds` is true throughout; open where there is nothing to judge."""
    if holds.empty:
        return Claim(text, None, "no such depth in this run")
    return Claim(text, bool(holds.all()), numbers)
