"""Claims of the paper, each tested against a run: what was claimed, whether it held, and the numbers behind it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Claim:
    """A claim, its verdict in this run (None: this run cannot tell), and the numbers."""

    text: str
    held: bool | None
    numbers: str

    @property
    def verdict(self) -> str:
        """`"held"`, `"did not hold"` or `"cannot tell"`."""
        return {True: "held", False: "did not hold", None: "cannot tell"}[self.held]


def ordering(text: str, losses: Mapping[str, float | None]) -> Claim:
    """The claim that losses come in the order given, lowest first; a None (all runs diverged) leaves it open."""
    numbers = ", ".join(
        f"{name} {'diverged' if loss is None else format(loss, '.4f')}" for name, loss in losses.items()
    )
    values = list(losses.values())
    held = None if None in values else all(low < high for low, high in itertools.pairwise(values))
    return Claim(text, held, numbers)


def print_claims(claims: Sequence[Claim], console: Console) -> None:
    """One line a claim."""
    for claim in claims:
        colour = {True: "green", False: "red", None: "yellow"}[claim.held]
        console.print(f"[{colour}]{claim.verdict:>12}[/]  {claim.text}: {claim.numbers}", highlight=False)


def print_table(frame: pd.DataFrame, title: str, console: Console) -> None:
    """A data frame as a table on the terminal."""
    table = Table(title=title)
    for column in frame:
        table.add_column(str(column), justify="right" if column != frame.columns[0] else "left", no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*map(cell, row))
    console.print(table)


def markdown_table(frame: pd.DataFrame) -> str:
    """A data frame as a Markdown table, for TensorBoard's Text dashboard."""
    lines = [[str(column) for column in frame], ["---"] * frame.shape[1]]
    lines += [[cell(value).replace("|", r"\|") for value in row] for row in frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown_claims(claims: Sequence[Claim]) -> str:
    """The claims as a Markdown table."""
    return markdown_table(
        pd.DataFrame([(c.text, c.verdict, c.numbers) for c in claims], columns=["claim", "in this run", "numbers"])
    )


def cell(value) -> str:
    """A value as a table shows it: four significant digits, steps with separators, nothing where nothing is."""
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, (int, np.integer)) else str(value)
