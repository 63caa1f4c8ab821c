"""A sweep in TensorBoard while it trains: the same curves as after it, and the best rate so far."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.board.tree import read_dashboard
from experiments.emulated_update.pairs import place_of as place_of_pair
from experiments.harness.parts import lp_part
from experiments.harness.sweep_places import make_panels
from experiments.harness.sweep_tensorboard import SweepBoard
from overparam_tf import Sweep, Variant
from overparam_tf.runlog import RunFolder
from tests.cases import small_problem
from tests.event_files import events, scalars

RECORD = {"experiment": "made up", "data": {"label": "small"}, "options": {"dtype": "float32"}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the history of a sweep, its folder, and what the folder had while it trained."""
    folder = RunFolder.create(tmp_path_factory.mktemp("logs"), "made_up", "run")
    rates = (1e-4, 3e-3, 0.9)
    variants = [Variant(f"GD, depth {n}", depth=n, learning_rates=rates) for n in (1, 2)]
    part = lp_part(small_problem(), 4, variants, 30)
    board = SweepBoard(folder, RECORD, make_panels([("part 1", variants, part.reference)]))
    with board.live() as curves:
        follow = board.follower(curves, variants)
        history = Sweep(part.problem, variants, part.loss).run(
            30, targets={"target": part.reference.target()}, follow=follow, steps_per_call=4
        )
        curves.flush(now=True)
        live = {name: events(folder.path / name) for name in history.variants}
        live["dashboard"] = read_dashboard(folder.path / "dashboard")
    history.runs.insert(0, "loss", part.reference.label)
    excess = history.runs["final_loss"] - part.reference.floor
    history.runs.insert(0, "excess_loss", excess)
    board.write(history, variants)
    return history, folder, live


def test_live_curves_of_the_rates_are_those_of_the_end(trained):
    history, folder, live = trained
    for name in history.variants:
        after = events(folder.path / name)
        for tag in ("rates/0.0001", "rates/0.003"):
            assert scalars(live[name], tag).items() <= scalars(after, tag).items()
            assert len(live[name][tag]) == 30 and len(after[tag]) == 31


def test_the_live_loss_is_the_best_so_far(trained):
    history, folder, live = trained
    losses = history.losses[:, history.runs["variant"] == "GD, depth 2"]
    lowest = np.fmin.reduce(losses, axis=1)[:30]
    assert np.allclose(list(scalars(live["GD, depth 2"], "loss").values()), lowest)
    *_, best = history.best_curve("GD, depth 2")
    after = events(folder.path / "GD, depth 2")
    assert np.allclose(list(scalars(after, "loss").values()), best)


def test_charts_are_there_from_the_beginning_and_compare_variants(trained):
    _, folder, live = trained
    titles = [
        [(category.title, chart.title) for category in board.categories for chart in category.chart]
        for board in (live["dashboard"], read_dashboard(folder.path / "dashboard"))
    ]
    began, ended = titles
    assert ("made up, small: log10 of excess loss", "part 1") in began
    assert ("made up, small: relative excess loss", "part 1, over GD, depth 1") in began
    assert ("made up, small: rates", "0.003") in began
    assert {chart for _, chart in set(ended) - set(began)} == {
        "excess loss of SGD, part 1",
        "steps to target of SGD, part 1",
    }
    # At this rate both diverge at once.
    assert set(began) - set(ended) == {("made up, small: rates", "0.9")}


def test_a_rate_of_one_variant_alone_has_a_tag_but_no_chart():
    variants = [Variant("GD", learning_rates=(0.1, 0.2)), Variant("Adam", learning_rates=(0.1,))]
    reference = lp_part(small_problem(), 4, (), 10).reference
    (panel,) = make_panels([("part 1", variants, reference)])
    assert dict(panel.rates) == {"0.1": 2, "0.2": 1} and panel.rate_tag(0.2) == "rates/0.2"


def test_variants_under_two_losses_share_a_run_and_name_the_loss():
    reference = lp_part(small_problem(), 4, (), 10).reference
    parts = [(f"L{p}", [Variant(f"L{p}, depth {n}") for n in (1, 2)], reference) for p in (2, 4)]
    panels = make_panels(parts)
    assert {run for panel in panels for run in panel.runs.values()} == {"depth 1", "depth 2"}
    assert [panel.loss_tag for panel in panels] == ["loss/L2", "loss/L4"]
    assert panels[0].rate_tag(1e-3) == "rates, L2/0.001"


def test_pairs_of_factors_and_rule_are_side_by_side():
    assert place_of_pair("L2", "factors, L2, N=2, width 1, balanced, decay 0.001") == (
        "factors, N=2",
        "L2, width 1, balanced, decay 0.001",
    )
