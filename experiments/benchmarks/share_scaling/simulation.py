"""The simulation of `python -m experiments.benchmarks.share_scaling`, and the tables it prints."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from scipy.optimize import nnls

from experiments.benchmarks.share_scaling.config import Config
from experiments.harness.parts import lp_part
from experiments.harness.results import print_table
from experiments.harness.sweep_shares import SECONDS, Search, portions_of_all
from experiments.speedup.config import Config as SpeedupConfig
from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder
from overparam_tf.stopping import StopSignals
from overparam_tf.sweep.sharing import Portion, run_cost

TERMS = ("sweep", "variant", "million run-steps", "10^12 multiply-adds")


@dataclass(frozen=True)
class Work:
    """One sweep, in the terms of the model.

    Attributes:
        variants: Number of variants.
        run_steps: Number of runs times that of steps.
        multiply_adds: Multiply-adds of all steps.
    """

    variants: int
    run_steps: int
    multiply_adds: int

    @property
    def terms(self) -> list[float]:
        """Return how much of each of `TERMS` it is."""
        return [1.0, self.variants, self.run_steps / 1e6, self.multiply_adds / 1e12]


def measured_sweeps(logdir: str, names: Sequence[str]) -> pd.DataFrame:
    """Return the sweeps of all shares that were run.

    Raises:
        InputError: If there are too few to fit the model.
    """
    paths = [
        path
        for name in names
        for path in sorted(Path(logdir, "speedup", name, "shares").glob(f"*/{SECONDS}"))
    ]
    tables = [pd.read_csv(path) for path in paths]
    sweeps = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if len(sweeps) < len(TERMS):
        raise InputError(
            f"Expected at least {len(TERMS)} sweeps of shares in {logdir}. Received: {len(sweeps)}"
        )
    return sweeps


def fitted_seconds(sweeps: pd.DataFrame) -> np.ndarray:
    """Return the seconds of each of `TERMS`, by least squares of relative errors, none below 0."""
    work = [
        Work(row.variants, row.runs * row.steps, row.multiply_adds) for row in sweeps.itertuples()
    ]
    seconds = sweeps["processor_seconds"].to_numpy(float)
    terms = np.array([each.terms for each in work])
    coefficients, _ = nnls(terms / seconds[:, None], np.ones(len(seconds)))
    return coefficients


def sweeps_of_share(
    search: Search, portions: Sequence[Portion], fine_runs: Sequence[int]
) -> Iterator[Work]:
    """Yield the sweeps that a share trains of a search.

    Args:
        search: The search.
        portions: What the share has of it.
        fine_runs: The runs of each variant's fine grid in the whole run.
    """
    part, guess = search.part, search.fine_runs
    costs = [run_cost(variant, part.problem) for variant in part.variants]
    counts = [len(variant.runs) for variant in part.variants]

    def work(runs: dict[int, int]) -> Work:
        run_steps = part.steps * sum(runs.values())
        multiply_adds = part.steps * sum(costs[place] * count for place, count in runs.items())
        return Work(len(runs), run_steps, multiply_adds)

    whole = {place: counts[place] for place, *ends in portions if ends == [0, guess]}
    if whole:
        yield work(whole)
    for place, *_ in portions:
        if place not in whole:
            yield work({place: counts[place]})
    fine = {
        place: fine_runs[place] * end // guess - fine_runs[place] * first // guess
        for place, first, end in portions
    }
    fine = {place: count for place, count in fine.items() if count}
    if fine:
        yield work(fine)


def simulate(options: Config) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the model, a row a term, and the times by number of machines."""
    coefficients = fitted_seconds(measured_sweeps(options.logdir, options.name))
    searches, fine_runs = searches_of(options)

    def seconds(portions: Sequence[Sequence[Portion]]) -> float:
        """Return the seconds of a machine, from its portions of every search."""
        works = itertools.chain.from_iterable(map(sweeps_of_share, searches, portions, fine_runs))
        return options.start_up + sum(float(coefficients @ work.terms) for work in works)

    whole = [
        [Portion(place, 0, search.fine_runs) for place in range(len(search.part.variants))]
        for search in searches
    ]
    rows = []
    for machines in options.machines:
        each = [seconds(portions) for portions in portions_of_all(searches, machines)]
        rows.append({"machines": machines, "last": max(each), "mean": float(np.mean(each))})
    table = pd.DataFrame(rows)
    table["speed-up"] = seconds(whole) / table["last"]
    table["efficiency"] = table["speed-up"] / table["machines"]
    return pd.DataFrame({"term": TERMS, "seconds": coefficients}), table


def searches_of(options: Config) -> tuple[list[Search], list[list[int]]]:
    """Return the searches of `speedup`, and the fine runs of each variant in the whole run."""
    speedup = SpeedupConfig(data=options.data)
    results = RunFolder.open(options.logdir, "speedup", options.whole).read_table("results.csv")
    fine = results[results["grid"] == "fine"].groupby(["p", "variant"]).size()
    problem = speedup.load_problem()
    searches, fine_runs = [], []
    for p in speedup.powers:
        part = lp_part(problem, p, (), speedup.steps)
        for optimizer in speedup.optimizers:
            search = speedup.search(part, optimizer)
            searches.append(search)
            names = [variant.name for variant in search.part.variants]
            fine_runs.append([int(fine.get((p, name), 0)) for name in names])
    return searches, fine_runs


def run_with(options: Config, stop: StopSignals) -> None:
    """Print the model and the times."""
    model, table = simulate(options)
    console = Console(soft_wrap=True)
    print_table(model, "Processor's seconds of a sweep of speedup", console)
    print_table(table, "Seconds of the share that ends last, and of all on average", console)
