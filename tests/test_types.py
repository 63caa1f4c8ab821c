"""Public names as a type checker sees them: mypy itself runs in `.ci/run`."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import types
from pathlib import Path

import pytest

import overparam_tf

PACKAGES = [
    "overparam_tf",
    *(
        package.name
        for package in pkgutil.walk_packages(overparam_tf.__path__, "overparam_tf.")
        if package.ispkg
    ),
]


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_has_the_name_of_a_public_function(name):
    """Guard against a name such as `overparam_tf.collapse` being a module to a type checker."""
    package = importlib.import_module(name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    values = {entry: getattr(package, entry) for entry in package.__all__}
    public = {entry for entry, value in values.items() if not isinstance(value, types.ModuleType)}
    assert not modules & public


def test_a_type_checker_finds_every_flat_name_where_it_is_imported_from():
    tree = ast.parse(Path(overparam_tf.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    for_checkers = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(for_checkers) == sorted(set(overparam_tf.__all__) - {"__version__"})
    for name, module in for_checkers.items():
        value = getattr(importlib.import_module(module), name)
        assert value is getattr(overparam_tf, name)
