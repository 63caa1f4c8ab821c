"""The plateau of the two-example toy: where depth's acceleration comes from, and how much of it there is.

Two labels of unequal size under l_p, p > 2: the large one dictates the rate, the small one then crawls.
`experiments.two_examples` derives why depth helps. Here it is measured: the steps until both errors are below the target
(y_2 = 1), for every y_1 / y_2, p and depth, at the best fixed rate of a grid, at the best of a much finer grid, and at the
best of the rates up to which the loss never rises.

    python -m experiments.plateau
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console

from experiments import plateau_figures
from experiments.claims import Claim, markdown_claims, markdown_table, print_claims, print_table
from experiments.command_line import launch, option
from experiments.options import RunOptions
from experiments.two_examples import learning_rates, path, scan
from overparam_tf.losses import check_exponent
from overparam_tf.runlog import RunFolder, TensorBoardLog, environment

REFINEMENT = 20
STEPS, QUICK_STEPS = 300_000, 20_000
# The columns of results.csv that count steps, each the fewest over its own set of rates.
COUNTS = {"steps": "grid", "finest_steps": "finer grid", "stable_steps": "loss never rises"}


@dataclass(frozen=True)
class Config(RunOptions):
    """Counts the steps that the two-example toy takes, by ratio of the labels, p and depth."""

    ratios: tuple[int, ...] = option((1, 2, 3, 5, 10, 20, 30, 50, 100), "large label over small label, 1 to 1000")
    powers: tuple[int, ...] = option((2, 4, 6), "p of the l_p loss, even, at most 8")
    depths: tuple[int, ...] = option((1, 2, 3), "numbers of factors, at most 8, 1 among them")
    rates_per_decade: int = option(10, f"grid of learning rates; the finer grid has {REFINEMENT} times as many")
    steps: int | None = option(None, f"give up after so many (default: {STEPS}, with --quick {QUICK_STEPS})")
    start: float = option(1e-3, "both entries of the initial kernel, split into balanced factors")
    target: float = option(0.1, "largest error that counts as fitted")

    def __post_init__(self):
        for name, largest in (("ratios", 1000), ("powers", 8), ("depths", 8)):
            values = getattr(self, name)
            valid = 1 <= min(values) and max(values) <= largest and len(set(values)) == len(values)
            self.require(valid, f"numbers from 1 to {largest}, none twice", **{name: values})
        for power in self.powers:
            check_exponent(power)
        self.require(1 in self.depths, "depth 1 among the depths, to compare with", depths=self.depths)
        self.require(1 <= self.rates_per_decade <= 100, "1 to 100 rates", rates_per_decade=self.rates_per_decade)
        self.require(1 <= self.limit <= 10**8, "1 to 10^8 steps", steps=self.steps)
        self.require(0 < self.start < self.target < 1, "0 < start < target < 1", start=self.start, target=self.target)

    @property
    def limit(self) -> int:
        """The most steps taken."""
        return (QUICK_STEPS if self.quick else STEPS) if self.steps is None else self.steps


def run(config: Config) -> RunFolder:
    """Counts steps in every cell (p, ratio, depth); writes config.json, results.csv, curves.npz and TensorBoard's trials."""
    folder = config.create_folder("plateau", f"two-examples-{config.limit}")
    # What the pictures show: the nearest to p = 4, y1/y2 = 10.
    shown = {"p": min(config.powers, key=lambda p: abs(p - 4)), "ratio": min(config.ratios, key=lambda r: abs(r - 10))}
    facts = {"experiment": "plateau", "options": dataclasses.asdict(config), "limit": config.limit, "shown": shown}
    folder.write_config({**facts, **environment()})
    rows, curves = [], {}
    for p, ratio, depth in itertools.product(config.powers, config.ratios, config.depths):
        row, curve = _measure(config, p, ratio, depth, keep_paths=(p, ratio) == tuple(shown.values()))
        rows.append(row)
        curves.update({f"p={p}, ratio={ratio}, depth={depth}/{name}": values for name, values in curve.items()})
    results = pd.DataFrame(rows).astype(dict.fromkeys(COUNTS, "Int64"))
    results.to_csv(folder.path / "results.csv", index=False)
    np.savez_compressed(folder.path / "curves.npz", **curves)
    _write_trials(folder, results, curves)
    return folder


def _measure(config: Config, p: int, ratio: int, depth: int, keep_paths: bool) -> tuple[dict, dict]:
    """One cell's row of results.csv, and its arrays."""
    rates = learning_rates(ratio, p, depth, config.rates_per_decade, REFINEMENT)
    found = scan(ratio, p, depth, rates, config.limit, config.start, config.target)
    stable = found.stable()
    bests = dict(zip(COUNTS, (found.best(REFINEMENT), found.best(), stable.best()), strict=True))
    row, curves = {"p": p, "ratio": ratio, "depth": depth}, {"rates": rates, "reached": found.reached}
    for count, best in bests.items():
        row[count.replace("steps", "rate")] = None if best is None else rates[best]
        row[count] = None if best is None else int(found.reached[best])
    window = (None, None) if bests["steps"] is None else found.window(bests["steps"])
    row.update(window_low=window[0], window_high=window[1], stable_limit=max(stable.rates, default=None))
    if keep_paths:
        for count in ("steps", "stable_steps"):
            # Where no rate gets there, the largest stable one shows how far it comes.
            rate, steps = (row["stable_limit"], config.limit) if row[count] is None else (rates[bests[count]], row[count])
            at, kernels = path(ratio, p, depth, rate or rates[0], steps, config.start)
            curves.update({f"{count}/rate": rate or rates[0], f"{count}/at": at, f"{count}/kernels": kernels})
    return row, curves


def _write_trials(folder: RunFolder, results: pd.DataFrame, curves: dict) -> None:
    """TensorBoard: a trial a cell in HParams, and steps against the ratio."""
    log = TensorBoardLog(folder.tensorboard)
    log.declare(("p", "ratio", "depth", "learning_rate"), {count: f"steps, {label}" for count, label in COUNTS.items()})
    for row in results.itertuples():
        hparams = {"p": row.p, "ratio": row.ratio, "depth": row.depth, "learning_rate": row.rate}
        outcome = {count: getattr(row, count) for count in COUNTS if not pd.isna(getattr(row, count))}
        log.trial(f"p={row.p}, depth={row.depth}/ratio={row.ratio}", hparams, outcome, ((), ()), pd.isna(row.steps))
    reached = results.dropna(subset="finest_steps").groupby(["p", "depth"])
    log.curves({f"steps against y1 over y2, p={p}/depth {d}": (c["ratio"], c["finest_steps"]) for (p, d), c in reached})


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints the table and verdicts from a run folder alone."""
    config, results = folder.read_config(), pd.read_csv(folder.path / "results.csv").convert_dtypes()
    with np.load(folder.path / "curves.npz", allow_pickle=False) as arrays:
        curves = dict(arrays)
    drawn = plateau_figures.draw_all(folder, config, results, curves)
    table, claims = steps_table(results, config["limit"]), claims_of(results, config["limit"])
    title = f"Steps until both errors < {config['options']['target']:g}: best rate of the " + " / ".join(COUNTS.values())
    print_table(table, title, console)
    print_claims(claims, console)
    TensorBoardLog(folder.tensorboard).report(
        drawn, {"results": markdown_table(table), "claims": markdown_claims(claims)}
    )


def steps_table(results: pd.DataFrame, limit: int) -> pd.DataFrame:
    """A row per p and ratio, a column per depth with its three counts; ">" where `limit` steps did not suffice."""
    shown = [f">{limit:,}" if pd.isna(count) else f"{count:,}" for count in results[list(COUNTS)].to_numpy().ravel()]
    cells = results[["p", "ratio", "depth"]].assign(
        counts=[" / ".join(shown[i : i + len(COUNTS)]) for i in range(0, len(shown), len(COUNTS))]
    )
    table = cells.pivot(index=["p", "ratio"], columns="depth", values="counts").reset_index()
    return table.rename(columns={"ratio": "y1/y2", **{depth: f"depth {depth}" for depth in set(results["depth"])}})


def speed_ups(results: pd.DataFrame, p: int, depth: int, count: str, limit: int) -> dict[int, tuple[float, float]]:
    """Steps at depth 1 over steps at `depth`, by ratio, as bounds (low, high): equal where both are known."""
    by_depth = {d: cells.set_index("ratio")[count] for d, cells in results[results["p"] == p].groupby("depth")}

    def bounds(steps):
        return (limit + 1, np.inf) if pd.isna(steps) else (max(int(steps), 1), max(int(steps), 1))

    quotients = {}
    for ratio in by_depth[1].index:
        (low, high), (low_n, high_n) = bounds(by_depth[1][ratio]), bounds(by_depth[depth][ratio])
        quotients[ratio] = (low / high_n, high / low_n)
    return quotients


def claims_of(results: pd.DataFrame, limit: int) -> list[Claim]:
    """The paper's claims about the toy, and the limits that this experiment finds to them."""
    claims = []
    deeper = [depth for depth in results["depth"].unique() if depth > 1]
    for p in results["p"].unique():
        gains = {c: {f"depth {d}": speed_ups(results, p, d, c, limit) for d in deeper} for c in COUNTS}
        unequal = {c: {d: {r: g for r, g in by.items() if r > 1} for d, by in gains[c].items()} for c in COUNTS}
        if p == 2:
            claims.append(_all("L2: depth never takes fewer steps", gains["steps"], lambda low, high: (high <= 1, low > 1)))
            continue
        faster = (lambda low, high: (low > 1, high <= 1))
        claims.append(_all(f"L{p}: with unequal labels depth takes fewer steps", unequal["steps"], faster))
        claims.append(_all(f"L{p}: so too while the loss never rises", unequal["stable_steps"], faster))
    return claims
