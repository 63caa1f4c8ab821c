"""The memory of this machine, and requests that are refused before they fill it."""

from __future__ import annotations

from pathlib import Path

from overparam_tf.errors import input_error

# Of memory that is free, and of limits of a container.
_MEMINFO = Path("/proc/meminfo")
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def available_memory() -> int | None:
    """Return how many bytes this process may still take, about; None if the system does not say."""
    amounts = []
    for path in (_MEMINFO, *_LIMITS):
        try:
            amounts.append(_bytes_in(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # no such file; a limit called max
            continue
    return min(amounts, default=None)


def require_memory(what: str, size: float, /, **received: object) -> None:
    """Raise an `InputError` if a request would take more memory than there is.

    Args:
        what: What takes it, for the message.
        size: About how many bytes.
        **received: The arguments that make it so large, for the message.

    Raises:
        InputError: If `size` is above the memory that is available.

    Example:
        >>> require_memory("a table", 1e3, rows=10)
        >>> require_memory("a table", 1e21, rows=10**18)
        Traceback (most recent call last):
        overparam_tf.errors.InputError: Expected a table that fits into memory...
    """
    available = available_memory()
    if available is not None and size > available:
        gibibytes = {"needed": size / 2**30, "available": available / 2**30}
        words = ", ".join(f"{amount:,.0f} GiB {name}" for name, amount in gibibytes.items())
        raise input_error(f"{what} that fits into memory ({words})", **received)


def _bytes_in(text: str) -> int:
    """Return the bytes that /proc/meminfo or a file of a limit names.

    Example:
        >>> _bytes_in("MemTotal: 9 kB\\nMemAvailable: 2 kB\\n"), _bytes_in("4096\\n")
        (2048, 4096)
    """
    for line in text.splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return 1024 * int(amount.split()[0])
    return int(text)
