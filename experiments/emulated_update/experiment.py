"""The command `python -m experiments.emulated_update`: the run, the drawing."""

from __future__ import annotations

from rich.console import Console

from experiments.emulated_update.claims import claims_of
from experiments.emulated_update.config import (
    Config,
)
from experiments.emulated_update.figures import EmulationFigures
from experiments.emulated_update.gaps import COLUMNS, gaps_of, slopes_of, with_rule
from experiments.emulated_update.pairs import Pair, place_of
from experiments.harness.command_line import Experiment
from experiments.harness.parts import lp_part
from experiments.harness.results import print_claims, print_table, write_results
from experiments.harness.sweeps import (
    read_run,
    run_parts,
)
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History

# From near zero the gap is largest in the few steps in which a run leaves the plateau.
UVA_POINTS = 4000
GAPS = "gaps.csv"


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
        pace={"points": UVA_POINTS} if options.preset == "uva" else None,
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
