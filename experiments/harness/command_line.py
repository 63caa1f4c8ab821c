"""An experiment as a command: from its options to a run folder, figures and an exit code."""

from __future__ import annotations

import contextlib
import importlib
import operator
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.console import Console

from experiments.harness.child_processes import end_with_parent
from experiments.harness.output import forgiving_output
from experiments.harness.parsing import parse
from experiments.harness.quiet_import import import_tensorflow
from experiments.harness.shares import ShareFinished
from overparam_tf.errors import DataError, InputError, WorkerLostError, one_line
from overparam_tf.runlog import AlreadyFinished, RunFolder, RunStatus, release_locks
from overparam_tf.runlog.folder import SHARES
from overparam_tf.stopping import StopSignals

C = TypeVar("C")


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
        except Exception as error:  # a foreign file may hold anything
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
