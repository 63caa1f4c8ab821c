"""The command `python -m experiments.plateau`: its options, the run, the drawing."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from experiments.harness.command_line import Experiment, option
from experiments.harness.options import RunOptions
from experiments.harness.results import Claim, print_claims, print_table, write_report
from experiments.harness.two_examples import learning_rates, path, scan
from experiments.plateau import figures as plateau_figures
from overparam_tf.errors import DataError
from overparam_tf.losses import check_exponent
from overparam_tf.runlog import RunFolder, TensorBoardLog, environment

REFINEMENT = 20
STEPS, QUICK_STEPS = 300_000, 20_000
# The columns of results.csv that count steps, each the fewest over its own set of rates. Speed-ups are named alike.
COUNTS = {"steps": "grid", "finest_steps": "finer grid", "stable_steps": "loss never rises"}


@dataclass(frozen=True)
class Config(RunOptions):
    """Counts the steps that the two-example toy takes, by ratio of the labels, p and depth."""

    ratios: tuple[int, ...] = option(
        (1, 2, 3, 5, 10, 20, 30, 50, 100), "large label over small label, 1 to 1000"
    )
    powers: tuple[int, ...] = option((2, 4, 6), "p of the l_p loss, even, at most 8")
    depths: tuple[int, ...] = option((1, 2, 3), "numbers of factors, at most 8, 1 among them")
    rates_per_decade: int = option(
        10, f"grid of learning rates; the finer grid has {REFINEMENT} times as many"
    )
    steps: int | None = option(
        None, f"give up after so many (default: {STEPS}, with --quick {QUICK_STEPS})"
    )
    start: float = option(1e-3, "both entries of the initial kernel, split into balanced factors")
    target: float = option(0.1, "largest error that counts as fitted")

    def __post_init__(self):
        for name, largest in (("ratios", 1000), ("powers", 8), ("depths", 8)):
            values = getattr(self, name)
            valid = 1 <= min(values) and max(values) <= largest and len(set(values)) == len(values)
            self.require(valid, f"numbers from 1 to {largest}, none twice", **{name: values})
        for power in self.powers:
            check_exponent(power)
        self.require(
            1 in self.depths, "depth 1 among the depths, to compare with", depths=self.depths
        )
        self.require(
            1 <= self.rates_per_decade <= 100,
            "1 to 100 rates",
            rates_per_decade=self.rates_per_decade,
        )
        self.require(1 <= self.limit <= 10**8, "1 to 10^8 steps", steps=self.steps)
        valid = 0 < self.start < 1 - self.target < 1
        self.require(valid, "0 < start < 1 - target < 1", start=self.start, target=self.target)

    @property
    def limit(self) -> int:
        """The most steps taken."""
        return (QUICK_STEPS if self.quick else STEPS) if self.steps is None else self.steps


def run(config: Config) -> RunFolder:
    """Counts steps for every p, ratio and depth; writes config.json, results.csv, curves.npz, TensorBoard's trials."""
    # What the pictures show: the nearest to p = 4, y1/y2 = 10.
    shown = {
        "p": min(config.powers, key=lambda p: abs(p - 4)),
        "ratio": min(config.ratios, key=lambda r: abs(r - 10)),
    }
    facts = {
        "experiment": "plateau",
        "options": dataclasses.asdict(config),
        "limit": config.limit,
        "shown": shown,
    }
    folder = config.create_folder(
        "plateau", f"two-examples-{config.limit}", {**facts, **environment()}
    )
    rows, curves = [], {}
    cells = list(itertools.product(*map(sorted, (config.powers, config.ratios, config.depths))))
    for p, ratio, depth in track(
        cells, "plateau", console=Console(stderr=True), disable=config.quiet
    ):
        row, curve = _measure(
            config, p, ratio, depth, keep_paths=(p, ratio) == (shown["p"], shown["ratio"])
        )
        rows.append(row)
        curves.update(
            {
                f"p={p}, ratio={ratio}, depth={depth}/{name}": values
                for name, values in curve.items()
            }
        )
    results = with_speed_ups(
        pd.DataFrame(rows).astype(dict.fromkeys(COUNTS, "Int64")), config.limit
    )
    folder.write_table("results.csv", results)
    folder.write_arrays("curves.npz", curves)
    _write_trials(folder, results)
    return folder


def _measure(config: Config, p: int, ratio: int, depth: int, keep_paths: bool) -> tuple[dict, dict]:
    """One cell's row of results.csv, and its arrays."""
    rates = learning_rates(ratio, p, depth, config.rates_per_decade, REFINEMENT)
    found = scan(ratio, p, depth, rates, config.limit, config.start, config.target)
    stable = found.stable()
    row, curves = (
        {"p": p, "ratio": ratio, "depth": depth},
        {"rates": rates, "reached": found.reached},
    )
    for count, best in zip(
        COUNTS, (found.best(REFINEMENT), found.best(), stable.best()), strict=True
    ):
        row[count.replace("steps", "rate")] = None if best is None else rates[best]
        row[count] = None if best is None else int(found.reached[best])
        if keep_paths and best is not None:
            at, kernels = path(ratio, p, depth, rates[best], row[count], config.start)
            curves.update(
                {f"{count}/rate": rates[best], f"{count}/at": at, f"{count}/kernels": kernels}
            )
    window = (None, None) if row["steps"] is None else found.window(found.best(REFINEMENT))
    row.update(
        window_low=window[0], window_high=window[1], stable_limit=max(stable.rates, default=None)
    )
    return row, curves


def with_speed_ups(results: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Adds the steps of depth 1 over the steps of the row, for each of `COUNTS`, and the column `at_least`.

    `at_least` marks rows whose quotients are lower bounds: depth 1 has not got there within `limit` steps. A quotient
    of 0 says that depth 1 has got there and the row has not; nothing, that neither has.
    """
    shallow = results[["p", "ratio"]].merge(
        results[results["depth"] == 1], on=["p", "ratio"], how="left"
    )
    for count in COUNTS:
        quotient = shallow[count].fillna(limit).astype(float) / results[count].astype(float)
        results[count.replace("steps", "speed_up")] = quotient.mask(
            results[count].isna() & shallow[count].notna(), 0.0
        )
    return results.assign(at_least=shallow[list(COUNTS)].isna().any(axis=1))


def _write_trials(folder: RunFolder, results: pd.DataFrame) -> None:
    """TensorBoard: a trial a cell in HParams, and the steps against the ratio."""
    log = TensorBoardLog(folder.tensorboard)
    log.clear()
    log.declare(
        ("p", "ratio", "depth", "learning_rate"),
        {count: f"steps, {rates}" for count, rates in COUNTS.items()},
    )
    for row in results.to_dict("records"):
        reached = not pd.isna(row["steps"])
        hparams = {name: row[name] for name in ("p", "ratio", "depth")}
        hparams |= {"learning_rate": row["rate"]} if reached else {}
        outcome = {count: row[count] for count in COUNTS if not pd.isna(row[count])}
        log.trial(
            f"p={row['p']}, depth={row['depth']}/ratio={row['ratio']}",
            hparams,
            outcome,
            ((), ()),
            not reached,
        )
    by_variant = results.dropna(subset="finest_steps").groupby(["p", "depth"])
    chart = "steps against y1 over y2"
    for (p, depth), rows in by_variant:
        log.line(f"L{p}, depth {depth}", chart, (rows["ratio"], rows["finest_steps"]))
    log.layout({"plateau": {chart: [f"^{chart}$"]}})


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints the table and the verdicts from a run folder alone."""
    config = folder.read_config()
    try:
        results = pd.read_csv(folder.path / "results.csv")
        with np.load(folder.path / "curves.npz", allow_pickle=False) as arrays:
            curves = dict(arrays)
    except (OSError, ValueError, BadZipFile) as error:
        raise DataError(
            f"Expected results.csv and curves.npz in {folder.path}. Received: {error}"
        ) from None
    drawn = plateau_figures.draw_all(folder, config, results, curves)
    table, claims = steps_table(results, config["limit"]), claims_of(results)
    target = config["options"]["target"]
    print_table(
        table,
        f"Steps until both errors < {target:g} at the best rate (*: the loss never rises)",
        console,
    )
    print_claims(claims, console)
    write_report(folder, table, claims, drawn)


def steps_table(results: pd.DataFrame, limit: int) -> pd.DataFrame:
    """A row per p and ratio, two columns per depth: over the grid, and (*) over rates at which the loss never rises."""
    cells = results[results["depth"] == 1]
    columns = {"p": cells["p"].to_list(), "y1/y2": cells["ratio"].to_list()}
    for mark, count in (("", "steps"), (" *", "stable_steps")):
        for depth, cells in results.groupby("depth"):
            columns[f"depth {depth}{mark}"] = [
                f">{limit:,}" if pd.isna(n) else f"{n:,.0f}" for n in cells[count]
            ]
    return pd.DataFrame(columns)


def claims_of(results: pd.DataFrame) -> list[Claim]:
    """What the paper says of such problems, and what this experiment finds to be its limits."""
    deeper = results[results["depth"] > 1]
    equal = deeper[deeper["ratio"] == 1]
    claims = [
        _claim(
            "equal labels: depth takes no fewer steps",
            equal,
            "speed_up",
            equal["speed_up"] <= 1,
            "p={p}",
        )
    ]
    for p, cells in deeper[deeper["ratio"] > 1].groupby("p"):
        if p == 2:
            claims.append(
                _claim("L2: depth takes no fewer steps", cells, "speed_up", cells["speed_up"] <= 1)
            )
            continue
        for text, gain in (
            ("unequal labels: depth takes fewer steps", "speed_up"),
            ("so too among the rates up to which the loss never rises", "stable_speed_up"),
        ):
            claims.append(_claim(f"L{p}, {text}", cells, gain, cells[gain] > 1))
        exact = cells[~cells["at_least"] & (cells["finest_speed_up"] > 0)]
        exact = exact[exact.groupby("depth")["ratio"].transform("count") > 1]
        gains = exact.groupby("depth")["finest_speed_up"]
        grown = gains.transform("last") > gains.transform("first")
        text = f"L{p}, the gain grows from the least to the most unequal labels (finer grid)"
        claims.append(_claim(text, exact, "finest_speed_up", grown))
    return claims


def _claim(
    text: str, cells: pd.DataFrame, gain: str, holds: pd.Series, label: str = "{ratio}"
) -> Claim:
    """The claim that `holds` is true of all cells with a known gain, which are its numbers."""
    known = cells[cells[gain].notna()]
    numbers = [
        f"depth {depth}, "
        + ", ".join(
            f"{label.format(**row)}: {'>' * row['at_least']}x{row[gain]:.3g}"
            for row in rows.to_dict("records")
        )
        for depth, rows in known.groupby("depth")
    ]
    return Claim(
        text,
        bool(holds[known.index].all()) if numbers else None,
        "; ".join(numbers) or "nothing reached",
    )


EXPERIMENT = Experiment("plateau", Config, run, draw)
