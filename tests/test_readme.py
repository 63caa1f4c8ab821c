"""Every README: its Python blocks run as they stand; its commands, links and anchors exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from tests.backends import needs_tensorflow

ROOT = Path(__file__).parents[1]


def matches(pattern: str) -> list[tuple[str, str]]:
    """Return the matches of a pattern with one group in all READMEs, as (README, group)."""
    return sorted(
        {
            (readme, match)
            for readme, text in READMES.items()
            for match in re.findall(pattern, text, re.DOTALL | re.MULTILINE)
        }
    )


def is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


PATHS = [path.relative_to(ROOT) for path in sorted(ROOT.rglob("README.md"))]
READMES = {str(path): (ROOT / path).read_text() for path in PATHS if not is_hidden(path)}
BLOCKS = [
    pytest.param(
        readme,
        block,
        id=f"{readme}: {block.splitlines()[0]}",
        marks=needs_tensorflow
        if re.search(r"Sweep|get_strategy|experiments|TensorBoard|keras_tuner", block)
        else (),
    )
    for readme, block in matches(r"^```python\n(.*?)^```")
]
# Capitals stand for a name of the reader's own: experiments.NAME.
MODULES = matches(r"python -m (experiments(?:\.[a-z_0-9]+)+)")
# The first column of the table of experiments, whose head is `python -m experiments.`.
TABLE = matches(r"^\| `python -m experiments\.` (.*?)^\n")
LISTED = re.findall(r"^\| `(\w+)`", "\n".join(rows for _, rows in TABLE), re.MULTILINE)
COMMANDS = matches(r"python -m experiments\.((?:benchmarks\.)?[a-z_0-9]+(?: +[^`#\n]+)?)")


def test_the_readmes_are_found():
    assert {"README.md", "experiments/README.md", "logs/README.md", "data/README.md"} <= set(
        READMES
    )
    assert BLOCKS and MODULES and len(LISTED) >= 10


# KerasTuner calls a function of Python's threading that is deprecated.
@pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")
@pytest.mark.parametrize(("readme", "block"), BLOCKS)
def test_python_blocks_run(readme, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, readme, "exec"), {})


@needs_tensorflow
@pytest.mark.parametrize("module", sorted({module for _, module in MODULES}))
def test_commands_name_modules_that_exist(module):
    assert importlib.util.find_spec(module)


@needs_tensorflow
@pytest.mark.parametrize("name", LISTED)
def test_the_table_names_experiments_that_exist(name):
    assert importlib.util.find_spec(f"experiments.{name}")


@needs_tensorflow
@pytest.mark.parametrize("command", sorted({command for _, command in COMMANDS}))
def test_the_options_of_commands_exist(command):
    from experiments.harness.parsing import parse
    from experiments.harness.registry import EXPERIMENTS
    from tests.experiments.loading import load_experiment

    # What a shell or a scheduler fills in is a number; a line may go on, or end a quotation.
    filled = re.sub(r"\$\w+|\{\}", "1", command).rstrip("\\' ")
    module, *options = shlex.split(filled)
    name = module.removeprefix("benchmarks.")
    if options and name in {entry.name for entry in EXPERIMENTS}:
        parse(load_experiment(name).options_class, name, options)


LINKS = matches(r"\]\(([\w/.#-]+)\)")


@pytest.mark.parametrize(("readme", "link"), LINKS, ids=[": ".join(link) for link in LINKS])
def test_links_lead_to_files_and_headings(readme, link):
    path, _, anchor = link.partition("#")
    target = (ROOT / readme).parent / path if path else ROOT / readme
    assert target.exists()
    if anchor:
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}
