"""The command `python -m experiments.benchmarks.step_cost`: the run, the drawing."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from rich.console import Console

from experiments.benchmarks.step_cost import figures
from experiments.benchmarks.step_cost.claims import (
    GOALS,
    goal_claim,
    idle_claim,
    loss_claim,
    rows_claim,
    start_up_claim,
)
from experiments.benchmarks.step_cost.config import Config
from experiments.benchmarks.step_cost.contest import IDLE_COLUMNS, Contest, measurements_of
from experiments.benchmarks.step_cost.job import COLUMNS as JOB_COLUMNS
from experiments.benchmarks.step_cost.job import job_claim, job_table, measure_job
from experiments.benchmarks.step_cost.result_tables import (
    THREADS,
    contest_table,
    exponents,
    not_measured,
    results_of,
    settings_table,
)
from experiments.benchmarks.step_cost.scaling import AXES, BASE, measure
from experiments.benchmarks.step_cost.start_up import measure_start_up
from experiments.benchmarks.step_cost.tensorboard_log import board_of
from experiments.benchmarks.step_cost.worker_process import Launcher
from experiments.harness.command_line import Experiment
from experiments.harness.piece_results import PieceResult, rows_of
from experiments.harness.pieces import KeptPieces, run_pieces
from experiments.harness.results import Claim, print_claims, print_table, write_results
from experiments.harness.work_report import WorkReport
from overparam_tf.datasets import Problem, load
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder

WORKERS = "workers.json"
# The contest in progress, among the pieces that are kept.
ROUNDS_SO_FAR = "contest, rounds so far"
SETTING_COLUMNS = ["contestant", "worker", "optimizer", "depth", "p", "runs"]
ROUND_COLUMNS = [*SETTING_COLUMNS, "round", "ms", "processor_ms", *IDLE_COLUMNS]
SCALING_COLUMNS = ["axis", "size", *BASE, "status", "ms", "peak_bytes", "growth_bytes"]


def run(options: Config, launcher: Launcher | None = None) -> RunFolder:
    """Measure; write config.json, the tables, workers.json and TensorBoard's trials.

    Args:
        options: The options.
        launcher: How workers are started; default as peers, with the timeout of the options.
    """
    launcher = launcher or Launcher(options.timeout)
    problem = load("synthetic")
    record = options.record("step_cost", problem)
    folder = options.open_folder(record, options.part)
    kept = KeptPieces(folder, record, seconds_between_checkpoints=0.0)
    scaling = None
    if options.has("contest"):
        _run_contest(options, problem, launcher, kept)
    if options.has("scaling"):
        scaling = _run_scaling(options, launcher, kept)
    if options.has("job"):
        _run_job(options, problem, launcher, kept)
    board_of(scaling).write(folder)
    return folder


def _run_contest(
    options: Config, problem: Problem, launcher: Launcher, kept: KeptPieces
) -> pd.DataFrame:
    """Measure the contest; write results.csv, rounds.csv and workers.json; return the results."""
    contest = Contest(measurements_of(options.settings()), problem, options.seconds, launcher)
    pieces = 1 + contest.pieces(options.rounds)
    with WorkReport("step_cost", pieces, options.quiet) as report:

        def start_up() -> PieceResult:
            report("start-up of optimizer_compare")
            return PieceResult(measure_start_up(problem, options.start_ups, launcher))

        made = run_pieces(
            kept,
            {"start-up": start_up, "contest": lambda: _contest(contest, options, kept, report)},
            lambda piece: piece(),
            options,
            title="step_cost",
            begin=lambda name: None,
        )
    contest.restore(made["contest"].content)
    results, folder = results_of(contest.measurements, contest.rounds), kept.folder
    folder.write_table("results.csv", results)
    columns = [*ROUND_COLUMNS, THREADS]
    folder.write_table("rounds.csv", pd.DataFrame(contest.rounds, columns=columns))
    workers = {"start_up_seconds": made["start-up"].content, "workers": contest.workers}
    folder.write_text(WORKERS, json.dumps(workers, indent=2) + "\n")
    return results


def _contest(
    contest: Contest, options: Config, kept: KeptPieces, report: WorkReport
) -> PieceResult:
    """Run the contest; the rounds before a crash are not run again, but all is prepared again."""
    first = 0
    if ROUNDS_SO_FAR in kept:
        contest.restore(kept[ROUNDS_SO_FAR].content)
        first = 1 + max((row["round"] for row in contest.rounds), default=-1)
    if first < options.rounds:
        contest.run(
            options.rounds,
            report,
            keep=lambda: kept.add(ROUNDS_SO_FAR, PieceResult(contest.state())),
            first=first,
        )
    return PieceResult(contest.state())


def _run_scaling(options: Config, launcher: Launcher, kept: KeptPieces) -> pd.DataFrame:
    """Measure every axis; write and return scaling.csv."""
    axes = {f"scaling: {AXES[name].name}": AXES[name] for name in options.axes}
    with WorkReport("step_cost", len(axes), options.quiet) as report:
        made = run_pieces(
            kept,
            axes,
            lambda axis: PieceResult(measure(axis, options.seconds, launcher, options.points)),
            options,
            title="step_cost, scaling",
            begin=report,
        )
    rows = rows_of(made)
    scaling = pd.DataFrame(rows, columns=SCALING_COLUMNS)
    kept.folder.write_table("scaling.csv", scaling)
    return scaling


def _run_job(options: Config, problem: Problem, launcher: Launcher, kept: KeptPieces) -> None:
    """Measure the main job; write job.csv."""
    with WorkReport("step_cost", 1, options.quiet) as report:
        made = run_pieces(
            kept,
            {"the main job": options.job_share},
            lambda share: PieceResult(measure_job(problem, share, options.seconds, launcher)),
            options,
            title="step_cost, the main job",
            begin=report,
        )
    table = pd.DataFrame(made["the main job"].content, columns=JOB_COLUMNS)
    kept.folder.write_table("job.csv", table)


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print tables and verdicts, from a run folder alone."""
    record = folder.read_config()
    part = record["options"]["part"]
    tables: dict[str, pd.DataFrame] = {}
    claims: list[Claim] = []
    drawn, remarks = [], {}
    if part in ("contest", "all"):
        results = folder.read_table("results.csv", [*SETTING_COLUMNS, "status", "ms"])
        rounds = folder.read_table("rounds.csv", ROUND_COLUMNS)
        tables |= _contest_tables(record, results)
        claims += _contest_claims(results, rounds, _read_start_ups(folder))
        drawn += figures.draw_contest(folder, record, results)
        drawn.append(figures.draw_history(folder, record, results, rounds))
        remarks["not_measured"] = "\n\n".join(not_measured(results))
    if part in ("scaling", "all"):
        scaling = folder.read_table("scaling.csv", SCALING_COLUMNS)
        tables["How a step of the sweep scales"] = exponents(scaling)
        claims.append(rows_claim(scaling))
        drawn += figures.draw_scaling(folder, record, scaling)
    # Runs of the first version have no main job.
    if part in ("job", "all") and (folder.path / "job.csv").exists():
        job = folder.read_table("job.csv", JOB_COLUMNS)
        tables["The main job, optimizer_compare at its defaults"] = job_table(job)
        claims.append(job_claim(job))
    for title, table in tables.items():
        print_table(table, title, console)
    for line in filter(None, remarks.values()):
        console.print(line, style="yellow", highlight=False, markup=False)
    print_claims(claims, console)
    write_results(folder, tables, claims, drawn, **remarks)


def _contest_tables(record: dict[str, Any], results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    title = f"{record['data']['label']}: ms per step and run"
    return {
        f"{title}, gradient descent at depth 1": contest_table(results),
        f"{title}, every setting": settings_table(results),
    }


def _contest_claims(
    results: pd.DataFrame, rounds: pd.DataFrame, start_ups: list[float]
) -> list[Claim]:
    goals = [goal_claim(goal, rounds) for goal in GOALS]
    return [loss_claim(results), *goals, start_up_claim(start_ups), idle_claim(rounds)]


def _read_start_ups(folder: RunFolder) -> list[float]:
    """Return the seconds of each start of optimizer_compare.

    Raises:
        DataError: If workers.json is missing or damaged.
    """
    try:
        workers = json.loads((folder.path / WORKERS).read_text(encoding="utf-8"))
        return [float(seconds) for seconds in workers["start_up_seconds"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"Expected a readable {WORKERS} in {folder.path}. Received: {error!r}"
        ) from None


EXPERIMENT = Experiment("step_cost", Config, run, draw)
