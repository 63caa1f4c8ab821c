"""The origin of a run: time, command line, commit, versions, machine, devices."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from overparam_tf._version import __version__

PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "matplotlib", "tensorboard")
# Variables that choose other kernels or other programs for the same operations: other last bits.
NUMERIC_VARIABLES = (
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
    "NVIDIA_TF32_OVERRIDE",
)


def environment() -> dict[str, object]:
    """Return the origin of a run that starts now, JSON-ready; outside a checkout commit is None."""
    import keras

    backend = keras.config.backend()
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "commit": _commit(),
        "python": platform.python_version(),
        # Ours is that of the code that runs, which may not be the one that was installed.
        "versions": {"overparam_tf": __version__}
        | {name: _version(name) for name in dict.fromkeys((*PACKAGES, backend))},
        "machine": machine(),
        "keras": {
            "backend": backend,
            "floatx": keras.config.floatx(),
            "image_data_format": keras.config.image_data_format(),
        },
        "devices": _devices(backend),
        "variables": {name: os.environ[name] for name in NUMERIC_VARIABLES if name in os.environ},
    }


def machine() -> str:
    """Return the kind of machine in one line, such as "Linux x86_64, AMD EPYC, 2 cores"."""
    kind = f"{platform.system()} {platform.machine()}"
    return f"{kind}, {_processor()}, {os.cpu_count()} cores"


def _devices(backend: str) -> list[str]:
    """Return the devices that a backend sees, such as "GPU: NVIDIA H200"."""
    if backend == "jax":
        import jax

        return [f"{device.platform.upper()}: {device.device_kind}" for device in jax.devices()]
    if backend == "torch":
        import torch

        gpus = range(torch.cuda.device_count())
        return [f"GPU: {torch.cuda.get_device_name(index)}" for index in gpus] or ["CPU: cpu"]
    import tensorflow as tf

    return [f"{device.device_type}: {device.name}" for device in tf.config.list_logical_devices()]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            _, _, name = line.partition(":")
            return name.strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the checkout, with `+` if tracked files differ from it."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "-uno")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+" if changes else commit


def _git(root: Path, *arguments: str) -> str:
    """Return the output of a git command."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
