"""The paper's main effect on one page: linear regression learns faster when its one layer is made two.

Write the weights w of linear regression as a product, w = F_1 F_2, of a column F_1 and a number F_2. The model can
express nothing new and its loss is no longer convex; yet plain gradient descent on F_1 and F_2 gets further than on w,
and further than AdaGrad, which was made to accelerate. For on the product a small step of gradient descent acts as

    w <- w - eta |w| (g + Pr_w g),    g = dL/dw,    Pr_w g its projection onto w:

a learning rate that adapts, small near zero where the l_4 loss is steep and larger later, and more of it along the
way that training has come, like momentum. No regularizer does that (experiments.no_regularizer).

Arora, Cohen and Hazan, ICML 2018. Every setting of the full experiment: experiments.optimizer_compare.

    python -m experiments.minimal
"""

from __future__ import annotations

from pathlib import Path

from experiments import figures
from experiments.command_line import exit_codes
from overparam_tf import History, LpLoss, Problem, Sweep, Variant, convex_floor, legacy_2019, load

STEPS = 50_000
FIGURE = Path("logs", "minimal", "minimal.png")

PLAIN, ADAGRAD, PRODUCT = "gradient descent", "AdaGrad", "gradient descent on the product"


def train(problem: Problem) -> History:
    """Trains each of the three at three learning rates around its best, all side by side."""
    variants = [
        # Every entry of every factor starts at N(0, 0.01^2), near zero; a step sees all of the data; no biases.
        # The last rate of both lists of gradient descent blows up on the measured data: they go as far as they can.
        Variant(PLAIN, depth=1, optimizer="sgd", learning_rates=(5e-3, 6e-3, 7e-3)),
        Variant(ADAGRAD, depth=1, optimizer=legacy_2019("adagrad"), learning_rates=(5e-3, 1e-2, 2e-2)),
        Variant(PRODUCT, depth=2, optimizer="sgd", learning_rates=(1.5e-3, 2e-3, 3e-3)),
    ]
    return Sweep(problem, variants, loss=LpLoss(p=4)).run(STEPS)  # mean(e^4) / 4


def main() -> None:
    """Trains, draws, and says what came out."""
    # The label is a concentration of ethanol, the 128 inputs are 8 features of each of 16 gas sensors, all z-scored.
    # Where the data is neither on disk nor to be downloaded, a synthetic stand-in; a warning and the figure say so.
    problem = load("auto")
    print(f"Training on {problem.label}: three ways, three learning rates each, {STEPS:,} steps ...", flush=True)
    history = train(problem)
    floor = convex_floor(problem.x, problem.y, p=4).loss  # what no linear model can beat

    figure, (ax,) = figures.new_figure(1, "L4 loss of a linear model, best learning rate of each")
    losses = {}
    for index, name in enumerate(history.variants):
        best = history.best(name)  # the lowest last loss; runs that blew up do not count
        if best is None:
            print(f"{name:>32}: blew up at every learning rate")
            continue
        rate, losses[name] = best["learning_rate"], best["final_loss"]
        print(f"{name:>32}: loss {losses[name]:.4f} at its best learning rate, {rate:g}")
        ax.loglog(*history.curve(name, rate), color=figures.colour(index), label=f"{name}, rate {rate:g}")
    print(f"{'(lowest of any linear model)':>32}: loss {floor:.4f}")

    ax.axhline(floor, color="#888888", linestyle=":", label="lowest of any linear model")
    ax.set(xlabel="step (full batch)", ylabel="mean(e^4) / 4")
    ax.legend(fontsize=8, loc="upper right")
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figures.save_figure(figure, FIGURE, f"{problem.label} · seed 0", problem.synthetic)

    others = [losses[name] for name in (PLAIN, ADAGRAD) if name in losses]
    if PRODUCT in losses and others and losses[PRODUCT] < min(others):
        saved = 1 - (losses[PRODUCT] - floor) / (min(others) - floor)
        print(f"Overparameterisation accelerates: {saved:.0%} closer to the lowest loss than the better of the two.")
    else:
        print("Overparameterisation did not accelerate in this run.")
    print(f"Figure: {FIGURE}")


if __name__ == "__main__":
    with exit_codes("minimal"):
        main()
