"""The list of experiments: every entry has a module and a docstring that asks its question."""

from __future__ import annotations

import ast
import importlib.util

import pytest

from experiments.harness.registry import EXPERIMENTS, module_of, source_of

NAMES = [entry.name for entry in EXPERIMENTS]


@pytest.mark.parametrize("entry", EXPERIMENTS, ids=NAMES)
def test_every_entry_has_a_module_that_explains_itself(entry):
    assert module_of(entry.name) == entry.module
    source = source_of(entry.name)
    assert str(source) == importlib.util.find_spec(entry.module).origin
    docstring = ast.get_docstring(ast.parse(source.read_text()))
    assert f"python -m {entry.module}" in docstring


def test_no_name_is_listed_twice():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", ["made_up", "with.a.dot", "with a space"])
def test_other_names_have_no_source(name):
    assert module_of(name) == f"experiments.{name}" and source_of(name) is None
