"""Child processes that end when their parent ends, in whatever way."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

# The environment variable that tells a child its parent.
PARENT = "OVERPARAM_TF_PARENT"
SECONDS_BETWEEN_LOOKS = 1.0
# Linux sends a signal to a process whose parent ends: PR_SET_PDEATHSIG is 1. It stays set when the
# process becomes another program. Elsewhere the program itself looks for its parent: see
# `end_with_parent`.
_BIND = """
import os, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != parent:
    sys.exit(143)
os.environ["OVERPARAM_TF_PARENT"] = str(parent)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def bound_to_this_process(command: Sequence[str]) -> list[str]:
    """Return a command that does what `command` does, and gets SIGTERM when this process ends.

    It is to be started by the thread that lives as long as this process.
    """
    if os.name != "posix":
        return list(command)
    return [sys.executable, "-S", "-c", _BIND, str(os.getpid()), *command]


def end_with_parent() -> None:
    """Send SIGTERM to this process when the parent that bound it has ended.

    Linux does so by itself; other systems have no such call.
    """
    parent = os.environ.pop(PARENT, None)  # not for the children of this process
    if parent is None or sys.platform == "linux":
        return

    def watch() -> None:
        while str(os.getppid()) == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
