"""How training ended: a word for tables and files, and a sentence for readers."""

from __future__ import annotations

from enum import StrEnum


class TrainingStatus(StrEnum):
    """How the training of a run or a model ended.

    Members are texts: tables and files hold their words, and `TrainingStatus.DIVERGED` equals
    `"diverged"`.

    Attributes:
        message: What the word means, and what to do next.

    Example:
        >>> print(TrainingStatus.FINISHED)
        finished
        >>> TrainingStatus("stopped").message
        '`should_stop` or a callback ended the training before its last epoch; in a sweep, ...'
    """

    message: str

    FINISHED = "finished", "All steps were taken."
    DIVERGED = (
        "diverged",
        "The loss left the finite numbers, or ended above ten times that of the zero kernel; try a "
        "lower learning rate.",
    )
    INTERRUPTED = (
        "interrupted",
        "A stop signal ended the run before its last step; with checkpoints, start it again to "
        "continue.",
    )
    STOPPED = (
        "stopped",
        "`should_stop` or a callback ended the training before its last epoch; in a sweep, the run "
        "had reached every target, and nothing after that was asked for.",
    )

    def __new__(cls, word: str, message: str) -> TrainingStatus:
        """Make a member whose value is the word alone."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.message = message
        return member
