"""`python -m experiments.benchmarks.step_cost.keep_release`: a run for the history of releases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.harness.command_line import exit_codes
from experiments.harness.parsing import option, parse
from overparam_tf.errors import InputError


@dataclass(frozen=True)
class Config:
    """Keep the cost of a run-step of a finished run of step_cost as that of its version."""

    run: str | None = option(None, "name of the run; it must have the part contest")
    logdir: str = option("logs", "the log folder")
    replace: bool = option(False, "replace what is kept of the same version")
    note: str = option("", "what a reader must know of it, such as: busy machine")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; `arguments` defaults to `sys.argv[1:]`."""
    with exit_codes("keep_release"):
        options = parse(Config, "keep_release", arguments)
        if options.run is None:
            raise InputError("Expected the name of a run of step_cost. Received: no --run")
        # Imported here, since it imports pandas.
        from experiments.benchmarks.step_cost.history import keep

        print(f"Release: {keep(options.logdir, options.run, options.note, options.replace)}")


if __name__ == "__main__":
    main()
