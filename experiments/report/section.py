"""One experiment's section of the report, read from its run folder alone."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from experiments.harness.registry import module_of, source_of
from experiments.harness.results import Claim, Results, read_results, settings_table
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder, RunStatus

SYNTHETIC = "SYNTHETIC DATA: a stand-in, not the measurements"
QUICK = "QUICK RUN: a short look, its numbers mean little"


@dataclass(frozen=True)
class Figure:
    """A figure's file, its title, the note at its foot, and its width and height in pixels."""

    path: Path
    title: str
    note: str
    size: tuple[int, int]

    @classmethod
    def read(cls, path: Path) -> Figure:
        """Return the figure that `figures.save_figure` wrote into a PNG file.

        Raises:
            DataError: If the file is missing or damaged.
        """
        try:
            with Image.open(path) as image:
                text = image.info
                title = text.get("Title") or path.stem.replace("_", " ")
                return cls(path, title, text.get("Description", ""), image.size)
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(f"Expected a PNG image in {path}. Received: {error}") from None


@dataclass(frozen=True)
class Section:
    """One experiment's section of the report.

    Attributes:
        experiment: Its name.
        question: The first line of its docstring.
        explanation: The rest of the docstring.
        command: The command that made the run.
        data: Label of the data set; empty for an experiment without one.
        warnings: What a reader must not overlook, e.g. that the data are synthetic.
        results: Tables, claims and figures' files.
        figures: The figures.
        environment: When and on what it ran, as (name, value).
        settings: All of config.json, as (name, value).
    """

    experiment: str
    question: str
    explanation: str
    command: str
    data: str
    warnings: list[str]
    results: Results
    figures: list[Figure]
    environment: list[tuple[str, str]]
    settings: list[tuple[str, str]]


def section_of(folder: RunFolder) -> Section:
    """Return the section about a run.

    Raises:
        DataError: If one of its files is missing or damaged.
    """
    record, results = folder.read_config(), read_results(folder)
    experiment = folder.path.parent.name
    question, explanation = _docstring(experiment)
    return Section(
        experiment=experiment,
        question=question,
        explanation=explanation,
        command=command_of(experiment, record),
        data=(record.get("data") or {}).get("label", ""),
        warnings=_warnings(record),
        results=results,
        figures=[Figure.read(path) for path in results.figures],
        environment=_environment(folder, record),
        settings=[tuple(row) for row in settings_table(record).itertuples(index=False)],
    )


def command_of(experiment: str, record: Mapping[str, Any]) -> str:
    """Return the command that made a run, as it is typed.

    Args:
        experiment: The experiment's name.
        record: The run's config.json.
    """
    _, *arguments = record.get("command") or [""]
    return f"python -m {module_of(experiment)} {shlex.join(arguments)}".strip()


def _docstring(experiment: str) -> tuple[str, str]:
    """Return the first line of an experiment's docstring, and the rest.

    Both are empty for an experiment that is not in this checkout.
    """
    source = source_of(experiment)
    tree = ast.parse(source.read_text(encoding="utf-8") if source else "")
    question, _, explanation = (ast.get_docstring(tree) or "").partition("\n")
    return question, explanation.strip()


def _warnings(record: Mapping[str, Any]) -> list[str]:
    warnings = []
    if (record.get("data") or {}).get("synthetic"):
        warnings.append(SYNTHETIC)
    if record.get("options", {}).get("quick"):
        warnings.append(QUICK)
    status = record.get("status", RunStatus.FINISHED)
    if status != RunStatus.FINISHED:
        warnings.append(f"NOT FINISHED: {status}")
    return warnings


def _environment(folder: RunFolder, record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return when and on what a run was made, as (name, value)."""
    end = datetime.fromtimestamp(folder.modified, UTC)
    values = {"run folder": str(folder.path)}
    if "started" in record:
        start = datetime.fromisoformat(record["started"])
        values["started"] = f"{start:%Y-%m-%d %H:%M} UTC"
        if record.get("status") == RunStatus.FINISHED:
            seconds = (end - start).total_seconds()
            values["took"] = f"{duration(seconds)}, interruptions included"
    else:
        values["last changed"] = f"{end:%Y-%m-%d %H:%M} UTC"
    versions = {"Python": record.get("python"), **record.get("versions", {})}
    values["versions"] = ", ".join(
        f"{name} {version}" for name, version in versions.items() if version
    )
    values["commit"] = record.get("commit") or ""
    values["machine"] = record.get("machine", "")
    return [(name, value) for name, value in values.items() if value]


def duration(seconds: float) -> str:
    """Return a time span in its two largest units.

    Example:
        >>> duration(59.6), duration(125), duration(7322)
        ('1 min 0 s', '2 min 5 s', '2 h 2 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def all_claims(sections: Iterable[Section]) -> list[Claim]:
    """Return the claims of all sections."""
    return [claim for section in sections for claim in section.results.claims]
