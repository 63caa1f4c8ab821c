"""The answer of every command line to bad input."""

from __future__ import annotations

import pytest


def assert_refused(name, main, arguments, logdir, capsys):
    """Assert that a command line refuses its arguments.

    The exit code is 2, standard error has one line that begins with the program's name, and nothing
    is written.
    """
    with pytest.raises(SystemExit) as caught:
        main(["--logdir", str(logdir), *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{name}: error: ") and error.count("\n") == 1
    assert not logdir.exists()
