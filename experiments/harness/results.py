"""The results of a run: tables, claims and figures, on the terminal, on disk, in TensorBoard."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.harness.registry import module_of
from overparam_tf.checks import boolean, list_of, optional, text
from overparam_tf.runlog import RunFolder, readers

RESULTS = "report.json"


class Verdict(Enum):
    """A verdict of a run on a claim; the value is the wording in tables."""

    HELD = "held"
    DID_NOT_HOLD = "did not hold"
    CANNOT_TELL = "cannot tell"


# The verdicts by `Claim.held`, and their colours on a terminal.
VERDICTS = {True: Verdict.HELD, False: Verdict.DID_NOT_HOLD, None: Verdict.CANNOT_TELL}
COLOURS = {Verdict.HELD: "green", Verdict.DID_NOT_HOLD: "red", Verdict.CANNOT_TELL: "yellow"}


@dataclass(frozen=True)
class Claim:
    """A claim of the paper or an expectation, tested against a run.

    Attributes:
        text: What is claimed.
        held: Whether it held in this run; None where this run cannot tell.
        numbers: The numbers behind the verdict.
    """

    text: str
    held: bool | None
    numbers: str

    @property
    def verdict(self) -> str:
        """Return the verdict in words."""
        return VERDICTS[self.held].value


def ordering(text: str, losses: Mapping[str, float | None]) -> Claim:
    """Return the claim that losses rise in the order of a mapping.

    Args:
        text: The claim.
        losses: Loss by name, the lowest first; a None (all runs diverged) leaves the claim open.
    """
    numbers = ", ".join(
        f"{name} {'diverged' if loss is None else format(loss, '.4f')}"
        for name, loss in losses.items()
    )
    values = list(losses.values())
    held = None if None in values else all(low < high for low, high in itertools.pairwise(values))
    return Claim(text, held, numbers)


@dataclass(frozen=True)
class ResultTable:
    """A table of text: title, heads of the columns, rows of cells."""

    title: str
    columns: list[str]
    rows: list[list[str]]

    @classmethod
    def from_frame(cls, title: str, frame: pd.DataFrame) -> ResultTable:
        """Return the table that shows a data frame."""
        rows = [[cell(value) for value in row] for row in frame.itertuples(index=False)]
        return cls(title, [str(column) for column in frame], rows)

    def markdown(self) -> str:
        """Return the table in Markdown."""
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [[value.replace("|", r"\|") for value in row] for row in self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass(frozen=True)
class Results:
    """The results of a run.

    Attributes:
        tables: The results.
        claims: The claims with their verdicts.
        figures: Paths of the figures, in order.
    """

    tables: list[ResultTable]
    claims: list[Claim]
    figures: list[Path]


def write_results(
    folder: RunFolder,
    tables: pd.DataFrame | Mapping[str, pd.DataFrame],
    claims: Sequence[Claim],
    figures: Sequence[Path],
    **remarks: str,
) -> None:
    """Write report.json, and the same into TensorBoard: figures in Images, the rest in Text.

    Args:
        folder: The run folder.
        tables: One table, or several by title.
        claims: The claims.
        figures: The figures' files.
        **remarks: Further texts by name for TensorBoard, in Markdown.
    """
    frames = {"Results": tables} if isinstance(tables, pd.DataFrame) else tables
    results = [ResultTable.from_frame(title, frame) for title, frame in frames.items()]
    write_results_file(folder, Results(results, list(claims), list(figures)))
    settings = ResultTable.from_frame("settings", settings_table(folder.read_config()))
    texts = {table.title.lower(): table.markdown() for table in results}
    texts |= {**remarks, "claims": claims_table(claims).markdown(), "settings": settings.markdown()}
    from overparam_tf.runlog import TensorBoardLog  # it imports TensorFlow

    TensorBoardLog(folder.tensorboard).report(figures, texts)


def write_results_file(folder: RunFolder, results: Results) -> None:
    """Write report.json, whole or not at all."""
    content = {
        "tables": [dataclasses.asdict(table) for table in results.tables],
        # json refuses NumPy's bool.
        "claims": [
            {**dataclasses.asdict(claim), "held": None if claim.held is None else bool(claim.held)}
            for claim in results.claims
        ],
        "figures": [path.name for path in results.figures],
    }
    folder.write_text(RESULTS, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_results(folder: RunFolder) -> Results:
    """Read report.json.

    Raises:
        DataError: If it is missing or damaged; the line says how to write it again.
    """
    path, module = folder.path / RESULTS, module_of(folder.path.parent.name)
    remedy = f"Write it again with python -m {module} --redraw {folder.path}"
    with readers.one_line_errors(path, remedy):
        content = readers.read_json(path)
        return Results(
            [_read_table(table) for table in content["tables"]],
            [_read_claim(claim) for claim in content["claims"]],
            [folder.path / "figures" / Path(name).name for name in content["figures"]],
        )


def _read_table(table: Mapping[str, Any]) -> ResultTable:
    columns = list_of("columns", table["columns"], text)
    rows = [list_of("rows", row, text) for row in table["rows"]]
    if any(len(row) != len(columns) or not row for row in rows):
        raise ValueError(f"a table whose rows have not its {len(columns)} columns")
    return ResultTable(text("title", table["title"]), columns, rows)


def _read_claim(claim: Mapping[str, Any]) -> Claim:
    held = optional("held", claim["held"], boolean)
    return Claim(text("text", claim["text"]), held, text("numbers", claim["numbers"]))


def settings_table(record: Mapping[str, Any]) -> pd.DataFrame:
    """Return config.json as rows of setting and value, those of inner tables as `outer.inner`."""
    return pd.DataFrame(list(_settings(record)), columns=["setting", "value"])


def _settings(record: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{outer}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{outer}{name}", text


def claims_table(claims: Sequence[Claim]) -> ResultTable:
    """Return the claims as a table."""
    rows = [[claim.text, claim.verdict, claim.numbers] for claim in claims]
    return ResultTable("Claims", ["claim", "in this run", "numbers"], rows)


def print_claims(claims: Sequence[Claim], console: Console) -> None:
    """Print one line for each claim."""
    for claim in claims:
        verdict = f"{claim.verdict:>12}", COLOURS[VERDICTS[claim.held]]
        console.print(Text.assemble(verdict, f"  {claim.text}: {claim.numbers}"))


def print_table(frame: pd.DataFrame, title: str, console: Console) -> None:
    """Print a data frame as a table on the terminal."""
    # As `Text`, in which nothing is markup: a label may hold brackets and colons.
    table = Table(title=Text(title, "table.title"))
    for column in frame:
        justify = "right" if column != frame.columns[0] else "left"
        table.add_column(Text(str(column)), justify=justify, no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(cell(value)) for value in row))
    console.print(table)


def cell(value: Any) -> str:
    """Return a value as a table shows it.

    Floats have four significant digits, integers separators; a missing value is an empty cell.
    """
    if pd.isna(value):
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    is_number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return f"{value:,}" if is_number else str(value)
