"""The command `python -m experiments.mnist_cnn`: the run, the drawing."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import keras
from rich.console import Console

from experiments.harness.command_line import Experiment
from experiments.harness.results import print_claims, print_table, write_results
from experiments.mnist_cnn.claims import claims_of, results_table
from experiments.mnist_cnn.config import Config
from experiments.mnist_cnn.convnet import BATCH, WEIGHT_DECAY, convnet
from experiments.mnist_cnn.figures import ConvnetFigures
from experiments.mnist_cnn.live import LiveBoard, LiveLosses, live_board
from experiments.mnist_cnn.records import TrainingRecords, board, run_title
from experiments.mnist_cnn.training import NetTraining
from overparam_tf.datasets import Digits, load_mnist
from overparam_tf.distributed import Training, get_strategy
from overparam_tf.distributed.workers import Workers
from overparam_tf.messages import print_to_stderr
from overparam_tf.progress import Progress
from overparam_tf.runlog import ProgressReport, RunFolder
from overparam_tf.stopping import StopSignals, deferred

# Training images that are held out for validation, as in the tutorial.
HELD_OUT = 5_000


def run(
    options: Config,
    *,
    load: Callable[[str], Digits] = load_mnist,
    make_net: Callable[..., keras.Sequential] = convnet,
    held_out: int = HELD_OUT,
    make_progress: Callable[[str, bool], ProgressReport] = ProgressReport,
) -> RunFolder | None:
    """Train every net from every seed.

    Writes config.json, results.csv, epochs.csv, curves.npz, spectra.npz, the models, and
    TensorBoard's event files.

    Args:
        options: The options.
        load: Returns the images of a source.
        make_net: Returns a net, from the arguments of `convnet`.
        held_out: How many of the training images are held out for validation.
        make_progress: Returns a progress report, from its title and whether it is quiet.

    Returns:
        The run folder; None on all workers but the first of several, which does the writing.
    """
    # Printed once the data are there: until then an error may come, and that is one line.
    devices: list[str] = []

    def report(line: str) -> None:
        (print_to_stderr if line.startswith("Waiting") else devices.append)(line)

    strategy = get_strategy(options.strategy, report, options.worker_timeout)
    workers = Workers(strategy)
    digits = workers.chief_first(lambda: load(options.data))
    workers.require_alike("checksum of the data", digits.checksum)
    print(*devices, file=sys.stderr, flush=True)
    split = digits.split(held_out)
    x, y = split.train
    images = x[: options.images], y[: options.images]
    record = record_of(options, digits, len(images[0]))
    path = workers.text_of_chief(lambda: str(_open_folder(options, record, digits).path))
    folder, records = RunFolder(path), TrainingRecords()
    training = NetTraining(
        images=images,
        evaluated={"val": split.validation, "test": split.test},
        strategy=strategy,
        epochs=options.epochs,
        folder=folder,
        record=record,
        writes=workers.is_chief,
    )
    live = _live_board(options, folder, record) if workers.is_chief else None
    with deferred() as stop, live or contextlib.nullcontext() as shown:
        # Seed by seed, so that a run that was stopped has nets to compare.
        for seed, net in itertools.product(options.seeds, options.nets()):
            title = run_title(net.name, seed)
            with strategy.scope():
                model = make_net(net.depth, net.place, options.convs, seed)
            is_first = seed == options.seeds[0]  # the others decay alike
            if net.depth > 1 and net.place is not None and workers.is_chief and is_first:
                curve = training.penalty_alone(title, model, net.place, stop)
                records.curves[f"{title}/penalty alone"] = curve
            quiet = options.quiet or not workers.is_chief
            with make_progress(f"mnist_cnn, {title}", quiet) as progress:
                trained = _train(training, title, model, progress, stop, shown)
            records.add(net.name, seed, model, trained, training.steps_per_epoch)
            if workers.is_chief:
                records.write(folder)
            if workers.stopped(stop):
                break
            if workers.is_chief:
                model.save(folder.path / f"{title}.keras")
    if not workers.is_chief:
        return None
    board(folder, record, records).write(folder)
    return folder


def _live_board(
    options: Config, folder: RunFolder, record: dict[str, Any]
) -> contextlib.AbstractContextManager[LiveBoard]:
    runs = [run_title(net.name, seed) for net in options.nets() for seed in options.seeds]
    return live_board(folder, record["data"]["label"], runs)


def _train(
    training: NetTraining,
    title: str,
    model: keras.Model,
    progress: ProgressReport,
    stop: StopSignals,
    shown: LiveBoard | None,
) -> Training:
    """Train a net; its losses appear in the progress report and, if it is shown, in TensorBoard."""
    if shown is None:
        return training.train(title, model, progress, stop)
    losses = LiveLosses(shown, title, training.steps_per_epoch)

    def report(done: Progress) -> None:
        losses(done)
        progress(done)

    return training.train(title, model, report, stop, [losses])


def record_of(options: Config, digits: Digits, image_count: int) -> dict[str, Any]:
    """Return the content of config.json.

    Args:
        options: The options.
        digits: The images.
        image_count: How many of them are trained on.
    """
    return options.record(
        "mnist_cnn",
        digits,
        nets=[asdict(net) for net in options.nets()],
        steps_per_epoch=-(-image_count // BATCH),  # the last batch may be smaller
        batch=BATCH,
        weight_decay=WEIGHT_DECAY,
    )


def _open_folder(options: Config, record: dict[str, Any], digits: Digits) -> RunFolder:
    return options.open_folder(record, f"depth-{options.depth}", digits)


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print the table and the verdicts, from a run folder alone."""
    record = folder.read_config()
    results = folder.read_table("results.csv", ["net"])
    epochs = folder.read_table("epochs.csv", ["net"])
    curves = folder.read_arrays("curves.npz")
    trained = set(epochs["net"])
    record["nets"] = [net for net in record["nets"] if net["name"] in trained]
    if not record["nets"]:
        console.print("No epoch is finished yet.")
        return
    table, claims = results_table(results), claims_of(epochs, curves, record["nets"])
    drawn = ConvnetFigures(folder, record, curves).draw_all(epochs)
    title = f"{record['data']['label']}: last epoch's means over its steps, errors after it"
    print_table(table, title, console)
    print_claims(claims, console)
    write_results(folder, table, claims, drawn)


EXPERIMENT = Experiment("mnist_cnn", Config, run, draw)
