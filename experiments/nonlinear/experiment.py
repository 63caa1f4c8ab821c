"""The command `python -m experiments.nonlinear`: every net in every form, and the drawing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from rich.console import Console

from experiments.harness.command_line import Experiment, PartOfRun
from experiments.harness.piece_results import PieceResult, arrays_of
from experiments.harness.pieces import finish_share, names_of_share, read_shares
from experiments.harness.results import print_claims, print_table, write_results
from experiments.nonlinear.claims import claims_of, detail_table, ratio_table, verdict_table
from experiments.nonlinear.config import FORMS, RATES, Config, FormName, NetName
from experiments.nonlinear.figures import draw_figures
from experiments.nonlinear.findings import result_of, verdicts_of, write_tables
from experiments.nonlinear.nets import NETS, TOKENS
from experiments.nonlinear.penalties import OPTIMIZERS, on_every_factor, regularizer_of
from experiments.nonlinear.tensorboard_log import board_of, chart_prefix, live_curves
from experiments.nonlinear.text import text_rows
from overparam_tf.comparison import DepthComparison, Plan, compare_depths
from overparam_tf.comparison.display import Chain
from overparam_tf.datasets import Digits, load_mnist
from overparam_tf.messages import print_to_stderr
from overparam_tf.runlog import LiveCurves, ProgressReport, RunFolder
from overparam_tf.stopping import deferred

# Rows of text, and of test data of either kind.
SEQUENCES, TEST_ROWS = 20_000, 500
SECONDS_BETWEEN_CHECKPOINTS = 15.0
# The forms of which depth 1 is the same as in another.
SAME_PLAIN_NET: dict[FormName, FormName] = {"factors": "product", "rule": "none"}

Rows = tuple[np.ndarray, np.ndarray]
# A net and its form, by the name of their comparison.
Pieces = Mapping[str, tuple[NetName, FormName]]


@dataclass(frozen=True)
class Data:
    """The training and test data of both kinds, by `Net.data`."""

    training: dict[str, Rows]
    test: dict[str, Rows]


def run(
    options: Config,
    *,
    load: Callable[[str], Digits] = load_mnist,
    held_out: int = 5_000,
    train: Callable[..., DepthComparison] | None = None,
) -> RunFolder | None:
    """Compare the depths of every net in every form.

    Writes config.json, results.csv (a row for each run), verdicts.csv, curves.npz and TensorBoard's
    event files.

    Args:
        options: The options.
        load: Returns the images of a source.
        held_out: How many of the training images are left out, as in `mnist_cnn`.
        train: Trains a comparison; default None, `train_comparison`.

    Returns:
        The run folder; None after a dry run.
    """
    digits = load(options.data)
    data = data_of(options, digits, held_out)
    pieces = {f"{net}, {form}": (net, form) for net in options.nets for form in options.forms}
    if options.dry_run:
        say_what_it_takes(options, data, pieces)
        return None
    targets = {name: NETS[name].targets for name in options.nets}
    record = options.record("nonlinear", digits, targets=targets)
    costs = [steps_of(options, net) * NETS[net].milliseconds for net, _ in pieces.values()]
    names = names_of_share(list(pieces), costs, options.chosen_share)
    folder = options.open_folder(record, "nets", digits)
    if options.join is not None:
        found = read_shares(folder, names)
        write_tables(folder, found)
    else:
        chosen = {name: pieces[name] for name in names}
        found = train_all(options, data, chosen, folder, record, train or train_comparison)
    curves = arrays_of(found)
    board_of(record["data"]["label"], verdicts_of(found), curves).write(folder)
    return folder


def train_all(
    options: Config,
    data: Data,
    pieces: Pieces,
    folder: RunFolder,
    record: Mapping[str, Any],
    train: Callable[..., DepthComparison],
) -> dict[str, PieceResult]:
    """Train comparisons one after the other; return what they found, by name.

    After a stop signal the comparison in progress is cut short, and the others are left out.

    Args:
        options: The options.
        data: The data.
        pieces: The comparisons by name, each a net and its form.
        folder: The run folder.
        record: Its config.json.
        train: Trains a comparison, as `train_comparison` does.

    Raises:
        PartOfRun: If a stop signal ends a share.
        ShareFinished: If all comparisons of a share are done.
    """
    comparisons: dict[tuple[NetName, FormName], DepthComparison] = {}
    found: dict[str, PieceResult] = {}
    with deferred() as stop, live_curves(folder, record["data"]["label"], options) as curves:
        for name, (net, form) in pieces.items():
            plain = comparisons.get((net, SAME_PLAIN_NET.get(form, form)))
            comparison = train(options, data, net, form, folder, curves, plain)
            comparisons[net, form] = comparison
            found[name] = result_of(net, form, comparison)
            write_tables(folder, found)
            if stop.signal is not None:
                break
    if options.chosen_share is not None:
        if stop.signal is not None:
            done = sum(comparison.finished for comparison in comparisons.values())
            raise PartOfRun(folder, f"{done} of {len(pieces)} comparisons are done")
        finish_share(folder, options.chosen_share, found)
    return found


def say_what_it_takes(options: Config, data: Data, pieces: Pieces) -> None:
    """Print runs, time and memory of every net and penalty, and the time of all together."""
    seconds = 0.0
    for net, form in pieces.values():
        plan = compare(options, data, net, form, dry_run=True)
        print_to_stderr(f"{NETS[net].title}, {FORMS[form]}: {plan}")
        seconds += plan.seconds
    print_to_stderr(f"together about {seconds / 60:,.0f} minutes")


def steps_of(options: Config, net: NetName) -> int:
    """Return the steps of a net's runs."""
    return max(2, round(options.length * NETS[net].steps))


def data_of(options: Config, digits: Digits, held_out: int) -> Data:
    """Return the data of the nets that the options name."""
    split = digits.split(held_out)
    images, labels = split.train
    training = {"digits": (images[: options.images], labels[: options.images])}
    test = {"digits": (split.test.x[:TEST_ROWS], split.test.y[:TEST_ROWS])}
    if any(NETS[net].data == "text" for net in options.nets):
        training["text"], test["text"] = text_rows(TOKENS, SEQUENCES, TEST_ROWS)
    return Data(training, test)


def compare(
    options: Config, data: Data, net: NetName, form: FormName, **arguments: Any
) -> DepthComparison | Plan:
    """Return the comparison of a net under a penalty.

    Args:
        options: The options.
        data: The data.
        net: The net.
        form: Its form.
        **arguments: Further arguments of `compare_depths`.
    """
    chosen = NETS[net]
    return compare_depths(
        functools.partial(chosen.build, regularizer_of(form)),
        data.training[chosen.data],
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        targets=chosen.targets,
        depths=options.depths,
        optimizers={name: OPTIMIZERS[name]() for name in options.optimizers},
        learning_rates={name: RATES[name] for name in options.optimizers},
        seeds=options.seeds,
        steps=steps_of(options, net),
        batch_size=chosen.batch_size,
        window=max(1, steps_of(options, net) // 10),
        layers=None if chosen.layers is None else list(chosen.layers),
        update="end_to_end" if form == "rule" else "factors",
        # XLA decomposes a kernel far slower than TensorFlow does.
        jit_compile=False if form == "rule" else "auto",
        prepare=on_every_factor if form == "factors" else None,
        test_data=data.test[chosen.data],
        metrics=["sparse_categorical_accuracy"],
        quiet=options.quiet,
        **arguments,
    )


def train_comparison(
    options: Config,
    data: Data,
    net: NetName,
    form: FormName,
    folder: RunFolder,
    curves: LiveCurves,
    plain: DepthComparison | None = None,
) -> DepthComparison:
    """Train the comparison of a net under a penalty, from its newest checkpoint.

    Args:
        options: The options.
        data: The data.
        net: The net.
        form: Its form.
        folder: The run folder.
        curves: Where losses are written while the net trains.
        plain: A comparison whose runs of depth 1 are taken over; default None.
    """
    follow = Chain(curves, steps_of(options, net), chart_prefix(net, form))
    title = f"nonlinear, {NETS[net].title}, {FORMS[form]}"
    with ProgressReport(title, options.quiet) as progress:
        found = compare(
            options,
            data,
            net,
            form,
            folder=folder.checkpoints / f"{net}, {form}",
            follow=follow,
            progress=progress,
            plain=plain,
            seconds_between_checkpoints=SECONDS_BETWEEN_CHECKPOINTS,
        )
    assert isinstance(found, DepthComparison)
    return found


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print tables and verdicts, from a run folder alone."""
    record = folder.read_config()
    results = folder.read_table("results.csv", ["net"])
    verdicts = folder.read_table("verdicts.csv", ["net"])
    curves = folder.read_arrays("curves.npz")
    if verdicts.empty:
        console.print("No depth is compared yet.")
        return
    ratios, table, claims = ratio_table(verdicts), verdict_table(verdicts), claims_of(verdicts)
    drawn = draw_figures(folder, record, verdicts, curves)
    label = record["data"]["label"]
    title = (
        f"{label}: steps of depth 1 over steps of depth N, best rate each (in brackets: 95 % "
        f"interval over seeds); {len(results):,} runs"
    )
    print_table(ratios, title, console)
    title = f"+N: depth N helps, -N: it hurts, ?N: cannot tell; to the lower target; {label}"
    print_table(table, title, console)
    print_claims(claims, console)
    tables = {"ratios": ratios, "verdicts": table, "details": detail_table(verdicts)}
    write_results(folder, tables, claims, drawn)


EXPERIMENT = Experiment("nonlinear", Config, run, draw)
