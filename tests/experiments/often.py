"""optimizer_compare on a small problem, with short calls and a checkpoint after each: any moment may hit a write."""

from experiments.optimizer_compare import Config, main
from overparam_tf.sweep import saving, sweep
from tests.cases import small_problem


def load_small_problem(config):
    """In place of `Config.load_problem`."""
    return small_problem(rows=100, features=8)


def save_after_every_call() -> None:
    saving.LARGEST_SHARE = float("inf")
    sweep.MAX_STEPS_PER_CALL = 5
    sweep.Sweep.run.__kwdefaults__["seconds_between_checkpoints"] = 0.0


if __name__ == "__main__":
    Config.load_problem = load_small_problem
    save_after_every_call()
    print("ready", flush=True)
    main()
