"""The paper's optimizer comparison (experiment 3): can depth alone beat optimizers made for acceleration?

Part 1 trains a linear predictor under the l_4 loss with gradient descent (depth 1, 2, 3), AdaGrad and AdaDelta,
each over the whole grid of learning rates. Part 2 asks whether Adam gains from depth too.

    python -m experiments.optimizer_compare
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.console import Console

from experiments.claims import Claim, ordering, print_claims, print_table
from experiments.command_line import launch, option
from experiments.options import DataOptions
from experiments.outcome import write_report
from experiments.sweep_figures import draw_best_curves, draw_excess_loss, draw_loss_against_rate
from experiments.sweep_parts import RATES_2019, Part, loss_facts
from experiments.sweep_run import best_runs, read_run, run_parts
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
    "uva": Preset((1, 2, 3), biases=True, scale_loss=False, steps=600_000, adam_steps=60_000, adam_rate=5e-4),
    # The paper's authors: no biases, l_4 with 1/p, one added layer.
    "paper": Preset((1, 2), biases=False, scale_loss=True, steps=1_000_000, adam_steps=1_000_000, adam_rate=1e-3),
}
QUICK_STEPS = 10_000


@dataclass(frozen=True)
class Config(DataOptions):
    """Compares gradient descent on factorised linear layers with AdaGrad, AdaDelta and Adam."""

    preset: Literal["uva", "paper"] = option("uva", "2019 course team's setting, or the paper's")
    part: Literal["1", "2", "all"] = option("all", "1: GD, AdaGrad, AdaDelta; 2: Adam at several depths")
    loss: Literal["l2", "l4"] = option("l4", "the l_p loss")
    scale_loss: bool | None = option(None, "divide the loss by p, as the paper does (default: the preset's)")
    biases: bool | None = option(None, "a bias after every factor (default: the preset's)")
    depths: tuple[int, ...] | None = option(None, "depths of GD and of Adam (default: the preset's)")
    learning_rates: tuple[float, ...] | None = option(
        None, "rates to search in both parts (default: the ten of 2019 in part 1, the preset's one in part 2)"
    )
    fine: bool = option(False, "then ten rates a decade around the best rate of each")
    steps: int | None = option(None, "full-batch steps of each part (default: the preset's)")
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors")

    def __post_init__(self):
        self.require(self.steps is None or self.steps >= 1, "a number of steps >= 1", steps=self.steps)
        self.require(self.depths is None or min(self.depths) >= 1, "depths >= 1", depths=self.depths)
        self.require(len(set(self.depths or ())) == len(self.depths or ()), "no depth twice", depths=self.depths)

    @property
    def published(self) -> Preset:
        """The preset's setting."""
        return PRESETS[self.preset]

    @property
    def lp_loss(self) -> LpLoss:
        """The loss."""
        scale = self.published.scale_loss if self.scale_loss is None else self.scale_loss
        return LpLoss(int(self.loss[1:]), scale=scale)

    @property
    def use_biases(self) -> bool:
        """Whether every factor has a bias."""
        return self.published.biases if self.biases is None else self.biases

    def parts(self) -> dict[str, tuple[list[Variant], int]]:
        """Per part, its variants and its number of steps."""
        preset, quick = self.published, QUICK_STEPS if self.quick else None
        parts = {
            "part 1": (self._part_1(), self.steps or quick or preset.steps),
            "part 2": (self._part_2(), self.steps or quick or preset.adam_steps),
        }
        return {name: part for name, part in parts.items() if self.part in ("all", name[-1])}

    def _part_1(self) -> list[Variant]:
        rates = self.learning_rates or RATES_2019
        plain = [
            self._variant(f"GD, depth {depth}", depth, "sgd", rates) for depth in self.depths or self.published.depths
        ]
        adaptive = [self._variant(name, 1, name.lower(), rates) for name in ("AdaGrad", "AdaDelta")]
        return plain + adaptive

    def _part_2(self) -> list[Variant]:
        rates = self.learning_rates or (self.published.adam_rate,)
        return [
            self._variant(f"Adam, depth {depth}", depth, "adam", rates)
            for depth in self.depths or self.published.depths
        ]

    def _variant(self, name: str, depth: int, optimizer: str, rates: Sequence[float]) -> Variant:
        return Variant(
            name,
            depth=depth,
            optimizer=legacy_2019(optimizer),
            learning_rates=rates,
            seeds=self.seeds,
            use_bias=self.use_biases,
            use_factor_biases=self.use_biases,
        )


def run(config: Config) -> RunFolder:
    """Trains, and writes config.json, results.csv, curves.npz, weights.npz and TensorBoard's curves."""
    parts, loss = config.parts(), config.lp_loss
    problem = config.load_problem()
    facts = loss_facts(problem, loss, config.use_biases)
    sweeps = [Part(name, problem, variants, loss, facts, steps) for name, (variants, steps) in parts.items()]
    return run_parts("optimizer_compare", config.preset, config, problem, sweeps, "{}", config.fine)[0]


def draw(folder: RunFolder, console: Console) -> None:
    """Draws figures and prints tables from a run folder alone."""
    config, history = read_run(folder)
    parts, (facts,) = config["parts"], config["losses"]
    drawn = [
        draw_best_curves(
            folder, config, facts, history, f"Optimizer comparison, {part}", names, f"comparison_{part[-1]}"
        )
        for part, names in parts.items()
    ]
    drawn += [
        draw_excess_loss(folder, config, facts, history, parts),
        draw_loss_against_rate(folder, config, facts, history, parts),
    ]
    table, claims = best_runs(history), claims_of(history)
    print_table(table, f"{config['data']['label']}, {facts['label']}: best rate of each variant", console)
    print_claims(claims, console)
    write_report(folder, table, claims, drawn)


def claims_of(history: History) -> list[Claim]:
    """The paper's claims that this experiment can test, against each variant's best rate."""
    losses = {name: None if (best := history.best(name)) is None else best["final_loss"] for name in history.variants}
    claims = []
    deeper = [name for name in losses if name.startswith("GD") and name != "GD, depth 1"]
    for name in deeper:
        chain = [name, "AdaDelta", "AdaGrad", "GD, depth 1"]
        if "GD, depth 1" in losses:
            claims.append(ordering(f"depth alone accelerates: {name} < GD, depth 1", _pick(losses, chain[::3])))
            claims.append(ordering(" < ".join(chain), _pick(losses, chain)))
        for other in chain[1:3]:
            claims.append(_crossing(history, name, other))
    deeper = [name for name in losses if name.startswith("Adam") and name != "Adam, depth 1"]
    if "Adam, depth 1" in losses:
        for name in deeper:
            claims.append(ordering(f"Adam gains from depth: {name} < depth 1", _pick(losses, (name, "Adam, depth 1"))))
    return claims


def _pick(losses: dict[str, float | None], names: Sequence[str]) -> dict[str, float | None]:
    return {name: losses[name] for name in names}


def _crossing(history: History, name: str, other: str) -> Claim:
    """From which step on the best run of `name` stays below that of `other`."""
    text = f"{name} passes {other}"
    curves = [history.best_curve(variant) for variant in (name, other)]
    if None in curves:
        return Claim(text, None, "all runs of one of them diverged")
    (steps, losses), (_, others) = curves
    above = np.flatnonzero(losses >= others)
    if above.size and above[-1] == len(losses) - 1:
        return Claim(text, False, f"above it after {steps[-1]:,} steps")
    return Claim(text, True, f"below it from step {steps[above[-1] + 1] if above.size else 0:,} on")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    launch("optimizer_compare", Config, run, draw, arguments)


if __name__ == "__main__":
    main()
