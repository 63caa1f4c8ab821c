"""The design: which part imports which, no cycles, no TensorFlow in parts for every backend."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import overparam_tf

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("overparam_tf", "experiments")
    for path in sorted((ROOT / package).rglob("*.py"))
}
# The flow of the design, early to late: a part imports only parts before it.
ORDER = [
    ("errors", "_version", "_blas_threads"),
    ("checks", "messages", "memory"),
    ("_shapes", "_arrays", "atomic_files"),
    ("losses", "initializers", "regularizers"),
    ("dynamics", "products"),
    ("layers", "optimizers", "datasets"),
    ("surgery", "callbacks", "floor", "emulation"),
    ("checkpoints", "stopping", "progress", "status"),
    ("distributed",),
    ("sweep",),
    ("runlog",),
    ("comparison",),
]
NO_TENSORFLOW = (
    "checks",
    "losses",
    "initializers",
    "regularizers",
    "dynamics",
    "products",
    "layers",
    "optimizers",
    "datasets",
    "surgery",
    "callbacks.singular_values",
    "callbacks.watched_layers",
    "checkpoints",
    "stopping",
    "comparison",
)


def imports(module: str) -> set[str]:
    """Return the modules that `module` imports anywhere, also within functions and for types.

    A from-import of a submodule counts as the submodule.
    """
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_the_library_never_imports_experiments():
    offenders = [
        m
        for m in MODULES
        if m.startswith("overparam_tf") and any("experiments" in i for i in imports(m))
    ]
    assert not offenders


def test_parts_import_only_parts_before_them():
    rank = {name: index for index, names in enumerate(ORDER) for name in names}
    for module in MODULES:
        if not module.startswith("overparam_tf."):
            continue
        for imported in imports(module):
            if imported.startswith("overparam_tf.") and part(imported) != part(module):
                assert rank[part(imported)] < rank[part(module)], f"{module} imports {imported}"


def test_no_import_cycles():
    graph = {module: imports(module) & set(MODULES) - {module} for module in MODULES}
    tuple(
        graphlib.TopologicalSorter(graph).static_order()
    )  # raises a CycleError that names the cycle


def test_no_private_module_is_imported_across_packages():
    offenders = []
    for module in MODULES:
        for imported in imports(module) & set(MODULES):
            package, _, name = imported.rpartition(".")
            if name.startswith("_") and module != package and not module.startswith(f"{package}."):
                offenders.append(f"{module} imports {imported}")
    assert not offenders


def test_no_module_has_the_name_of_a_public_object_of_its_package():
    """A type checker, and any import of the module after the package, would take it for that."""
    packages = {
        module.rpartition(".")[0] for module in MODULES if module.startswith("overparam_tf.")
    }
    for name in packages:
        public = set(getattr(importlib.import_module(name), "__all__", ()))
        modules = {module.rpartition(".")[2] for module in MODULES if module.startswith(f"{name}.")}
        assert not public & modules, name


def test_experiments_is_a_house_of_few_rooms():
    entries = [path.name for path in (ROOT / "experiments").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 20, sorted(entries)


@pytest.mark.parametrize("name", NO_TENSORFLOW)
def test_parts_for_every_backend_import_no_tensorflow(name):
    for module in MODULES:
        if f"{module}.".startswith(f"overparam_tf.{name}."):
            assert not {i for i in imports(module) if i.split(".")[0] == "tensorflow"}, module


def test_dynamics_is_pure():
    allowed = {"overparam_tf.errors", "overparam_tf.checks", "overparam_tf.dynamics"}
    for module in MODULES:
        if part(module) == "dynamics":
            ours = {i for i in imports(module) if i.startswith("overparam_tf")}
            assert all(any(i.startswith(prefix) for prefix in allowed) for i in ours), module


@pytest.mark.parametrize("name", overparam_tf.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(overparam_tf, name)
    assert name == "__version__" or value.__doc__


def loaded(modules: str, watched: set[str], **environment: str) -> set[str]:
    """Which of the watched modules a fresh process has loaded after importing the given ones."""
    code = f"import sys, {modules}; print(*({watched} & set(sys.modules)))"
    options = {"capture_output": True, "text": True, "env": {**os.environ, **environment}}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, **options)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_package_itself_loads_nothing_heavy():
    assert not loaded("overparam_tf", {"tensorflow", "keras", "pandas"})


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_parts_for_every_backend_load_none_but_their_own(backend):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    parts = ", ".join(f"overparam_tf.{name}" for name in (*NO_TENSORFLOW, "callbacks"))
    assert loaded(parts, {"tensorflow", backend}, KERAS_BACKEND=backend) == {backend}
