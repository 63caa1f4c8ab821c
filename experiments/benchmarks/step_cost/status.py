"""Whether something was measured, and otherwise why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_MISSING_MODULE = "ModuleNotFoundError: No module named "


class State(Enum):
    """The kinds of status; the value is the wording in tables."""

    MEASURED = "measured"
    MISSING = "missing"
    FAILED = "failed"
    BLEW_UP = "blew up"


@dataclass(frozen=True)
class Status:
    """Whether something was measured, and otherwise why not.

    Attributes:
        state: The kind of status.
        reason: The missing library, or how the worker failed; empty for the other kinds.
    """

    state: State
    reason: str = ""

    @classmethod
    def from_error(cls, error: Exception) -> Status:
        """Return the status that a worker's error leads to.

        Example:
            >>> print(Status.from_error(Exception("ModuleNotFoundError: No module named 'jax'")))
            missing: jax
            >>> print(Status.from_error(Exception("no answer within 9 s")))
            failed: no answer within 9 s
        """
        text = str(error)
        if text.startswith(_MISSING_MODULE):
            return cls(State.MISSING, text.removeprefix(_MISSING_MODULE).strip("'"))
        return cls(State.FAILED, text)

    def __str__(self) -> str:
        return f"{self.state.value}: {self.reason}" if self.reason else self.state.value


MEASURED, BLEW_UP = Status(State.MEASURED), Status(State.BLEW_UP)


def is_measured(table: pd.DataFrame) -> pd.Series:
    """Return which rows of a table with a column `status` were measured."""
    return table["status"] == str(MEASURED)
