"""What a run should tell about where it came from: time, command line, commit, versions, machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

PACKAGES = ("overparam_tf", "tensorflow", "keras", "numpy", "pandas", "matplotlib", "tensorboard")


def environment() -> dict[str, object]:
    """Time, command line, commit (None outside a checkout), versions, machine and devices, as JSON-ready values."""
    import tensorflow as tf

    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "machine": machine(),
        "devices": [
            f"{device.device_type}: {device.name}" for device in tf.config.list_logical_devices()
        ],
    }


def machine() -> str:
    """The kind of machine in a line, e.g. `"Linux x86_64, AMD EPYC, 2 cores"`."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        pass
    return f"{platform.system()} {platform.machine()}, {processor}, {os.cpu_count()} cores"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The checkout's commit, with `+` if tracked files were changed since."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = subprocess.run(
            ["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10
        )
        status = subprocess.run(
            ["git", "-C", root, "status", "--porcelain", "-uno"],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    changed = "+" if status.stdout.strip() else ""
    return commit.stdout.strip() + changed if commit.returncode == 0 else None
