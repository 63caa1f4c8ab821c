"""The paper's experiments and those beyond it: `python -m experiments.NAME`."""

import itertools
import os
import signal
import sys

from overparam_tf.errors import InputError

# TensorFlow prints notes on processors and missing GPUs at every start. They would bury progress
# lines and the one line of an error.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The programs that train by Keras alone; their event files still need an installed TensorFlow.
BACKENDS = {"experiments.nonlinear": ("tensorflow", "jax", "torch")}


def _open_standard_streams() -> None:
    """Let standard streams that are closed lead nowhere.

    The next files to be opened would get their numbers otherwise, and what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)


def _choose_backend() -> None:
    """Let Keras run on TensorFlow, whatever its keras.json says.

    Raises:
        InputError: If the environment asks for a backend on which the program does not run.
    """
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    known = BACKENDS.get(_program(), ("tensorflow",))
    if backend not in known:
        if len(known) > 1:
            wanted = f"one of the backends {', '.join(known)}; correct KERAS_BACKEND"
        else:
            wanted = "the backend tensorflow, on which the experiments run; unset KERAS_BACKEND"
        raise InputError(f"Expected {wanted}. Received: KERAS_BACKEND={backend}")


def _program() -> str:
    """Return the module that `python -m` runs, `""` if this is an import."""
    if sys.argv[:1] == ["-m"]:
        for part, following in itertools.pairwise([*sys.orig_argv, ""]):
            if part.startswith("-m"):
                return part.removeprefix("-m") or following
    return ""


def _end_at_once_if_interrupted() -> None:
    """Let Ctrl-C end a program that is still importing, without a traceback from within imports.

    `exit_codes` handles it from the beginning of the program on.
    """
    is_program = sys.argv[:1] == ["-m"]
    if is_program and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))


def _prepare() -> None:
    """Prepare the process; where a program starts, what is wrong with it is one line."""
    _end_at_once_if_interrupted()
    try:
        _open_standard_streams()
        _choose_backend()
    except InputError as error:
        if sys.argv[:1] != ["-m"]:  # no program of `python -m`, but an import
            raise
        print(f"experiments: error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


_prepare()
