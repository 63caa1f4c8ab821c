"""Experiment 3: can depth alone beat optimizers that were made for acceleration?

Part 1 trains a linear predictor under the l_4 loss with gradient descent (depth 1, 2, 3), AdaGrad
and AdaDelta, each over the whole grid of learning rates. Part 2 asks whether Adam gains from depth
too.

    python -m experiments.optimizer_compare
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console

from experiments.harness.command_line import Experiment, option
from experiments.harness.limits import DEPTHS, RATES, SEEDS, STEPS
from experiments.harness.loss_reference import LossReference, references_of
from experiments.harness.optimizer_figure import has_paper_variants, paper_table, passing_step
from experiments.harness.options import DataOptions
from experiments.harness.parts import Part
from experiments.harness.results import (
    Claim,
    ordering,
    print_claims,
    print_table,
    write_results,
)
from experiments.harness.sweep_figures import SweepFigures
from experiments.harness.sweeps import (
    RATES_2019,
    best_runs,
    read_run,
    run_parts,
)
from overparam_tf.losses import LpLoss
from overparam_tf.optimizers import legacy_2019
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History, Variant


@dataclass(frozen=True)
class Preset:
    """A published setting of the experiment."""

    depths: tuple[int, ...]
    biases: bool
    scale_loss: bool
    steps: int
    adam_steps: int
    adam_rate: float


PRESETS = {
    # The 2019 course team: biased `Dense` layers, mean(e^4) without 1/p.
    "uva": Preset(
        depths=(1, 2, 3),
        biases=True,
        scale_loss=False,
        steps=600_000,
        adam_steps=60_000,
        adam_rate=5e-4,
    ),
    # The paper's authors: no biases, l_4 with 1/p, one added layer.
    "paper": Preset(
        depths=(1, 2),
        biases=False,
        scale_loss=True,
        steps=1_000_000,
        adam_steps=1_000_000,
        adam_rate=1e-3,
    ),
}
QUICK_STEPS = 10_000
PAPER_TITLE = "The paper's figure and ours"


@dataclass(frozen=True)
class Config(DataOptions):
    """Compare gradient descent on factorised linear layers with AdaGrad, AdaDelta and Adam."""

    preset: Literal["uva", "paper"] = option("uva", "2019 course team's setting, or the paper's")
    part: Literal["1", "2", "all"] = option(
        "all", "1: GD, AdaGrad, AdaDelta; 2: Adam at several depths"
    )
    loss: Literal["l2", "l4"] = option("l4", "the l_p loss")
    scale_loss: bool | None = option(
        None, "divide the loss by p, as the paper does (default: the preset's)"
    )
    biases: bool | None = option(None, "a bias after every factor (default: the preset's)")
    depths: tuple[int, ...] | None = option(
        None, "depths of GD and of Adam (default: the preset's)", within=DEPTHS
    )
    learning_rates: tuple[float, ...] | None = option(
        None,
        "rates to search in both parts "
        "(default: the ten of 2019 in part 1, the preset's one in part 2)",
        within=RATES,
    )
    fine: bool = option(False, "then ten rates a decade around the best rate of each")
    steps: int | None = option(
        None,
        f"full-batch steps of each part (default: the preset's, with --quick {QUICK_STEPS})",
        within=STEPS,
    )
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors", within=SEEDS)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("scale_loss", "biases", "depths"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(self.published, name))

    @property
    def published(self) -> Preset:
        """Return the preset's setting."""
        return PRESETS[self.preset]

    @property
    def lp_loss(self) -> LpLoss:
        """Return the loss."""
        return LpLoss(int(self.loss.removeprefix("l")), scale=self.scale_loss)

    def parts(self) -> dict[str, tuple[list[Variant], int]]:
        """Return, by part, its variants and its number of steps."""
        preset, quick = self.published, QUICK_STEPS if self.quick else None
        parts = {}
        if self.part in ("1", "all"):
            parts["part 1"] = self._part_1(), self.steps or quick or preset.steps
        if self.part in ("2", "all"):
            parts["part 2"] = self._part_2(), self.steps or quick or preset.adam_steps
        return parts

    def _part_1(self) -> list[Variant]:
        rates = self.learning_rates or RATES_2019
        plain = [self._variant(f"GD, depth {n}", n, "sgd", rates) for n in self.depths]
        names = ("AdaGrad", "AdaDelta")
        return plain + [self._variant(name, 1, name.lower(), rates) for name in names]

    def _part_2(self) -> list[Variant]:
        rates = self.learning_rates or (self.published.adam_rate,)
        return [self._variant(f"Adam, depth {n}", n, "adam", rates) for n in self.depths]

    def _variant(self, name: str, depth: int, optimizer: str, rates: Sequence[float]) -> Variant:
        return Variant(
            name,
            depth=depth,
            optimizer=legacy_2019(optimizer),
            learning_rates=rates,
            seeds=self.seeds,
            use_bias=self.biases,
            use_factor_biases=self.biases,
        )


def run(options: Config, **pace: Any) -> RunFolder:
    """Train; write config.json, results.csv, curves.npz, weights.npz and TensorBoard's curves.

    Args:
        options: The options.
        **pace: How often the sweeps save: see `run_parts`.
    """
    parts, loss = options.parts(), options.lp_loss
    problem = options.load_problem()
    reference = LossReference.measure(problem, loss, options.biases)
    sweeps = [
        Part(name, problem, variants, loss, reference, steps)
        for name, (variants, steps) in parts.items()
    ]
    name, preset = "optimizer_compare", options.preset
    return run_parts(name, preset, options, problem, sweeps, options.fine, pace)[0]


def draw(folder: RunFolder, console: Console) -> None:
    """Draw figures and print table and verdicts, from a run folder alone."""
    record, history = read_run(folder)
    parts, (reference,) = record["parts"], references_of(record)
    figures = SweepFigures(folder, record, reference, history)
    drawn = []
    for part, names in parts.items():
        file = part.replace("part ", "comparison_")
        drawn.append(figures.best_curves(f"Optimizer comparison, {part}", names, file, both=True))
    drawn += [figures.excess_loss(parts), figures.loss_against_rate(parts)]
    table, claims = best_runs(history), claims_of(history)
    title = f"{record['data']['label']}, {reference.label}: best rate of each variant"
    print_table(table, title, console)
    tables = {"Results": table}
    if record["options"]["preset"] == "paper" and has_paper_variants(history):
        tables[PAPER_TITLE] = paper_table(history)
        print_table(tables[PAPER_TITLE], PAPER_TITLE, console)
    print_claims(claims, console)
    write_results(folder, tables, claims, drawn)


def claims_of(history: History) -> list[Claim]:
    """Return the paper's claims that this experiment can test, at each variant's best rate."""
    bests = {name: history.best(name) for name in history.variants}
    losses = {name: None if best is None else best["final_loss"] for name, best in bests.items()}
    claims = []
    plain = "GD, depth 1"
    for deep in (name for name in losses if name.startswith("GD") and name != plain):
        if plain in losses:
            text = f"depth alone accelerates: {deep} < {plain}"
            claims.append(ordering(text, _pick(losses, (deep, plain))))
            order = (deep, "AdaDelta", "AdaGrad", plain)
            claims.append(ordering(" < ".join(order), _pick(losses, order)))
        for other in ("AdaDelta", "AdaGrad"):
            claims.append(_crossing(history, deep, other))
    plain = "Adam, depth 1"
    for deep in (name for name in losses if name.startswith("Adam,") and name != plain):
        if plain in losses:
            text = f"Adam gains from depth: {deep} < depth 1"
            claims.append(ordering(text, _pick(losses, (deep, plain))))
    return claims


def _pick(losses: dict[str, float | None], names: Sequence[str]) -> dict[str, float | None]:
    return {name: losses[name] for name in names}


def _crossing(history: History, name: str, other: str) -> Claim:
    """Return the claim that the best run of `name` passes that of `other`, and at which step."""
    text = f"{name} passes {other}"
    curves = [history.best_curve(variant) for variant in (name, other)]
    if None in curves:
        return Claim(text, None, "all runs of one of them diverged")
    step = passing_step(history, name, other)
    if step is None:
        (steps, _), _ = curves
        return Claim(text, False, f"above it after {steps[-1]:,} steps")
    return Claim(text, True, f"below it from step {step:,} on")


EXPERIMENT = Experiment("optimizer_compare", Config, run, draw)

if __name__ == "__main__":
    EXPERIMENT.main()
