"""The command line of an experiment: from a dataclass of options to a run folder and figures."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import operator
import shlex
import signal
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NoReturn, TypeVar

from rich.console import Console

from experiments.harness.child_processes import end_with_parent
from experiments.harness.output import forgiving_output
from experiments.harness.quiet_import import import_tensorflow
from experiments.harness.shares import ShareFinished
from overparam_tf.errors import DataError, InputError, WorkerLostError, one_line
from overparam_tf.runlog import AlreadyFinished, RunFolder, RunStatus, release_locks
from overparam_tf.runlog.folder import SHARES
from overparam_tf.stopping import StopSignals

C = TypeVar("C")
# Stands for "no other default with --quick"; None may be a default itself.
_SAME = object()


@dataclass(frozen=True)
class _Default:
    """A default that is another one with `--quick`; `resolve_defaults` replaces it by a value.

    Its type tells it from a value that the command line set.
    """

    full: Any
    quick: Any


def option(
    default: Any, text: str, *, quick: Any = _SAME, within: tuple[float, float] | None = None
) -> Any:
    """Return a dataclass field with its default and its help text.

    Args:
        default: The default.
        text: What `--help` shows.
        quick: The default with `--quick`, where it is another one. The dataclass must then have a
            field `quick` and call `resolve_defaults` at the beginning of its `__post_init__`.
        within: The least and the most of a number, or of each in a tuple; default None, no limits.
            The dataclass must call `limits.check_options`, as `RunOptions` does.
    """
    if quick is not _SAME:
        default = _Default(default, quick)
    return dataclasses.field(default=default, metadata={"help": text, "within": within})


def resolve_defaults(options: Any) -> None:
    """Replace the defaults that depend on the field `quick` by their values.

    Example:
        >>> @dataclass(frozen=True)
        ... class Options:
        ...     quick: bool = option(False, "a short run")
        ...     steps: int = option(600_000, "how many", quick=1_000)
        ...
        ...     def __post_init__(self):
        ...         resolve_defaults(self)
        >>> Options().steps, Options(quick=True).steps, Options(quick=True, steps=5).steps
        (600000, 1000, 5)
    """
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if isinstance(value, _Default):
            chosen = value.quick if options.quick else value.full
            object.__setattr__(options, field.name, chosen)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line instead of the usage and a line."""
        self.exit(2, f"{self.prog}: error: {one_line(message, 500)}; see --help\n")


def parse(options_class: type[C], prog: str, arguments: Sequence[str] | None = None) -> C:
    """Read the command line into an instance of a dataclass.

    A field of type bool becomes a pair of flags `--name` / `--no-name`, a tuple takes one or more
    values, a `Literal` takes one of its values, and `X | None` what X takes.

    Args:
        options_class: A dataclass whose fields were made by `option`.
        prog: The program's name in messages.
        arguments: Default `sys.argv[1:]`.
    """
    parser = _Parser(
        prog=prog,
        description=options_class.__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = typing.get_type_hints(options_class)
    for field in dataclasses.fields(options_class):
        text = field.metadata["help"] + _notes(field)
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            default=field.default,
            help=text.replace("%", "%%"),
            **_argparse_keywords(kinds[field.name]),
        )
    values = vars(parser.parse_args(arguments))
    return options_class(
        **{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    )


def _notes(field: dataclasses.Field) -> str:
    """Return the limits of an option and its default, in brackets."""
    notes, default = [], field.default
    if field.metadata["within"] is not None:
        notes.append(" to ".join(map(_number_text, field.metadata["within"])))
    if isinstance(default, _Default):
        notes.append(f"default: {_shown(default.full)}, with --quick {_shown(default.quick)}")
    elif default is not None:
        notes.append(f"default: {_shown(default)}")
    return f" ({'; '.join(notes)})" if notes else ""


def _number_text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _argparse_keywords(kind: Any) -> dict[str, Any]:
    """Return the keywords of `add_argument` for a field of type `kind`."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _argparse_keywords(next(part for part in inner if part is not type(None)))
    if origin is Literal:
        return {"choices": inner}
    if origin is tuple:
        return {**_argparse_keywords(inner[0]), "nargs": "+"}
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"type": kind, "metavar": kind.__name__.upper()}


class PartOfRun(Exception):
    """A run ended with a part of its results, of which nothing can be drawn; the part is saved.

    Attributes:
        folder: The run folder.
    """

    def __init__(self, folder: RunFolder, done: str):
        super().__init__(done)
        self.folder = folder


@dataclass(frozen=True)
class Experiment(Generic[C]):
    """An experiment as the command line runs it: `run` trains, `draw` shows the run folder.

    Attributes:
        name: Its name, also that of its folder under the log folder.
        options_class: The class of its options, a dataclass based on `options.RunOptions`.
        run: Trains and returns the run folder; None in a worker that is not the chief.
        draw: Draws figures and prints tables and verdicts, from a run folder alone.
    """

    name: str
    options_class: type[C]
    run: Callable[[C], RunFolder | None]
    draw: Callable[[RunFolder, Console], None]

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run the experiment, or open the run to redraw, then draw.

        Bad input, a full disk and the like are one line on standard error and exit code 2, no
        traceback. After a stop signal the part that was trained is drawn; the exit code is then
        130 after Ctrl-C and 143 after `kill`.

        Args:
            arguments: Default `sys.argv[1:]`.
        """
        with exit_codes(self.name) as stop:
            self.run_with(parse(self.options_class, self.name, arguments), stop)

    def run_with(self, options: C, stop: StopSignals) -> None:
        """Run the experiment with these options, or open the run to redraw, then draw.

        Args:
            options: The options.
            stop: The signals that `exit_codes` watches.
        """
        # Imported here, since it imports Keras.
        from experiments.harness.keras_settings import own_keras_settings

        # Piped output has no width of its own; 80 columns would cut the tables.
        width = None if sys.stdout.isatty() else 120
        console = Console(quiet=options.quiet, soft_wrap=True, width=width)
        with own_keras_settings():
            if options.redraw is not None:
                folder = RunFolder.open(options.logdir, self.name, options.redraw)
                self._redraw(folder, console)
            else:
                if getattr(options, "join", None) is not None:
                    options = options.of_shares(self.name)
                folder = self._train(options, console, stop)
            if folder is None:
                return
            console.print(f"Run folder: {folder.path}", highlight=False, markup=False)

    def _train(self, options: C, console: Console, stop: StopSignals) -> RunFolder | None:
        """Run, write to the folder whether the run is finished or was interrupted, and draw it.

        Returns:
            The folder if there was something to draw.
        """
        from overparam_tf.distributed.workers import ChiefEnded  # it imports TensorFlow

        try:
            folder = self.run(options)
        except ShareFinished as finished:
            finished.folder.write_status(RunStatus.FINISHED)
            console.print(str(finished), highlight=False, markup=False)
            return None
        except PartOfRun as part:
            part.folder.write_status(RunStatus.INTERRUPTED)
            print(f"Interrupted: {part}. {_how_to_continue(part.folder)}", file=sys.stderr)
            return None
        except AlreadyFinished as finished:
            console.print(str(finished), highlight=False, markup=False)
            self._redraw(finished.folder, console)
            return finished.folder
        except ChiefEnded as ended:
            console.print(str(ended), highlight=False, markup=False)
            return None
        if folder is None:
            return None
        if stop.signal is None:
            folder.write_status(RunStatus.FINISHED)
        else:
            folder.write_status(RunStatus.INTERRUPTED)
            print(f"Interrupted. {_how_to_continue(folder)} Drawing ..", file=sys.stderr)
        self.draw(folder, console)
        return folder

    def _redraw(self, folder: RunFolder, console: Console) -> None:
        """Draw a run folder that another version may have written, or something else.

        Raises:
            DataError: If it is not what this experiment writes.
        """
        try:
            self.draw(folder, console)
        except (InputError, OSError):
            raise
        except Exception as error:  # what a foreign file may hold has no end
            reason = one_line(f"{type(error).__name__}: {error}", 300)
            raise DataError(
                f"Expected a run of {self.name} in {folder.path}. "
                f"Received: files that cannot be drawn, {reason}"
            ) from error


def run_program(
    name: str, options_class: type, module: str, start: str = "EXPERIMENT.run_with"
) -> None:
    """Read the command line, then import TensorFlow and a module, and start it with the options.

    So `--help` and bad input need not wait for seconds of imports.

    Args:
        name: The name of the experiment.
        options_class: The class of its options, from a module that imports neither TensorFlow nor
            Keras.
        module: The module.
        start: What it calls with the options and the stop signals; default the `run_with` of its
            `EXPERIMENT`.
    """
    with exit_codes(name) as stop:
        options = parse(options_class, name)
        if getattr(options, "redraw", None) is not None:
            RunFolder.open(options.logdir, name, options.redraw)  # or it is refused
        import_tensorflow()
        operator.attrgetter(start)(importlib.import_module(module))(options, stop)


def _how_to_continue(folder: RunFolder) -> str:
    if folder.path.parent.name == SHARES:
        return "The same command continues it."
    return f"The same command with --name {shlex.quote(folder.name)} continues it."


@contextlib.contextmanager
def exit_codes(name: str) -> Iterator[StopSignals]:
    """Open a block in which errors and stop signals end the program as a shell expects it.

    An error is one line and exit code 2; a stop signal is exit code 128 + its number.

    Args:
        name: The command's name in messages.
    """
    end_with_parent()
    with StopSignals() as stop, forgiving_output():
        code = 2
        try:
            yield stop
            code = 0
        except (InputError, WorkerLostError) as error:
            print(f"{name}: error: {one_line(str(error))}", file=sys.stderr)
        except OSError as error:
            remedy = (
                "What was saved before is intact; make room or choose another folder, "
                "and run it again"
            )
            print(f"{name}: error: {one_line(str(error))}. {remedy}", file=sys.stderr)
        except KeyboardInterrupt:
            print(f"{name}: interrupted", file=sys.stderr)
            code = 128 + signal.SIGINT
        finally:
            release_locks()
    if stop.signal is not None:
        code = 128 + stop.signal
    if code:
        raise SystemExit(code)
