"""A frozen dataclass becomes a command line; bad input becomes one line and exit code 2."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shlex
import signal
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NoReturn, TypeVar

from rich.console import Console

from experiments.continuing import AlreadyFinished, ChiefEnded
from overparam_tf.errors import InputError, WorkerLostError
from overparam_tf.runlog import RunFolder, release_locks
from overparam_tf.stopping import StopSignals

C = TypeVar("C")


def option(default: Any, text: str) -> Any:
    """A dataclass field with its default and the text that `--help` shows for it."""
    return dataclasses.field(default=default, metadata={"help": text})


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the usage and a line."""
        self.exit(2, f"{self.prog}: error: {message}; see --help\n")


def parse(config_class: type[C], prog: str, arguments: Sequence[str] | None = None) -> C:
    """Reads the command line into a config.

    A field of type bool becomes a pair of flags `--name` / `--no-name`, a tuple takes one or more values, a
    `Literal` takes one of its values, and `X | None` what X takes.

    Args:
        config_class: a dataclass whose fields were made by `option`.
        prog: the program's name in messages.
        arguments: default `sys.argv[1:]`.
    """
    parser = _Parser(
        prog=prog,
        description=config_class.__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        shown = field.default if not isinstance(field.default, tuple) else " ".join(map(str, field.default))
        text = field.metadata["help"] + ("" if field.default is None else f" (default: {shown})")
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, default=field.default, help=text.replace("%", "%%"), **_taking(kinds[field.name]))
    values = vars(parser.parse_args(arguments))
    return config_class(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def _taking(kind: Any) -> dict[str, Any]:
    """The argparse arguments for a field of type `kind`."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _taking(next(part for part in inner if part is not type(None)))
    if origin is Literal:
        return {"choices": inner}
    if origin is tuple:
        return {**_taking(inner[0]), "nargs": "+"}
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"type": kind, "metavar": kind.__name__.upper()}


def launch(
    name: str,
    config_class: type[C],
    run: Callable[[C], RunFolder | None],
    draw: Callable[[RunFolder, Console], None],
    arguments: Sequence[str] | None = None,
) -> None:
    """An experiment's `main`: run (or open the run to redraw), then draw, from the folder alone.

    Bad input, a full disk and the like are one line on standard error and exit code 2, no traceback. After a stop
    signal whatever was trained is drawn; exit code 130 after Ctrl-C, 143 after `kill`.

    Args:
        name: the experiment's name, also its folder's under the log folder.
        config_class: its options, a dataclass on `experiments.options.RunOptions`.
        run: trains and returns the run folder; None in a process that only helped another one to.
        draw: draws figures and prints tables and verdicts from a run folder.
        arguments: default `sys.argv[1:]`.
    """
    with exit_codes(name) as stop:
        config = parse(config_class, name, arguments)
        # Piped output has no width of its own; 80 columns would cut the tables.
        console = Console(quiet=config.quiet, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
        if config.redraw is not None:
            folder = RunFolder.open(config.logdir, name, config.redraw)
        else:
            folder = _run(run, config, console, stop)
        if folder is None:
            return
        draw(folder, console)
        console.print(f"Run folder: {folder.path}", highlight=False, markup=False)


def _run(run: Callable[[C], RunFolder | None], config: C, console: Console, stop: StopSignals) -> RunFolder | None:
    try:
        folder = run(config)
    except AlreadyFinished as finished:
        console.print(str(finished), highlight=False, markup=False)
        return finished.folder
    except ChiefEnded as ended:
        console.print(str(ended), highlight=False, markup=False)
        return None
    if folder is None:
        return None
    if stop.signal is None:
        folder.write_status(RunFolder.FINISHED)
    else:
        folder.write_status(RunFolder.INTERRUPTED)
        hint = f"--name {shlex.quote(folder.name)}"
        print(f"Interrupted; the same command with {hint} continues it. Drawing ..", file=sys.stderr)
    return folder


@contextlib.contextmanager
def exit_codes(name: str) -> Iterator[StopSignals]:
    """What a command owes to the shell: an error in one line and exit code 2, or 128 + the number of a stop signal.

    Args:
        name: the command's name in messages.
    """
    with StopSignals() as stop:
        code = 2
        try:
            yield stop
            code = 0
        except (InputError, WorkerLostError) as error:
            print(f"{name}: error: {error}", file=sys.stderr)
        except OSError as error:
            remedy = "What was saved before is intact; make room or choose another folder, and run it again"
            print(f"{name}: error: {error}. {remedy}", file=sys.stderr)
        except KeyboardInterrupt:
            print(f"{name}: interrupted", file=sys.stderr)
            code = 128 + signal.SIGINT
        finally:
            release_locks()
    if stop.signal is not None:
        code = 128 + stop.signal
    if code:
        raise SystemExit(code)
