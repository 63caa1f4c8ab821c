"""NumPy's linear algebra on one thread, for many small matrices."""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

# The names of OpenBLAS's functions in the builds that NumPy comes with, newest first.
_NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy's decompositions run on one thread.

    An SVD of a few hundred rows is thousands of tiny products, between which the threads of
    OpenBLAS wait for one another: on two busy cores it takes ten times as long with them. With
    another library than OpenBLAS nothing changes.

    Example:
        >>> with one_blas_thread():
        ...     values = np.linalg.svd(np.eye(3), compute_uv=False)
        >>> print(values)
        [1. 1. 1.]
    """
    controls = _controls()
    if controls is None:
        yield
        return
    get, set = controls
    before = get()
    set(1)
    try:
        yield
    finally:
        set(before)


@functools.cache
def _controls() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return OpenBLAS's functions that read and set the number of threads; None without it."""
    for path in sorted(Path(np.__file__).parents[1].glob("numpy.libs/*openblas*")):
        with contextlib.suppress(OSError):
            library = ctypes.CDLL(str(path))  # loaded already, by NumPy
            for name in _NAMES:
                if hasattr(library, name.format("set")):
                    return getattr(library, name.format("get")), getattr(
                        library, name.format("set")
                    )
    return None
