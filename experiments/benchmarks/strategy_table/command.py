"""The command `python -m experiments.benchmarks.strategy_table`, and the table that it prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.benchmarks.strategy_table.cases import (
    LOOPS,
    STEPS_PER_CALL,
    Case,
    Result,
    loop_cases,
    sweep_cases,
)
from experiments.benchmarks.strategy_table.processes import measure_in_processes, write_line
from experiments.harness.command_line import exit_codes
from experiments.harness.parsing import option, parse
from overparam_tf.checks import positive_int

# Logical devices and workers by name.
STRATEGIES = {
    "one CPU": (1, 1),
    "mirrored, 2 CPUs": (2, 1),
    "mirrored, 4 CPUs": (4, 1),
    "2 workers": (1, 2),
    "3 workers": (1, 3),
}


@dataclass(frozen=True)
class Config:
    """Compare our loop, a sweep and Keras's `fit` under every strategy; print a Markdown table."""

    measure: int | None = option(
        None, "only measure on this many devices in this process, and print JSON lines"
    )

    def __post_init__(self) -> None:
        if self.measure is not None:
            positive_int("measure", self.measure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every strategy and print the table.

    Args:
        arguments: Default `sys.argv[1:]`.
    """
    with exit_codes("strategy_table"):
        options = parse(Config, "strategy_table", arguments)
        if options.measure is not None:
            from experiments.benchmarks.strategy_table.measure import measure

            for case, result in measure(options.measure):
                print(write_line(case, result), flush=True)
            return
        results = {name: measure_in_processes(*place) for name, place in STRATEGIES.items()}
        for line in table_lines(results):
            print(line, flush=True)


def table_lines(results: dict[str, dict[Case, Result]]) -> Iterator[str]:
    """Yield the lines to print: a table of the loops in Markdown, and a line for each sweep.

    Args:
        results: The results by strategy and case.
    """

    def cell(strategy: str, case: Case, reference: Case) -> str:
        result = results[strategy].get(case)
        if result is None:
            return "hangs or ends"
        return result.cell(results["one CPU"][reference].losses)

    heads = [f"{steps} a call{xla}" for xla in ("", ", XLA") for steps in STEPS_PER_CALL]
    yield f"| strategy | loop | {' | '.join(heads)} |"
    yield "|---" * (2 + len(heads)) + "|"
    for strategy in results:
        for loop in LOOPS:
            cells = [cell(strategy, case, Case("fit", False, 1)) for case in loop_cases(loop)]
            yield f"| {strategy} | `{loop}` | {' | '.join(cells)} |"
    for strategy in results:
        for case in sweep_cases():
            yield f"{case.loop}, {strategy}: {cell(strategy, case, case)}"
