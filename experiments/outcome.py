"""What a run came to, on disk: its tables, its claims and its figures' names, for a report without drawing again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.claims import Claim, cell, markdown_claims, markdown_table
from overparam_tf._files import save_text
from overparam_tf.errors import DataError
from overparam_tf.runlog import RunFolder, TensorBoardLog

OUTCOME = "report.json"


@dataclass(frozen=True)
class ResultTable:
    """A table as it is shown: title, heads of the columns, and rows of cells as text."""

    title: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Outcome:
    """A run's results as they are shown.

    Attributes:
        tables: the results.
        claims: the claims with their verdicts.
        figures: paths of the figures, in order.
        printed: what it printed, of an experiment that has no table.
    """

    tables: list[ResultTable]
    claims: list[Claim]
    figures: list[Path]
    printed: str = ""


def write_outcome(
    folder: RunFolder,
    tables: Mapping[str, pd.DataFrame],
    claims: Sequence[Claim],
    figures: Sequence[Path],
    printed: str = "",
) -> None:
    """Writes report.json, whole or not at all; tables by title."""
    content = {
        "tables": [
            {
                "title": title,
                "columns": [str(column) for column in table],
                "rows": [[cell(value) for value in row] for row in table.itertuples(index=False)],
            }
            for title, table in tables.items()
        ],
        # (A verdict from numpy is no bool of JSON's.)
        "claims": [
            {**dataclasses.asdict(claim), "held": None if claim.held is None else bool(claim.held)} for claim in claims
        ],
        "figures": [path.name for path in figures],
        "printed": printed,
    }
    save_text(folder.path / OUTCOME, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_outcome(folder: RunFolder) -> Outcome:
    """Reads report.json.

    Raises:
        DataError: if it is missing or damaged; the line says how to write it again.
    """
    try:
        content = json.loads((folder.path / OUTCOME).read_text(encoding="utf-8"))
        return Outcome(
            [
                ResultTable(str(t["title"]), list(map(str, t["columns"])), [list(map(str, row)) for row in t["rows"]])
                for t in content["tables"]
            ],
            [
                Claim(str(c["text"]), {True: True, False: False}.get(c["held"]), str(c["numbers"]))
                for c in content["claims"]
            ],
            [folder.path / "figures" / Path(name).name for name in content["figures"]],
            str(content["printed"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        experiment = folder.path.parent.name
        raise DataError(
            f"Expected a readable {OUTCOME} in {folder.path}. Received: {error!r}. Write it again with "
            f"python -m experiments.{experiment} --redraw {folder.path}"
        ) from None


def settings_table(config: Mapping[str, Any]) -> pd.DataFrame:
    """config.json as a table of two columns: a row an entry, those of inner tables named `outer.inner`."""
    return pd.DataFrame(list(_entries(config)), columns=["setting", "value"])


def _entries(config: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, str]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _entries(value, f"{outer}{name}.")
        else:
            yield f"{outer}{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write_report(
    folder: RunFolder,
    tables: pd.DataFrame | Mapping[str, pd.DataFrame],
    claims: Sequence[Claim],
    figures: Sequence[Path],
    **remarks: str,
) -> None:
    """report.json; TensorBoard: the figures in Images; the tables, claims, settings and remarks in Text.

    Args:
        folder: the run folder.
        tables: the results: one table, or several by title.
        claims: the claims.
        figures: the figures' files.
        **remarks: further texts by name, in Markdown.
    """
    tables = {"Results": tables} if isinstance(tables, pd.DataFrame) else tables
    write_outcome(folder, tables, claims, figures)
    texts = {title.lower(): markdown_table(table) for title, table in tables.items()}
    texts |= {**remarks, "claims": markdown_claims(claims)}
    texts["settings"] = markdown_table(settings_table(folder.read_config()))
    TensorBoardLog(folder.tensorboard).report(figures, texts)
