"""The command `python -m experiments.report`: its options, the run, the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.harness.command_line import exit_codes, option, parse
from experiments.report.page import page
from experiments.report.section import Section, section_of
from overparam_tf.atomic_files import save_text
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder

# As the paper tells the story; experiments that are not listed come last, by name.
ORDER = (
    "minimal",
    "optimizer_compare",
    "depth_compare",
    "emulated_update",
    "plateau",
    "no_regularizer",
    "mnist_cnn",
    "speedup",
    "when_depth_helps",
    "late_divergence",
    "step_cost",
    "layer_cost",
    "loop_cost",
    "log_cost",
)
REPORT = "report.html"


@dataclass(frozen=True)
class Config:
    """Writes one self-contained HTML page about the newest run of each experiment."""

    logdir: str = option("logs", "the log folder")
    experiments: tuple[str, ...] | None = option(
        None, "only these experiments (default: all that have runs)"
    )
    output: str | None = option(None, f"where to write the page (default: LOGDIR/{REPORT})")


def write_page(
    runs: Sequence[RunFolder], path: Path, failures: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """Writes the page; a run that cannot be read is listed on it instead of being shown.

    Args:
        runs: one run an experiment.
        path: the page's file.
        failures: (experiment, what happened) of those that came to nothing.

    Returns:
        All failures: those given, and the runs that could not be read.
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
    return ORDER.index(section.experiment) if section.experiment in ORDER else len(
        ORDER
    ), section.experiment


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    with exit_codes("report"):
        config = parse(Config, "report", arguments)
        runs = RunFolder.newest(config.logdir, config.experiments)
        path = Path(config.output) if config.output else Path(config.logdir) / REPORT
        failures = write_page(runs, path)
        print(f"Report: {path}")
        if failures:
            raise DataError("; ".join(f"{experiment}: {reason}" for experiment, reason in failures))
