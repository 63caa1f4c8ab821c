"""The flags of XLA under which the tests compile: most programs are small, and run once."""

from __future__ import annotations

import importlib.metadata

# XLA ends the process at a flag that it does not know, so that they are set for the versions that
# they were tried on.
TRIED = {"tensorflow": "2.21.", "jaxlib": "0.10."}
FAST = (
    # Emit all loops into one module of LLVM, not one each.
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
)


def fast_compilation() -> str:
    """Return the flags, or none if an installed version is another.

    With them XLA compiles a sweep in a quarter of the time.
    """
    return " ".join(FAST) if all(map(_is_tried, TRIED)) else ""


def _is_tried(package: str) -> bool:
    try:
        return importlib.metadata.version(package).startswith(TRIED[package])
    except importlib.metadata.PackageNotFoundError:
        return True
