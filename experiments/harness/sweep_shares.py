"""The sweeps of one share of a run, and the histories of the sweeps that all shares join to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import pandas as pd

from experiments.harness.command_line import PartOfRun
from experiments.harness.parts import Part
from experiments.harness.shares import Share, ShareFinished, finished_shares
from overparam_tf.errors import DataError, InputError
from overparam_tf.runlog import RunFolder, run_name
from overparam_tf.stopping import deferred
from overparam_tf.sweep import History, Variant
from overparam_tf.sweep.sharing import STACK_OVERHEAD, Portion, Unit, divide, run_cost, runs_between

# The folder of a share's histories, and the table of the seconds that they took.
SWEEPS, SECONDS = "sweeps", "seconds.csv"
# The folder of runs of several variants, in that of their title.
TOGETHER = "together"
# Trains a part under a title, in which its checkpoints are kept.
Train = Callable[[Part, str], History]


@dataclass(frozen=True)
class Search:
    """The variants of a part, and how many more runs a finer grid around each one's best has.

    Attributes:
        part: The part, with the coarse grid of each variant.
        fine_title: Name of the sweep of the finer grids.
        fine_runs: A guess of the runs of a variant's finer grid; 0 for none.
        finer: Returns the variants with their finer grids, from the history of the coarse ones.
    """

    part: Part
    fine_title: str = ""
    fine_runs: int = 0
    finer: Callable[[Sequence[Variant], History], list[Variant]] | None = None

    def units(self) -> list[Unit]:
        """Return a unit of work for each variant.

        Its items are the runs or, with a finer grid, the runs of that; each share of them then has
        to know the best of the coarse grid.
        """
        units = []
        for variant in self.part.variants:
            cost = run_cost(variant, self.part.problem) * self.part.steps
            overhead = STACK_OVERHEAD * self.part.steps
            if self.fine_runs:
                units.append(Unit(self.fine_runs, cost, overhead + len(variant.runs) * cost))
            else:
                units.append(Unit(len(variant.runs), cost, overhead))
        return units


def portions_of_share(searches: Sequence[Search], share: Share) -> list[list[Portion]]:
    """Return, for each search, the portions of its variants that a share has.

    Raises:
        InputError: If there are more shares than runs.
    """
    most = sum(unit.items for search in searches for unit in search.units())
    if share.of > most:
        raise InputError(
            f"Expected at most {most} shares of this run. Received: --share "
            f"{share.number}/{share.of}"
        )
    return portions_of_all(searches, share.of)[share.number - 1]


def portions_of_all(searches: Sequence[Search], shares: int) -> list[list[list[Portion]]]:
    """Return, for each of several shares and for each search, the portions of its variants."""
    units = [search.units() for search in searches]
    places = [
        (search, place) for search, of_search in enumerate(units) for place in range(len(of_search))
    ]
    divided = []
    for portions in divide([unit for of_search in units for unit in of_search], shares):
        by_search: list[list[Portion]] = [[] for _ in searches]
        for unit, first, end in portions:
            search, place = places[unit]
            by_search[search].append(Portion(place, first, end))
        divided.append(by_search)
    return divided


class ShareFolder:
    """The histories that a share has trained so far, a folder for each.

    Args:
        folder: The folder of the share.
        train: Trains a sweep.
    """

    def __init__(self, folder: RunFolder, train: Train):
        self._folder, self._train = folder, train

    def train(self, search: Search, portions: Sequence[Portion]) -> bool:
        """Train the runs of a search that the share has; return False if they were interrupted."""
        part = search.part
        if not search.fine_runs:
            variants = [runs_between(part.variants[n], first, end) for n, first, end in portions]
            return self._sweep(replace(part, variants=variants), part.name) is not None
        coarse = self._coarse(search, portions)
        if coarse is None:
            return False
        finer = []
        for number, first, end in portions:
            for variant in search.finer([part.variants[number]], coarse):
                runs = len(variant.runs)
                ends = (runs * place // search.fine_runs for place in (first, end))
                finer.append(runs_between(variant, *ends))
        finer = [variant for variant in finer if variant.runs]
        fine = replace(part, variants=finer)
        return not finer or self._sweep(fine, search.fine_title) is not None

    def _coarse(self, search: Search, portions: Sequence[Portion]) -> History | None:
        """Return the coarse grids of the variants of a share.

        A variant that other shares have too is trained by itself, so that each of them finds the
        same best rate, bit for bit on the same kind of machine.
        """
        whole = [n for n, first, end in portions if (first, end) == (0, search.fine_runs)]
        alone = [n for n, *_ in portions if n not in whole]
        groups = [whole] if whole else []
        histories = []
        for numbers in (*groups, *([n] for n in alone)):
            variants = [search.part.variants[number] for number in numbers]
            part = replace(search.part, variants=variants)
            history = self._sweep(part, part.name, alone=numbers != whole)
            if history is None:
                return None
            histories.append(history)
        first, *others = histories
        return first.join(*others)

    def _sweep(self, part: Part, title: str, alone: bool = False) -> History | None:
        """Return the history of a sweep, trained if need be; None if it was interrupted.

        Args:
            part: The runs.
            title: Name of the sweep.
            alone: Whether these are the runs of a single variant, beside others of this title.
        """
        name = run_name(part.variants[0].name) if alone else TOGETHER
        path = self._folder.path / SWEEPS / title / name
        try:
            return History.load(path)
        except DataError:  # not there yet
            began, worked = time.monotonic(), time.process_time()
        history = self._train(part, f"{title}, {name}" if alone else title)
        if (history.runs["status"] == "interrupted").any():
            return None
        history.save(path)
        self._add_seconds(part, title, time.monotonic() - began, time.process_time() - worked)
        return history

    def _add_seconds(self, part: Part, title: str, seconds: float, worked: float) -> None:
        """Add what a sweep took, by the clock and of the processor, to the table."""
        runs = [len(variant.runs) for variant in part.variants]
        costs = [run_cost(variant, part.problem) for variant in part.variants]
        work = sum(count * cost for count, cost in zip(runs, costs, strict=True))
        row = {"title": title, "variants": len(runs), "runs": sum(runs), "steps": part.steps}
        row |= {"multiply_adds": work * part.steps, "seconds": seconds}
        table = pd.DataFrame([{**row, "processor_seconds": worked}])
        if (self._folder.path / SECONDS).exists():
            table = pd.concat([self._folder.read_table(SECONDS), table], ignore_index=True)
        self._folder.write_table(SECONDS, table)


def train_share(
    folder: RunFolder,
    share: Share,
    searches: Sequence[Search],
    portions: Sequence[Sequence[Portion]],
    train: Train,
) -> NoReturn:
    """Train what a share has of each search.

    Args:
        folder: The folder of the share.
        share: The share.
        searches: All searches of the run.
        portions: What `portions_of_share` returned.
        train: Trains a sweep.

    Raises:
        ShareFinished: If all is trained.
        PartOfRun: If a stop signal came.
    """
    trained, begun = ShareFolder(folder, train), 0
    with deferred():
        for search, own in zip(searches, portions, strict=True):
            if own and not trained.train(search, own):
                raise PartOfRun(folder, f"{begun} sweeps of the share are done")
            begun += bool(own)
    raise ShareFinished(folder, share)


class JoinedShares:
    """The histories of the finished shares of a run.

    Args:
        run: The folder of the run.
    """

    def __init__(self, run: RunFolder):
        self._run, self.folders = run, finished_shares(run)

    def __call__(self, part: Part, title: str) -> History:
        """Return the history of all runs of a part, in their order.

        Raises:
            InputError: If a run is in no share.
            DataError: If a file is damaged.
        """
        histories: list[History] = []
        known: set[tuple[str, float, int]] = set()
        for folder in self.folders:
            for path in sorted((folder.path / SWEEPS / title).glob("*")):
                history = History.load(path)
                # A coarse grid is in each of the shares that its finer one is divided into.
                new = [place for place, key in enumerate(history.keys) if key not in known]
                if new:
                    histories.append(history.select(new))
                    known |= set(history.keys)
        found = histories[0].join(*histories[1:]) if histories else None
        places = {key: place for place, key in enumerate(found.keys)} if found else {}
        keys = [(variant.name, *run) for variant in part.variants for run in variant.runs]
        missing = [key for key in keys if key not in places]
        if found is None or missing:
            raise InputError(
                f"Expected {len(keys)} runs of {title} in the shares of {self._run.path}. "
                f"Received: all but {len(missing)}, the first of them {missing[0]}; on different "
                "machines the shares may have found different best rates"
            )
        return found.select([places[key] for key in keys])
