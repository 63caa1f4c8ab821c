"""The command `python -m experiments.emulated_update`: its options, the run, the drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.console import Console

from experiments.emulated_update.claims import claims_of
from experiments.emulated_update.figures import EmulationFigures
from experiments.emulated_update.gaps import COLUMNS, gaps_of, slopes_of, with_rule
from experiments.emulated_update.pairs import UVA_SETTINGS, Pair, pairs_under, place_of
from experiments.harness import limits
from experiments.harness.command_line import Experiment, option
from experiments.harness.options import DataOptions
from experiments.harness.parts import lp_part
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.sweeps import (
    read_run,
    run_parts,
)
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History, Variant

# Stable at depths 2 and 3 for 200,000 steps: l_4 diverges late above.
RATES = {2: (1e-4, 3e-4, 1e-3), 4: (1e-5, 3e-5, 1e-4)}
# The course's rate and, for the limit of small rates, two others: under l_2 above, so that all
# runs leave the plateau in time; under l_4, where 1e-3 is near the edge of stability, below.
UVA_RATES = {2: (1e-3, 2e-3, 4e-3), 4: (1e-4, 2e-4, 1e-3)}
# l_2 has an exact short cut, l_4 must pass over all rows, in float64.
STEPS = {2: 200_000, 4: 50_000}
UVA_STEPS = 200_000
QUICK_STEPS = 2_000
# From near zero the gap is largest in the few steps in which a run leaves the plateau.
POINTS, UVA_POINTS = 1000, 4000
GAPS = "gaps.csv"


@dataclass(frozen=True)
class Config(DataOptions):
    """Compare training of real factors with the end-to-end rule of Theorem 1."""

    preset: Literal["paper", "uva"] = option(
        "paper",
        "paper: Theorem 1 from balanced and near-zero starts; uva: the 2019 course team's setting "
        "(near zero), real factors beside Theorem 1, the rule with the conserved differences, and "
        "the exact step",
    )
    dtype: Literal["float32", "float64"] = option(
        "float64", "precision; float32's round-off hides the smaller gaps"
    )
    losses: tuple[Literal["l2", "l4"], ...] = option(("l2", "l4"), "the l_p losses, with 1/p")
    depths: tuple[int, ...] = option((2, 3), "numbers of factors N", within=limits.DEPTHS)
    widths: tuple[int, ...] = option((1, 20, 128), "inner widths", within=limits.WIDTHS)
    learning_rates: tuple[float, ...] | None = option(
        None, "rates (default: three stable ones for each loss)", within=limits.RATES
    )
    steps: int | None = option(
        None,
        f"full-batch steps (default: {STEPS[2]} for l2, {STEPS[4]} for l4, uva {UVA_STEPS}, "
        f"with --quick {QUICK_STEPS})",
        within=limits.STEPS,
    )
    seeds: tuple[int, ...] = option(
        (0, 1, 2), "seeds of the initial factors", quick=(0,), within=limits.SEEDS
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        expected = "depths >= 2 (depth 1 is the rule itself)"
        self.require(min(self.depths) >= 2, expected, depths=self.depths)

    @property
    def powers(self) -> list[int]:
        """Return the exponents of the losses."""
        return [int(name.removeprefix("l")) for name in self.losses]

    def steps_under(self, p: int) -> int:
        """Return the number of steps under l_p."""
        full = UVA_STEPS if self.preset == "uva" else STEPS[p]
        return self.steps or (QUICK_STEPS if self.quick else full)

    def pairs(self, p: int) -> list[Pair]:
        """Return what is compared under l_p."""
        if self.preset == "uva":
            rates = self.learning_rates or UVA_RATES[p]
            return pairs_under(
                p, self.depths, self.widths, rates, settings=UVA_SETTINGS, every_rule=True
            )
        return pairs_under(p, self.depths, self.widths, self.learning_rates or RATES[p])

    def variants(self, p: int) -> list[Variant]:
        """Return the real and the emulated runs under l_p; pairs may share the latter."""
        variants = {}
        for pair in self.pairs(p):
            for variant in pair.variants(self.seeds):
                variants.setdefault(variant.name, variant)
        return list(variants.values())


def run(options: Config) -> RunFolder:
    """Train both kinds in lock step.

    Write config.json, results.csv, curves.npz, weights.npz, gaps.csv and TensorBoard's curves.
    """
    variants = {p: options.variants(p) for p in options.powers}
    pairs = [pair for p in options.powers for pair in options.pairs(p)]
    problem = options.load_problem()
    steps = {p: options.steps_under(p) for p in options.powers}
    folder, history = run_parts(
        "emulated_update",
        "uva" if options.preset == "uva" else "gap",
        options,
        problem,
        [lp_part(problem, p, variants[p], steps[p]) for p in options.powers],
        pace={"points": UVA_POINTS if options.preset == "uva" else POINTS},
        place=place_of,
        pairs=[pair.record() for pair in pairs],
    )
    folder.write_table(GAPS, gaps_of(trained_pairs(pairs, history), history))
    return folder


def trained_pairs(pairs: list[Pair], history: History) -> list[Pair]:
    """Return the pairs that the history has; an interrupted run may lack some."""
    return [pair for pair in pairs if pair.factors in history.variants]


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    record, history = read_run(folder)
    gaps = with_rule(folder.read_table(GAPS, COLUMNS))
    pairs = trained_pairs([Pair.from_record(entry) for entry in record["pairs"]], history)
    slopes = slopes_of(gaps)
    claims = claims_of(slopes, history, pairs)
    drawn = EmulationFigures(folder, record, history, pairs, gaps).draw()
    title = f"{record['data']['label']}: gap between real factors and the rule"
    print_table(slopes, title, console)
    print_claims(claims, console)
    write_results(folder, slopes, claims, drawn)


EXPERIMENT = Experiment("emulated_update", Config, run, draw)
