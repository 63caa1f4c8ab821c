"""What the report says of one experiment, read from its run folder alone."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from PIL import Image

from experiments.harness.results import Claim, Outcome, read_outcome, settings_table
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder


@dataclass(frozen=True)
class Figure:
    """A figure's file, its title, the note at its foot, and its size in pixels."""

    path: Path
    title: str
    note: str
    size: tuple[int, int]

    @classmethod
    def read(cls, path: Path) -> Figure:
        """Reads what `figures.save_figure` wrote into the PNG file.

        Raises:
            DataError: if the file is missing or damaged.
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
    """One experiment's part of the report.

    Attributes:
        experiment: its name.
        question: the first line of its docstring.
        about: the rest of it.
        command: how it was run.
        data: label of the data set; empty where there is none.
        warnings: what a reader must not overlook, e.g. that the data are synthetic.
        outcome: table, claims and figures.
        figures: the figures.
        facts: when and on what it ran, as (name, value).
        settings: all of config.json, as (name, value).
    """

    experiment: str
    question: str
    about: str
    command: str
    data: str
    warnings: list[str]
    outcome: Outcome
    figures: list[Figure]
    facts: list[tuple[str, str]]
    settings: list[tuple[str, str]]


def section_of(folder: RunFolder) -> Section:
    """The section of a run.

    Raises:
        DataError: if one of its files is missing or damaged.
    """
    config, outcome = folder.read_config(), read_outcome(folder)
    experiment, options = folder.path.parent.name, config.get("options", {})
    data = config.get("data") or {}
    warnings = ["SYNTHETIC DATA: a stand-in, not the measurements"] if data.get("synthetic") else []
    warnings += ["QUICK RUN: a short look, its numbers mean little"] if options.get("quick") else []
    if config.get("status", RunFolder.FINISHED) != RunFolder.FINISHED:
        warnings.append(f"NOT FINISHED: {config['status']}")
    return Section(
        experiment,
        *_docstring(experiment),
        command=command_line(experiment, config),
        data=data.get("label", ""),
        warnings=warnings,
        outcome=outcome,
        figures=[Figure.read(path) for path in outcome.figures],
        facts=_facts(folder, config),
        settings=[tuple(row) for row in settings_table(config).itertuples(index=False)],
    )


def command_line(experiment: str, config: Mapping[str, Any]) -> str:
    """The command that made the run, as one types it."""
    _, *arguments = config.get("command") or [""]
    return f"python -m experiments.{experiment} {shlex.join(arguments)}".strip()


def _docstring(experiment: str) -> tuple[str, str]:
    """The first line of an experiment's docstring and the rest; nothing of one that is not in this checkout."""
    source = Path(__file__).with_name(f"{experiment}.py")
    text = (
        (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "")
        if source.is_file()
        else ""
    )
    question, _, about = text.partition("\n")
    return question, about.strip()


def _facts(folder: RunFolder, config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """When and on what a run was made."""
    end = datetime.fromtimestamp(folder.modified, timezone.utc)
    facts = {"run folder": str(folder.path)}
    if "started" in config:
        start = datetime.fromisoformat(config["started"])
        facts["started"] = f"{start:%Y-%m-%d %H:%M} UTC"
        if config.get("status") == RunFolder.FINISHED:
            facts["took"] = f"{duration((end - start).total_seconds())}, interruptions included"
    else:
        facts["last changed"] = f"{end:%Y-%m-%d %H:%M} UTC"
    versions = {"Python": config.get("python"), **config.get("versions", {})}
    facts["versions"] = ", ".join(
        f"{name} {version}" for name, version in versions.items() if version
    )
    facts["commit"] = config.get("commit") or ""
    facts["machine"] = config.get("machine", "")
    return [(name, value) for name, value in facts.items() if value]


def duration(seconds: float) -> str:
    """A time span in its two largest units.

    Example:
        >>> duration(59.6), duration(125), duration(7322)
        ('1 min 0 s', '2 min 5 s', '2 h 2 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def verdicts(sections: list[Section]) -> list[tuple[Section, Claim]]:
    """Every claim with its section."""
    return [(section, claim) for section in sections for claim in section.outcome.claims]
