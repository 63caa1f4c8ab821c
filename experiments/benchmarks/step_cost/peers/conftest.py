"""Leave workers whose library is not installed out when pytest collects doctests."""

import importlib.util

LIBRARIES = {
    "with_jax.py": ("jax",),
    "with_numba.py": ("numba",),
    "with_torch.py": ("torch",),
}
collect_ignore = [
    file
    for file, libraries in LIBRARIES.items()
    if any(importlib.util.find_spec(library) is None for library in libraries)
]
