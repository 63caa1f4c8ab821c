"""A run of optimizer_compare in a process of its own, slow enough to be watched and killed."""

from __future__ import annotations

import contextlib
import os
import time

from overparam_tf.runlog.event_file import PATTERN, read_summaries
from tests.processes import start

# With this pause after each call a part takes twelve seconds or more: see `main`.
STEPS, STEPS_PER_CALL, PAUSE = 1200, 20, 0.2
OPTIONS = ["--steps", str(STEPS), "--depths", "1", "2", "--learning-rates", "0.0001", "0.001"]


@contextlib.contextmanager
def watched_run(logdir, pause=PAUSE):
    """Yield the process of a run, new or continued, that has trained for some seconds."""
    arguments = ["--logdir", str(logdir), "--name", "run", "--quiet", *OPTIONS]
    log = logdir / "errors.txt"
    environment = {"PAUSE": str(pause)}
    process = start("tests.experiments.board.watched_run", arguments, environment, log)
    try:
        while not losses_of(logdir) and process.is_alive():
            time.sleep(0.1)
        assert process.is_alive() or process.exitcode == 0, log.read_text()
        yield process
    finally:
        process.kill()
        process.join()


def killed_run(process, logdir):
    """Kill a run once it has a checkpoint and some points; return what its curve was then."""
    while len(losses_of(logdir)) < 30 or not list(logdir.rglob("step-*.npz")):
        assert process.is_alive()
        time.sleep(0.1)
    process.kill()
    process.join()
    return losses_of(logdir)


def losses_of(logdir):
    """Return steps and losses of AdaGrad as the files have them, in their order."""
    return [
        (step, float(value.tensor.float_val[0]))
        for path in sorted(logdir.glob(f"*/*/AdaGrad/{PATTERN}"))
        for step, value in read_summaries(path)
        if value.tag == "loss"
    ]


def main() -> None:
    """Run the experiment on a small problem, in short calls with a pause after each."""
    import dataclasses

    from experiments.optimizer_compare import experiment as optimizer_compare
    from overparam_tf.sweep.engine import Engine
    from tests.cases import small_problem
    from tests.experiments.loading import on_problem

    advance = Engine.advance

    def advance_slowly(*arguments):
        time.sleep(float(os.environ["PAUSE"]))
        return advance(*arguments)

    def run(options):
        pace = {"seconds_between_checkpoints": 0.5, "checkpoint_share": 1.0}
        return optimizer_compare.run(options, steps_per_call=STEPS_PER_CALL, **pace)

    Engine.advance = advance_slowly
    experiment = on_problem(optimizer_compare.EXPERIMENT, small_problem(rows=100, features=8))
    dataclasses.replace(experiment, run=run).main()


if __name__ == "__main__":
    main()
