"""The command `python -m experiments.speedup`: its options, the run, the drawing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from experiments.harness.command_line import Experiment, option
from experiments.harness.options import DataOptions
from experiments.harness.results import print_claims, print_table, write_report
from experiments.harness.sweeps import Part, config_of, lp_part
from experiments.speedup import figures as speedup_figures
from experiments.speedup.claims import (
    MAIN_TARGET,
    PRICED,
    claims_of,
    ratio_table,
    ratios_of,
    verdict_table,
)
from experiments.speedup.step_prices import read_prices, write_prices
from experiments.speedup.tensorboard_log import SpeedupLog
from overparam_tf.errors import DataError
from overparam_tf.optimizers import legacy_2019
from overparam_tf.runlog import ProgressReport, RunFolder, TensorBoardLog
from overparam_tf.stopping import deferred
from overparam_tf.sweep import History, Sweep, Variant

STEPS, QUICK_STEPS = 30_000, 1_500
SEEDS, QUICK_SEEDS = (0, 1, 2, 3, 4), (0, 1)
POWERS, QUICK_POWERS = (2, 4, 6), (2, 4)
# Of the excess loss over the floor that the zero kernel has.
SHARES = {"50%": 0.5, "10%": 0.1, "3%": 0.03, "1%": 0.01}
# Rates are 10^(i/10), i a whole number: the coarse grid takes every fifth of them, the fine grid every one.
COARSE = range(-60, 16, 5)
REACH = 4  # of the fine grid, to either side of the best coarse rates; the next ones are coarse rates, tried already
# Spent on timing the steps of an optimizer's variants, without compiling them.
PRICE_SECONDS, QUICK_PRICE_SECONDS = 0.8, 0.2
OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "SGD": lambda: keras.optimizers.SGD(),
    "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
    "Nesterov": lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True),
    "AdaGrad": lambda: legacy_2019("adagrad"),
    "RMSprop": lambda: legacy_2019("rmsprop"),
    "AdaDelta": lambda: legacy_2019("adadelta"),
    "Adam": lambda: legacy_2019("adam"),
    "AdamW": lambda: keras.optimizers.AdamW(),
}
NAMES = ("SGD", "momentum", "Nesterov", "AdaGrad", "RMSprop", "AdaDelta", "Adam", "AdamW")


@dataclass(frozen=True)
class Config(DataOptions):
    """Measures the speed-up by depth for every optimizer, with intervals over seeds."""

    powers: tuple[int, ...] | None = option(
        None, "p of the l_p losses, with 1/p (default: 2 4 6, with --quick 2 4)"
    )
    optimizers: tuple[
        Literal["SGD", "momentum", "Nesterov", "AdaGrad", "RMSprop", "AdaDelta", "Adam", "AdamW"],
        ...,
    ] = option(NAMES, "optimizers to compare")
    depths: tuple[int, ...] = option((1, 2, 3, 4), "numbers of factors, 1 among them")
    rule_depths: tuple[float, ...] = option(
        (1.5, 2.5), "depths of the end-to-end rule, trained with SGD"
    )
    init: Literal["near_zero", "balanced"] = option(
        "balanced", "how the factors start: see Variant"
    )
    steps: int | None = option(
        None, f"full-batch steps (default: {STEPS}, with --quick {QUICK_STEPS})"
    )
    seeds: tuple[int, ...] | None = option(
        None, "seeds of the initial factors (default: 0 to 4, with --quick 0 and 1)"
    )

    def __post_init__(self):
        self.require(
            self.steps is None or self.steps >= 1, "a number of steps >= 1", steps=self.steps
        )
        self.require(
            1 in self.depths, "depth 1 among the depths, to compare with", depths=self.depths
        )
        self.require(
            all(1 <= depth <= 16 for depth in self.depths),
            "depths from 1 to 16",
            depths=self.depths,
        )
        valid = all(1 < depth <= 16 for depth in self.rule_depths)
        self.require(valid, "depths of the rule above 1, at most 16", rule_depths=self.rule_depths)
        self.require(
            all(p >= 2 and p % 2 == 0 for p in self.all_powers), "even powers", powers=self.powers
        )
        for name in ("powers", "optimizers", "depths", "rule_depths", "seeds"):
            values = getattr(self, name) or ()
            self.require(len(set(values)) == len(values), "nothing twice", **{name: values})

    @property
    def all_steps(self) -> int:
        """The number of steps."""
        return self.steps or (QUICK_STEPS if self.quick else STEPS)

    @property
    def all_powers(self) -> tuple[int, ...]:
        """The powers."""
        return self.powers or (QUICK_POWERS if self.quick else POWERS)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds."""
        return self.seeds or (QUICK_SEEDS if self.quick else SEEDS)

    def variants(
        self, optimizer: str, rates: Callable[[str], Iterable[int]], seeds: tuple[int, ...]
    ) -> list[Variant]:
        """One optimizer at every depth; `rates` gives the rates of a variant's name, in tenths of a decade."""
        wanted = [
            (f"{optimizer}, depth {depth}", depth, "factors") for depth in sorted(self.depths)
        ]
        if optimizer == "SGD":
            wanted += [
                (f"rule, depth {depth:g}", depth, "end_to_end")
                for depth in sorted(self.rule_depths)
            ]
        return [
            Variant(
                name,
                depth=depth,
                optimizer=OPTIMIZERS[optimizer](),
                learning_rates=[10 ** (tenth / 10) for tenth in rates(name)],
                seeds=seeds,
                initial_factors=self.init,
                update=update,
            )
            for name, depth, update in wanted
        ]


def run(config: Config) -> RunFolder:
    """Trains coarse, then fine grids, then times steps.

    Writes config.json, results.csv (a row a run), prices.csv (a row a variant) and TensorBoard's best curves.
    """
    problem = config.load_problem()
    parts = {p: lp_part(problem, p, (), config.all_steps) for p in config.all_powers}
    more = {
        "losses": [part.facts for part in parts.values()],
        "steps": config.all_steps,
        "seeds": config.all_seeds,
    }
    described = config_of("speedup", config, problem, [], **more)
    folder = config.create_data_folder(
        "speedup", f"{config.init}-{config.all_steps}", problem, described
    )
    log, tables = SpeedupLog(TensorBoardLog(folder.tensorboard), problem.label, list(SHARES)), []
    with deferred() as stop:
        for p, optimizer in itertools.product(config.all_powers, config.optimizers):
            variants = config.variants(optimizer, lambda _: COARSE, config.all_seeds[:1])
            coarse = _train(
                config, folder, replace(parts[p], variants=variants), f"L{p} {optimizer} coarse"
            )
            tables.append(coarse.runs.assign(p=p, group=optimizer, grid="coarse"))
            if not stop.signal:
                windows = {
                    name: fine_rates(coarse.runs[coarse.runs["variant"] == name])
                    for name in coarse.variants
                }
                variants = config.variants(optimizer, windows.__getitem__, config.all_seeds)
                fine = _train(
                    config, folder, replace(parts[p], variants=variants), f"L{p} {optimizer} fine"
                )
                tables.append(fine.runs.assign(p=p, group=optimizer, grid="fine"))
                log.fine(fine, p, optimizer)
            folder.write_table("results.csv", pd.concat(tables, ignore_index=True))
            if stop.signal:
                break
        _price(config, folder, parts, lambda: stop.signal)
    if any("fine" in set(table["grid"]) for table in tables):
        log.ratios(
            ratios_of(pd.concat(tables), list(SHARES), read_prices(folder), config.all_steps)
        )
    return folder


def _price(
    config: Config, folder: RunFolder, parts: dict[int, Part], stopped: Callable[[], object]
) -> None:
    """Times the steps of every optimizer's variants; with --quick those of the first alone (each is compiled anew)."""
    cells = [
        (
            optimizer,
            replace(part, variants=config.variants(optimizer, lambda _: COARSE, config.all_seeds)),
        )
        for part, optimizer in itertools.product(parts.values(), config.optimizers)
    ]
    seconds = QUICK_PRICE_SECONDS if config.quick else PRICE_SECONDS
    cells = cells[:1] if config.quick else cells
    shown = track(
        cells, "speedup, prices of a step", console=Console(stderr=True), disable=config.quiet
    )
    write_prices(folder, shown, config.dtype, seconds, stopped)


def _train(config: Config, folder: RunFolder, part: Part, title: str) -> History:
    excess = part.facts["at_zero"] - part.facts["floor"]
    with ProgressReport(f"speedup, {title}", config.quiet) as progress:
        return Sweep(part.problem, part.variants, part.loss, config.dtype).run(
            part.steps,
            targets={name: part.facts["floor"] + share * excess for name, share in SHARES.items()},
            points=200,
            progress=progress,
            checkpoints=folder.checkpoints / title,
        )


def fine_rates(coarse: pd.DataFrame) -> list[int]:
    """The fine grid of one variant, in tenths of a decade: from its best coarse rates `REACH` to either side.

    The best rate is another for every target. Where no rate reaches one, the lowest last loss stands in for it.
    """
    best = []
    for share in SHARES:
        reached = coarse[(coarse["status"] != "diverged") & coarse[f"steps_to_{share}"].notna()]
        key, rows = (
            (f"steps_to_{share}", reached)
            if len(reached)
            else ("final_loss", coarse.dropna(subset="final_loss"))
        )
        if len(rows):
            best.append(rows.loc[rows[key].astype(float).idxmin(), "learning_rate"])
    # If every rate diverged, what is below the lowest is all that is left to try.
    tenths = np.round(10 * np.log10(best or [coarse["learning_rate"].min()])).astype(int)
    return list(range(int(tenths.min()) - REACH, int(tenths.max()) + REACH + 1))


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints the table and the verdicts from a run folder alone."""
    config = folder.read_config()
    try:
        results = pd.read_csv(folder.path / "results.csv")
    except (OSError, ValueError) as error:
        raise DataError(f"Expected results.csv in {folder.path}. Received: {error}") from None
    if "fine" not in set(results["grid"]):
        return console.print("No fine grid was trained yet.")
    ratios = ratios_of(results, list(SHARES), read_prices(folder), config["steps"])
    folder.write_table("ratios.csv", ratios)
    table, claims = ratio_table(ratios), claims_of(ratios)
    drawn = speedup_figures.draw_all(folder, config, ratios)
    title = "steps of depth 1 over steps of depth N, best rate each [95 % interval over seeds]"
    # In two halves, each as wide as a terminal.
    print_table(
        table.drop(columns=PRICED),
        f"{config['data']['label']}: {title}; lost: diverged + never there",
        console,
    )
    print_table(
        table[["loss", "variant", f"to {MAIN_TARGET}", *PRICED]],
        f"the same to {MAIN_TARGET}, at the price of a step in time [least, most]",
        console,
    )
    print_table(
        verdict_table(ratios),
        "+N: depth N helps, -N: it hurts, ?N: cannot tell (fractional: the rule)",
        console,
    )
    print_claims(claims, console)
    write_report(folder, {"ratios": table, "verdicts": verdict_table(ratios)}, claims, drawn)


EXPERIMENT = Experiment("speedup", Config, run, draw)
