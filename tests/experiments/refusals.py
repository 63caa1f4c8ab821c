"""What every experiment's command line owes to bad input."""

from __future__ import annotations

import pytest


def assert_refused(name, main, arguments, logdir, capsys):
    """Exit code 2, one line on standard error that begins with the program's name, and nothing written."""
    with pytest.raises(SystemExit) as caught:
        main(["--logdir", str(logdir), *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{name}: error: ") and error.count("\n") == 1
    assert not logdir.exists()
