"""Processes that start as copies of one that has imported TensorFlow already.

`python -m MODULE` takes seconds for its imports; a copy takes none.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.imported"])


def start(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: Path,
    errors: Path | None = None,
) -> BaseProcess:
    """Start `python -m MODULE ARGUMENTS` and return the process.

    Args:
        module: The module.
        arguments: Its command line.
        environment: Variables that it has besides those of this process.
        output: The file that its standard output is added to.
        errors: The file for its standard error; default None, `output`.
    """
    files = str(output), str(errors or output)
    variables = {**os.environ, **environment}
    process = _CONTEXT.Process(target=_run, args=(module, list(arguments), variables, files))
    process.start()
    return process


def _run(
    module: str, arguments: list[str], environment: dict[str, str], files: tuple[str, str]
) -> None:
    for descriptor, path in zip((1, 2), files, strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
