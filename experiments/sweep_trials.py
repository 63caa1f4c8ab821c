"""What TensorBoard shows of a sweep: every run with its hyperparameters, and charts of the story the runs tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from overparam_tf.runlog import RunFolder, TensorBoardLog, run_name
from overparam_tf.sweep import History, Variant

METRICS = {"final_loss": "final loss", "best_loss": "best loss", "excess_loss": "excess loss"}
HPARAMS = ("experiment", "variant", "depth", "learning_rate", "loss", "optimizer", "width", "seed", "data", "status")
# Of a curve for each rate: enough for a chart, a quarter of what the run itself keeps.
POINTS_BY_RATE = 250
# A curve by rate is drawn up to so many times the loss of the zero kernel: a divergence would flatten all others.
TOP = 2.0


def write_trials(
    folder: RunFolder, history: History, config: dict, charts: Mapping[str, Sequence[str]], variants: Sequence[Variant]
) -> None:
    """TensorBoard: a run per variant, rate and seed with HParams, and charts of them in Custom Scalars.

    The charts: the variants at their `best rates`, their `excess` over the floor, `by depth`, `by rate`, and the
    distributions of the deep variants' singular values before and after training.

    Args:
        folder: the run folder.
        history: the sweeps' outcome.
        config: what `config_of` returned.
        charts: title -> names of the variants compared with one another.
        variants: all that were trained.
    """
    log = TensorBoardLog(folder.tensorboard)
    log.clear()
    log.declare(HPARAMS, METRICS)
    for row in history.runs.to_dict("records"):
        hparams = {name: row[name] for name in HPARAMS if name in row}
        hparams |= {"experiment": config["experiment"], "data": config["data"]["label"], "depth": float(row["depth"])}
        key = row["variant"], row["learning_rate"], row["seed"]
        outcome = {tag: row[tag] for tag in METRICS}
        log.trial(run_name(*key), hparams, outcome, history.curve(*key), row["status"] == "diverged")
    facts = {loss["label"]: loss for loss in config["losses"]}
    groups = {
        "best rates": _best_rates(log, history, charts),
        "excess": _excess(log, history, charts, facts),
        "by depth": _by_depth(log, history, charts),
        "by rate": _by_rate(log, history, facts),
    }
    log.layout(
        {
            f"{config['experiment']}, {config['data']['label']}: {group}": {
                tag.partition("/")[2]: [f"^{re.escape(tag)}$"] for tag in tags
            }
            for group, tags in groups.items()
            if tags
        }
    )
    for variant in variants:
        if variant.update == "factors" and variant.depth > 1 and history.best(variant.name) is not None:
            _singular_values(log, history, variant, config)


def _best_rates(log: TensorBoardLog, history: History, charts: Mapping[str, Sequence[str]]) -> list[str]:
    """The loss of each variant's best run."""
    for title, names in charts.items():
        for name in names:
            curve = history.best_curve(name)
            if curve is not None:
                log.line(name, f"best rates/{title}", curve)
    return [f"best rates/{title}" for title in charts]


def _excess(log: TensorBoardLog, history: History, charts: Mapping[str, Sequence[str]], facts: dict) -> list[str]:
    """The decades between that loss and the convex floor (TensorBoard has no logarithmic axis of its own accord)."""
    for title, names in charts.items():
        for name in names:
            best = history.best(name)
            if best is not None:
                steps, losses = history.best_curve(name)
                above = losses > facts[best["loss"]]["floor"]
                decades = np.log10(losses[above] - facts[best["loss"]]["floor"])
                log.line(name, f"excess/log10 of excess loss, {title}", (steps[above], decades))
    return [f"excess/log10 of excess loss, {title}" for title in charts]


def _by_depth(log: TensorBoardLog, history: History, charts: Mapping[str, Sequence[str]]) -> list[str]:
    """What each depth's best rate comes to: the horizontal axis, TensorBoard's `step`, is the depth.

    A line per optimizer, wherever it has one variant a depth and several depths.
    """
    tags = {}
    for title, names in charts.items():
        best = history.runs[history.runs["variant"].isin(names)].sort_values("final_loss")
        best = best.drop_duplicates("variant").sort_values("depth")
        for optimizer, rows in best.groupby("optimizer", sort=False):
            if len(rows) > 1 and rows["depth"].is_unique and (rows["depth"] % 1 == 0).all():
                for column, said in (("excess_loss", "excess loss"), ("steps_to_target", "steps to target")):
                    known = rows.dropna(subset=column)
                    if len(known):
                        tag = f"by depth/{said}, {title}"
                        tags[tag] = None
                        log.line(f"{optimizer} by depth", tag, (known["depth"], known[column].astype(float)))
    return list(tags)


def _by_rate(log: TensorBoardLog, history: History, facts: dict) -> list[str]:
    """A chart per variant with a line for each rate, of its first seed."""
    tags = []
    for variant in history.variants:
        runs = history.runs[history.runs["variant"] == variant].drop_duplicates("learning_rate")
        if len(runs) < 2:
            continue
        tags.append(f"by rate/{variant}")
        for run in runs.itertuples():
            steps, losses = history.curve(variant, run.learning_rate, run.seed)
            kept = np.unique(np.linspace(0, len(steps) - 1, POINTS_BY_RATE).round().astype(int)) if len(steps) else []
            kept = [at for at in kept if losses[at] <= TOP * facts[run.loss]["at_zero"]]
            log.line(f"rate {run.learning_rate:.6g}", tags[-1], (steps[kept], losses[kept]))
    return tags


def _singular_values(log: TensorBoardLog, history: History, variant: Variant, config: dict) -> None:
    """Singular values of the best run's factors, all together, and of their product, before and after training."""
    best = history.best(variant.name)
    trained = history.model(variant.name, best["learning_rate"], best["seed"]).layers[0]
    features, outputs = trained.factors[0].shape[0], trained.factors[-1].shape[1]
    untrained = variant.layer(features, outputs, int(best["seed"]), config["options"]["dtype"])
    factors, products = {}, {}
    for step, layer in ((0, untrained), (int(best["steps"]), trained)):
        matrices = [factor.numpy() for factor in layer.factors]
        factors[step] = np.concatenate([np.linalg.svd(matrix, compute_uv=False) for matrix in matrices])
        products[step] = np.linalg.svd(np.linalg.multi_dot(matrices), compute_uv=False)
    log.distribution(variant.name, "singular values/of all factors", factors)
    log.distribution(variant.name, "singular values/of their product", products)
