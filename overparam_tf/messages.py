"""Where lines for the user are printed by default."""

from __future__ import annotations

import sys


def print_to_stderr(line: str) -> None:
    """Print one line to standard error, at once."""
    print(line, file=sys.stderr, flush=True)
