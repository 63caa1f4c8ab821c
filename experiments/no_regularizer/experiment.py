"""The command `python -m experiments.no_regularizer`: its options, the run, the drawing."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from experiments.harness.command_line import Experiment, option
from experiments.harness.options import DataOptions
from experiments.harness.results import Claim, print_claims, print_table, write_report
from experiments.no_regularizer import figures as no_regularizer_figures
from experiments.no_regularizer.closed_curve import curls, integrals, losses
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder, TensorBoardLog, environment

DEPTHS = (1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9, 10)
QUICK_DEPTHS = (1, 2, 3, 4)
# The depths at which R and r are varied, and those of the printed table.
SWEPT_DEPTHS, SHOWN_DEPTHS = (1.5, 3, 4, 8), (1, 1.5, 2, 3, 4, 8)
# What rounding and central differences leave of a curl that is 0, relative to the Jacobian.
NO_CURL = 1e-6


@dataclass(frozen=True)
class Config(DataOptions):
    """Integrates the end-to-end field along the closed curve of Theorem 2, and measures its curl."""

    depths: tuple[float, ...] | None = option(
        None, "depths N >= 1, fractional ones too (default: 16 from 1 to 10)"
    )
    outer_radius: float = option(0.1, "R")
    inner_radius: float = option(1e-6, "r, below R")
    gradient_norm: float = option(1.7, "|g| of the linear loss")
    nodes: int = option(64, "quadrature points on each of the curve's four pieces")
    points: int = option(100, "random points at which the curl is measured")
    seed: int = option(0, "seed of those points")
    dtype: Literal["float64"] = option("float64", "precision")

    def __post_init__(self):
        depths, radii = (
            self.all_depths,
            {"inner_radius": self.inner_radius, "outer_radius": self.outer_radius},
        )
        self.require(
            0 < self.inner_radius < self.outer_radius < math.inf,
            "0 < inner radius < outer radius",
            **radii,
        )
        valid = all(1 <= depth <= 100 for depth in depths) and len(set(depths)) == len(depths)
        self.require(valid, "depths from 1 to 100, none twice", depths=self.depths)
        self.require(
            0 < self.gradient_norm < math.inf,
            "a gradient norm > 0",
            gradient_norm=self.gradient_norm,
        )
        self.require(1 <= self.nodes <= 1000, "1 to 1000 nodes", nodes=self.nodes)
        self.require(1 <= self.points <= 10_000, "1 to 10000 points", points=self.points)
        self.require(self.seed >= 0, "a seed >= 0", seed=self.seed)

    @property
    def all_depths(self) -> list[float]:
        """The depths, in order."""
        return sorted(self.depths or (QUICK_DEPTHS if self.quick else DEPTHS))


def run(config: Config) -> RunFolder:
    """Integrates and differentiates; writes config.json, results.csv (integrals), curl.csv and TensorBoard's trials."""
    problem = config.load_problem()
    data = {name: getattr(problem, name) for name in ("name", "label", "synthetic", "provenance")}
    data["sha256"] = problem.checksum
    facts = {"experiment": "no_regularizer", "options": dataclasses.asdict(config), "data": data}
    settings = {**facts, **environment()}
    folder = config.create_data_folder("no_regularizer", "closed-curve", problem, settings)
    depths, outer, inner = config.all_depths, config.outer_radius, config.inner_radius
    swept = [depth for depth in depths if depth in SWEPT_DEPTHS]
    integral_rows, curl_rows = [], []
    tested = losses(problem, config.gradient_norm)
    for loss in track(tested, "no_regularizer", console=Console(stderr=True), disable=config.quiet):
        integral_rows += integrals(loss, depths, swept, outer, inner, config.nodes)
        curl_rows += curls(loss, depths, outer, config.points, config.seed)
    results, curl = pd.DataFrame(integral_rows), pd.DataFrame(curl_rows)
    folder.write_table("results.csv", results)
    folder.write_table("curl.csv", curl)
    _write_trials(folder, results, curl)
    return folder


def _write_trials(folder: RunFolder, results: pd.DataFrame, curl: pd.DataFrame) -> None:
    """TensorBoard: a trial for each loss and depth in HParams."""
    log, metrics = TensorBoardLog(folder.tensorboard), ("integral", "closed_form", "relative_curl")
    log.clear()
    log.declare(("loss", "depth"), {metric: metric.replace("_", " ") for metric in metrics})
    for row in (
        results[results["over"] == "depth"].merge(curl, on=["loss", "depth"]).to_dict("records")
    ):
        hparams, outcome = (
            {name: row[name] for name in names} for names in (("loss", "depth"), metrics)
        )
        log.trial(f"{row['loss']}/N={row['depth']:g}", hparams, outcome, ((), ()))


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints the table and the verdicts from a run folder alone."""
    config = folder.read_config()
    try:
        results, curl = (pd.read_csv(folder.path / name) for name in ("results.csv", "curl.csv"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"Expected results.csv and curl.csv in {folder.path}. Received: {error}"
        ) from None
    drawn = no_regularizer_figures.draw_all(folder, config, results, curl)
    table = integral_table(results, curl)
    options, claims = config["options"], claims_of(results, curl)
    title = f"Integral of F along the closed curve, R = {options['outer_radius']:g}, r = {options['inner_radius']:g}"
    print_table(table, f"{title}; data: {config['data']['label']}", console)
    print_claims(claims, console)
    write_report(folder, table, claims, drawn)


def integral_table(results: pd.DataFrame, curl: pd.DataFrame) -> pd.DataFrame:
    """A row per loss and depth: the integral, the closed form of a linear loss with the same g(0), the curl."""
    rows = results[(results["over"] == "depth") & results["depth"].isin(SHOWN_DEPTHS)]
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
    """Theorem 2 and what surrounds it."""
    results = results.assign(
        linear=results["loss"].str.startswith("linear"), size=results["integral"].abs()
    )
    at_r = results[results["over"] == "depth"].merge(curl, on=["loss", "depth"])
    differs = at_r["size"] > 100 * at_r["quadrature_error"]
    is_gradient = ~differs & (at_r["relative_curl"] <= NO_CURL)
    deep, two, linear = at_r["depth"] > 2, at_r["depth"] == 2, results[results["linear"]]
    gap = (linear["integral"] - linear["closed_form"]).abs()
    smallest = at_r[deep].sort_values("size").drop_duplicates("loss")
    claims = [
        _claim(
            "linear losses: the integral is the closed form, to 1e-6",
            gap <= 1e-6,
            f"largest gap {gap.max():.1e}",
        ),
        _claim(
            "N > 2: the integral is not 0, so F is no gradient field and no regularizer can replace depth",
            differs[deep],
            "smallest "
            + ", ".join(
                f"{row.loss} N={row.depth:g}: {row.integral:.4g}" for row in smallest.itertuples()
            ),
        ),
    ]
    for chosen, holds, text in (
        (
            at_r["linear"] & two,
            is_gradient,
            "N = 2, linear losses: F is a gradient field, integral and curl are 0",
        ),
        (~at_r["linear"] & two, ~is_gradient, "N = 2, L4 losses: F is no gradient field either"),
    ):
        numbers = [
            f"{r.loss}: integral {r.integral:.2g}, curl {r.relative_curl:.2g}"
            for r in at_r[chosen].itertuples()
        ]
        claims.append(_claim(text, holds[chosen], "; ".join(numbers)))
    for over, size, text in (
        ("outer", linear["size"], "integral ~ R^(3-2/N)"),
        (
            "inner",
            (linear["integral"] - linear["limit"]).abs(),
            "integral - its limit at r = 0 ~ r^(3-2/N)",
        ),
    ):
        swept = linear.assign(size=size.clip(lower=1e-300))[linear["over"] == over].groupby("depth")
        slopes = {
            depth: np.polyfit(np.log(rows[f"{over}_radius"]), np.log(rows["size"]), 1)[0]
            for depth, rows in swept
        }
        holds = pd.Series([abs(slope - (3 - 2 / depth)) < 0.01 for depth, slope in slopes.items()])
        numbers = ", ".join(
            f"N={depth:g}: slope {slope:.4f} ({3 - 2 / depth:.4f})"
            for depth, slope in slopes.items()
        )
        claims.append(_claim(f"linear losses: {text}", holds, numbers))
    small = results[(results["over"] == "outer") & ~results["linear"]]
    small = small[small["outer_radius"] == small["outer_radius"].min()]
    quotient = small["integral"] / small["closed_form"]
    numbers = (
        f"off by {(quotient - 1).abs().max():.1e} at most at R = {small['outer_radius'].min():.0e}"
    )
    text = "L4 losses: the integral is that of the linear loss with the same g(0), as R -> 0"
    return [*claims, _claim(text, abs(quotient - 1) < 1e-3, numbers)]


def _claim(text: str, holds: pd.Series, numbers: str) -> Claim:
    """The claim that `holds` is true throughout; open where there is nothing to judge."""
    return (
        Claim(text, bool(holds.all()), numbers)
        if len(holds)
        else Claim(text, None, "no such depth in this run")
    )


EXPERIMENT = Experiment("no_regularizer", Config, run, draw)
