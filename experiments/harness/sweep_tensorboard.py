"""A sweep in TensorBoard: every run with its hyperparameters, and charts of the variants."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.harness.tensorboard import Board, Distribution, Line, Trial
from overparam_tf.runlog import RunFolder, run_name
from overparam_tf.sweep import History, Variant

METRICS = {"final_loss": "final loss", "best_loss": "best loss", "excess_loss": "excess loss"}
HPARAMS = ("variant", "depth", "learning_rate", "loss", "optimizer", "width", "seed", "status")
# Points of the curve of a rate: enough for a chart, a quarter of those that the run keeps.
POINTS_BY_RATE = 250
# A curve by rate is drawn up to this multiple of the loss of the zero kernel: a divergence beyond
# it would flatten all others.
HIGHEST = 2.0


def write_trials(
    folder: RunFolder,
    history: History,
    record: dict[str, Any],
    charts: Mapping[str, Sequence[str]],
    variants: Sequence[Variant],
) -> None:
    """Write a TensorBoard run for each variant, rate and seed, and charts in Custom Scalars.

    The charts show the variants at their `best rates`, their `excess` over the floor, `by depth`
    and `by rate`, and the distributions of the deep variants' singular values before and after
    training.

    Args:
        folder: The run folder.
        history: The history of the sweeps.
        record: The run's config.json.
        charts: By title, the names of the variants that are compared with one another.
        variants: All variants that were trained.
    """
    losses = {entry["label"]: entry for entry in record["losses"]}
    Board(
        title=f"{record['experiment']}, {record['data']['label']}",
        metrics=METRICS,
        trials=_trials(history, record),
        lines=itertools.chain(
            _best_rates(history, charts),
            _excess(history, charts, losses),
            _by_depth(history, charts),
            _by_rate(history, losses),
        ),
        distributions=_distributions(history, variants, record),
    ).write(folder)


def _trials(history: History, record: dict[str, Any]) -> Iterator[Trial]:
    for row in history.runs.to_dict("records"):
        key = row["variant"], row["learning_rate"], row["seed"]
        columns = {name: row[name] for name in HPARAMS if name in row}
        hparams = {"experiment": record["experiment"], **columns, "depth": float(row["depth"])}
        yield Trial(
            run_name(*key),
            {**hparams, "data": record["data"]["label"]},
            {tag: row[tag] for tag in METRICS},
            history.curve(*key),
            row["status"] == "diverged",
        )


def _best_rates(history: History, charts: Mapping[str, Sequence[str]]) -> Iterator[Line]:
    """Yield the loss of each variant's best run."""
    for title, names in charts.items():
        for name in names:
            curve = history.best_curve(name)
            if curve is not None:
                yield Line(name, f"best rates/{title}", curve)


def _excess(
    history: History, charts: Mapping[str, Sequence[str]], losses: Mapping[str, Any]
) -> Iterator[Line]:
    """Yield log10 of the best run's loss minus the convex floor.

    It is the logarithm since TensorBoard's axes are linear at first.
    """
    for title, names in charts.items():
        for name in names:
            best = history.best(name)
            if best is not None:
                steps, values = history.best_curve(name)
                floor = losses[best["loss"]]["floor"]
                above = values > floor
                curve = steps[above], np.log10(values[above] - floor)
                yield Line(name, f"excess/log10 of excess loss, {title}", curve)


def _by_depth(history: History, charts: Mapping[str, Sequence[str]]) -> Iterator[Line]:
    """Yield a line over the depths for each optimizer: the result at each depth's best rate.

    An optimizer needs several depths, and one variant for each of them.
    """
    columns = {"excess_loss": "excess loss", "steps_to_target": "steps to target"}
    for title, names in charts.items():
        best = history.runs[history.runs["variant"].isin(names)].sort_values("final_loss")
        best = best.drop_duplicates("variant").sort_values("depth")
        for optimizer, rows in best.groupby("optimizer", sort=False):
            if len(rows) == 1 or not rows["depth"].is_unique or (rows["depth"] % 1 != 0).any():
                continue
            for column, words in columns.items():
                known = rows.dropna(subset=column)
                if len(known):
                    curve = known["depth"], known[column].astype(float)
                    yield Line(f"{optimizer} by depth", f"by depth/{words}, {title}", curve)


def _by_rate(history: History, losses: Mapping[str, Any]) -> Iterator[Line]:
    """Yield a chart for each variant, with a line for each rate at the first seed."""
    for variant in history.variants:
        runs = history.runs[history.runs["variant"] == variant].drop_duplicates("learning_rate")
        if len(runs) < 2:
            continue
        for run in runs.itertuples():
            steps, values = history.curve(variant, run.learning_rate, run.seed)
            spaced = np.linspace(0, max(len(steps) - 1, 0), POINTS_BY_RATE)
            places = np.unique(spaced.round().astype(int)) if len(steps) else np.empty(0, int)
            places = places[values[places] <= HIGHEST * losses[run.loss]["at_zero"]]
            curve = steps[places], values[places]
            yield Line(f"rate {run.learning_rate:.6g}", f"by rate/{variant}", curve)


def _distributions(
    history: History, variants: Sequence[Variant], record: dict[str, Any]
) -> Iterator[Distribution]:
    for variant in variants:
        deep = variant.update == "factors" and variant.depth > 1
        if deep and history.best(variant.name) is not None:
            yield from _singular_values(history, variant, record)


def _singular_values(
    history: History, variant: Variant, record: dict[str, Any]
) -> Iterator[Distribution]:
    """Yield the singular values of the best run's factors and product, before and after it."""
    best = history.best(variant.name)
    trained = history.model(variant.name, best["learning_rate"], best["seed"]).layers[0]
    features, outputs = trained.factors[0].shape[0], trained.factors[-1].shape[1]
    dtype = record["options"]["dtype"]
    untrained = variant.layer(features, outputs, int(best["seed"]), dtype)
    factors, products = {}, {}
    for step, layer in ((0, untrained), (int(best["steps"]), trained)):
        matrices = [factor.numpy() for factor in layer.factors]
        spectra = [np.linalg.svd(matrix, compute_uv=False) for matrix in matrices]
        factors[step] = np.concatenate(spectra)
        products[step] = np.linalg.svd(np.linalg.multi_dot(matrices), compute_uv=False)
    yield Distribution(variant.name, "singular values/of all factors", factors)
    yield Distribution(variant.name, "singular values/of their product", products)
