"""Public names as a type checker sees them: mypy itself runs in `.ci/run`."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import overparam_tf


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
