"""The command line of the report: which runs it shows, and where the page goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.harness.command_line import exit_codes
from experiments.harness.parsing import option, parse
from experiments.harness.registry import EXPERIMENTS
from experiments.report.page import page
from experiments.report.section import Section, section_of
from overparam_tf.atomic_files import save_text
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder

REPORT = "report.html"


@dataclass(frozen=True)
class Config:
    """Write one self-contained HTML page about the newest run of each experiment."""

    logdir: str = option("logs", "the log folder")
    experiments: tuple[str, ...] | None = option(
        None, "only these experiments (default: all that have runs)"
    )
    output: str | None = option(None, f"where to write the page (default: LOGDIR/{REPORT})")


def write_page(
    runs: Sequence[RunFolder], path: Path, failures: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """Write the page; a run that cannot be read is listed on it as a failure.

    Args:
        runs: One run of each experiment.
        path: The page's file.
        failures: Pairs of an experiment that did not end well and the reason; default none.

    Returns:
        The failures handed in, then those of runs that could not be read.
    """
    sections, failures = [], list(failures)
    for run in runs:
        try:
            sections.append(section_of(run))
        except DataError as error:
            failures.append((run.path.parent.name, str(error)))
    save_text(path, page(sorted(sections, key=_place), failures))
    return failures


def _place(section: Section) -> tuple[int, str]:
    """Return the sort key of a section: its place in the registry; unlisted ones last, by name."""
    order = [entry.name for entry in EXPERIMENTS]
    name = section.experiment
    return order.index(name) if name in order else len(order), name


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; `arguments` defaults to `sys.argv[1:]`."""
    with exit_codes("report"):
        options = parse(Config, "report", arguments)
        runs = RunFolder.newest(options.logdir, options.experiments)
        path = Path(options.output) if options.output else Path(options.logdir) / REPORT
        failures = write_page(runs, path)
        print(f"Report: {path}")
        if failures:
            raise DataError("; ".join(f"{experiment}: {reason}" for experiment, reason in failures))
