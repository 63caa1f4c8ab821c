"""The README's Python blocks run as they stand, one after the other, and its commands name what exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.backends import needs_tensorflow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            block,
            id=block.splitlines()[0],
            marks=needs_tensorflow if re.search("Sweep|get_strategy", block) else (),
        )
        for block in BLOCKS
    ],
)
def test_python_blocks_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})


@needs_tensorflow
@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m (experiments\.\w+)", README))))
def test_commands_name_modules_that_exist(module):
    assert importlib.util.find_spec(module)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w/.-]+)\)", README))))
def test_links_lead_to_files(path):
    assert (ROOT / path).exists()
