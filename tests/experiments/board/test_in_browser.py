"""Every dashboard of TensorBoard shows the results: plain, through the board, and while it trains.

Screenshots go to $SCREENSHOTS, or to the test's folder; with $SCREENSHOT_LOGS they show the runs
in that log folder.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from pathlib import Path

import pytest

from tests.experiments.board.board_process import board, tensorboard
from tests.experiments.board.browsing import Browser, coloured_pixels, why_not
from tests.experiments.board.watched_run import killed_run, losses_of, watched_run

pytestmark = [pytest.mark.browser, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]
CHART = "tf-custom-scalar-multi-line-chart-card"


@pytest.fixture(scope="module")
def logdir(finished_run):
    return os.environ.get("SCREENSHOT_LOGS", finished_run("optimizer_compare").logdir)


@pytest.fixture(scope="module")
def plain(logdir):
    with tensorboard(logdir) as address:
        yield address


@pytest.fixture(scope="module")
def addresses(logdir):
    with board(logdir, "--experiment", "optimizer_compare") as by_title:
        yield by_title


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


@pytest.fixture
def shoot(browser, tmp_path):
    def save(name):
        folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
        folder.mkdir(parents=True, exist_ok=True)
        assert browser.driver.save_screenshot(str(folder / f"{name}.png"))

    return save


def answer(address, path):
    with urllib.request.urlopen(f"{address}data/{path}") as content:
        return json.load(content)


def wait_for_lines(browser, count):
    """Wait until as many charts of Custom Scalars as that are open have lines, and return them."""
    cards = browser.wait("cards", lambda: len(found := browser.all(CHART)) >= count and found)
    browser.wait("lines", lambda: min(map(coloured_pixels, cards)) > 100)
    return cards


def test_a_folder_makes_at_most_a_dozen_runs(browser, plain):
    runs = browser.wait("runs", lambda: len(found := answer(plain, "runs")) > 9 and found)
    assert len(runs) <= 12 and all(run.count("/") == 2 for run in runs)
    assert any(run.endswith("/GD, depth 3") for run in runs)


def test_plain_custom_scalars_draw_every_chart_without_a_filter(browser, plain, shoot):
    browser.open(f"{plain}#custom_scalars")
    cards = wait_for_lines(browser, 6)
    shoot("plain_custom_scalars")
    matches = [re.search(r"Matches \((\d+)\)", text)[1] for text in browser.texts(CHART)]
    assert len(matches) == len(cards) and "0" not in matches
    assert matches[:2] == ["5", "3"]
    titles = " ".join(browser.texts("tf-category-paginated-view"))
    assert all(name in titles for name in ("log10 of excess loss", "relative excess loss", "rates"))


def test_plain_time_series_draw_curves(browser, plain, shoot):
    browser.open(f"{plain}?tagFilter=loss#timeseries")
    cards = browser.wait("cards", lambda: len(found := browser.all("scalar-card")) >= 2 and found)
    browser.wait("curves", lambda: min(map(coloured_pixels, cards[:2])) > 300)
    shoot("plain_time_series")


def test_plain_hparams_have_a_row_for_each_variant(browser, plain, shoot):
    browser.open(f"{plain}#hparams")
    variants = {"GD, depth 1", "AdaDelta", "Adam, depth 3"}
    # The head of the table comes before its rows.
    browser.wait("rows", lambda: variants <= set(browser.texts("vaadin-grid-cell-content")))
    shoot("plain_hparams")


def test_time_series_draws_the_chosen_curves(browser, addresses, shoot):
    browser.open(addresses["Time Series"])
    cards = browser.wait("cards", lambda: len(found := browser.all("scalar-card")) >= 2 and found)
    browser.wait("curves", lambda: min(map(coloured_pixels, cards[:2])) > 300)
    titles = browser.texts("scalar-card .tag")
    assert any("log10 of excess loss/part 1" in title for title in titles), titles
    shoot("time_series")


def test_custom_scalars_compare_the_variants(browser, addresses, shoot):
    browser.open(addresses["Custom Scalars, optimizer_compare"])
    wait_for_lines(browser, 6)
    browser.wait("five variants", lambda: "Matches (5)" in browser.texts(CHART)[0])
    shoot("custom_scalars")


def test_images_are_the_figures(browser, addresses, shoot):
    browser.open(addresses["Images"])
    loaded = (
        "return arguments[0].naturalWidth > 500"
        " || getComputedStyle(arguments[0]).backgroundImage != 'none'"
    )
    images = browser.wait(
        "figures", lambda: len(found := browser.all("tf-image-loader", "img")) >= 4 and found
    )
    browser.wait(
        "pictures", lambda: all(browser.driver.execute_script(loaded, image) for image in images)
    )
    shoot("images")


def test_hparams_have_a_row_and_a_line_a_trial(browser, addresses, shoot):
    browser.open(addresses["HParams"])
    rows = browser.wait(
        "rows",
        lambda: [text for text in browser.texts("vaadin-grid-cell-content") if ", rate " in text],
    )
    assert any("GD, depth 1" in row for row in rows)
    shoot("hparams_table")
    names = [name.upper() for name in browser.texts("paper-tab")]
    browser.all("paper-tab")[names.index("PARALLEL COORDINATES VIEW")].click()
    browser.wait("lines", lambda: len(browser.all("tf-hparams-parallel-coords-plot", "path")) >= 10)
    for button, name in zip(
        browser.all("paper-radio-button"), browser.texts("paper-radio-button"), strict=True
    ):
        if name == "Logarithmic":
            button.click()
    browser.wait(
        "lines on other axes",
        lambda: len(browser.all("tf-hparams-parallel-coords-plot", "path")) >= 10,
    )
    shoot("hparams_parallel_coordinates")


def test_text_has_table_claims_and_settings(browser, addresses, shoot):
    browser.open(addresses["Text"])

    def have(*expected):
        browser.wait(
            f"{expected}", lambda: set(expected) <= set(browser.texts("tf-markdown-view", "td"))
        )

    have("GD, depth 1", "AdaGrad", "did not hold")
    (heading,) = [
        button
        for button, name in zip(
            browser.all("button.heading"), browser.texts("button.heading"), strict=True
        )
        if name == "settings"
    ]
    # TensorBoard opens two categories by itself.
    browser.driver.execute_script("arguments[0].click()", heading)
    have("options.preset")
    shoot("text")


def test_distributions_are_those_of_the_deep_variants(browser, addresses, shoot):
    browser.open(addresses["Distributions, optimizer_compare"])
    found = browser.wait("charts", lambda: browser.all("tf-distribution-loader"))
    # One of the variants may be grey.
    browser.wait("areas", lambda: max(map(coloured_pixels, found)) > 300)
    runs = " ".join(browser.texts("tf-distribution-loader"))
    assert "GD, depth 3" in runs and "GD, depth 1" not in runs
    shoot("distributions")


def test_curves_are_there_while_it_trains_and_go_on_after_a_kill(browser, tmp_path, shoot):
    """Open the board seconds into a run, kill the run, and continue it under the same board."""
    with tensorboard(tmp_path) as address:
        with watched_run(tmp_path) as run:
            # TensorBoard looks for new files every five seconds.
            browser.wait("charts", lambda: answer(address, "plugin/custom_scalars/layout"))
            browser.open(f"{address}#custom_scalars")
            wait_for_lines(browser, 2)
            shoot("while_it_trains")
            before = killed_run(run, tmp_path)
        assert len(before) > 5
        with watched_run(tmp_path, pause=0) as run:
            run.join()
            assert run.exitcode == 0
        after = losses_of(tmp_path)
        assert [step for step, _ in after] == sorted({step for step, _ in after})
        assert {step for step, _ in before} - {step for step, _ in after} <= {before[-1][0]}

        def shown():
            (name,) = [name for name in answer(address, "runs") if name.endswith("/AdaGrad")]
            path = f"plugin/scalars/scalars?tag=loss&run={urllib.request.quote(name)}"
            return [step for _, step, _ in answer(address, path)]

        browser.wait("each step once", lambda: shown() == [step for step, _ in after])
        browser.open(f"{address}#custom_scalars")
        wait_for_lines(browser, 4)
        shoot("continued")
