"""Shares of the runs of an experiment, each in a folder of its own, and the run they join to.

The shares of the run NAME are NAME/shares/1-of-N to N-of-N. They know nothing of one another, so
that each may be trained on another machine, killed, and started again by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from overparam_tf.checkpoints import first_difference
from overparam_tf.errors import DataError, InputError
from overparam_tf.runlog import RunFolder, RunStatus
from overparam_tf.runlog.folder import SHARES
from overparam_tf.runlog.resume import settings

# The most numbers of shares that a message names.
MOST_NAMED = 20


@dataclass(frozen=True)
class Share:
    """One of several shares.

    Attributes:
        number: Its number, 1 to `of`.
        of: Number of shares.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """Return the share that a text such as `"3/10"` names.

        Raises:
            InputError: If it names none.

        Example:
            >>> Share.parse("3/10")
            Share(number=3, of=10)
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        number, of = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= of:
            raise InputError(
                "Expected a share I/N, the I-th of N from 1 on, such as 3/10. "
                f"Received: --share {text[:100]}"
            )
        return cls(number, of)

    @property
    def folder_name(self) -> str:
        """Return the name of its folder."""
        return f"{self.number}-of-{self.of}"

    def __str__(self) -> str:
        return f"share {self.number} of {self.of}"


class ShareFinished(Exception):
    """A share of a run is finished; nothing is drawn before all are joined.

    Attributes:
        folder: The folder of the share.
    """

    def __init__(self, folder: RunFolder, share: Share):
        run = folder.path.parent.parent
        super().__init__(
            f"{str(share).capitalize()} of {run} is finished. When all are, "
            f"--join {run.name} makes one run of them."
        )
        self.folder = folder


def finished_shares(run: RunFolder) -> list[RunFolder]:
    """Return the folders of all shares of a run, in order.

    Raises:
        InputError: If there are none, some are missing or unfinished (the message names them), or
            two of them have different settings.
    """
    found = _shares_found(run)
    divisions = sorted({share.of for share in found})
    if len(divisions) != 1:
        there = f"shares of {' and of '.join(map(str, divisions))}" if found else "none"
        raise InputError(f"Expected the shares of one division in {run.path}. Received: {there}")
    (of,) = divisions
    _require_all(run, found, of)
    folders = [found[Share(number, of)] for number in range(1, of + 1)]
    _require_alike(folders)
    return folders


def _shares_found(run: RunFolder) -> dict[Share, RunFolder]:
    found = {}
    for path in (run.path / SHARES).glob("*-of-*"):
        number, _, of = path.name.partition("-of-")
        if number.isdecimal() and of.isdecimal() and path.is_dir():
            found[Share(int(number), int(of))] = RunFolder(path)
    return found


def _require_all(run: RunFolder, found: dict[Share, RunFolder], of: int) -> None:
    """Raise an `InputError` that names the shares that are not finished."""
    faults: dict[str, list[int]] = {}
    for number in range(1, of + 1):
        state = _state_of(found.get(Share(number, of)))
        if state != RunStatus.FINISHED:
            faults.setdefault(state, []).append(number)
    if faults:
        words = "; ".join(f"{state}: {_in_short(numbers)}" for state, numbers in faults.items())
        raise InputError(
            f"Expected {of} finished shares of {run.path}. Received: {words}. "
            f"Run each of them again with --share I/{of}"
        )


def _state_of(folder: RunFolder | None) -> str:
    if folder is None:
        return "missing"
    try:
        return str(folder.read_config().get("status"))
    except DataError:
        return "missing"


def _in_short(numbers: Sequence[int]) -> str:
    """Return numbers in ranges.

    Example:
        >>> _in_short([1, 2, 3, 7])
        '1-3, 7'
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    texts = ["-".join(map(str, ends)) for ends in ranges]
    more = [f"and {len(texts) - MOST_NAMED} more"] if len(texts) > MOST_NAMED else []
    return ", ".join(texts[:MOST_NAMED] + more)


def _require_alike(folders: Sequence[RunFolder]) -> None:
    """Raise an `InputError` that names the first difference between the settings of two shares."""
    first, *others = folders
    expected = settings(first.read_config())
    for folder in others:
        difference = first_difference(settings(folder.read_config()), expected, "there")
        if difference is not None:
            raise InputError(
                f"Expected the settings of {first.path} in {folder.path}. Received: {difference}"
            )


def settings_of_shares(folders: Sequence[RunFolder]) -> dict[str, Any]:
    """Return the options that all shares have, by name, with tuples for lists."""
    first, *_ = folders
    options = first.read_config()["options"]
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
