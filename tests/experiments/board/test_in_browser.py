"""Every dashboard of TensorBoard, opened at the board's address for it, shows the results.

Screenshots go to $SCREENSHOTS, or to the test's folder; with $SCREENSHOT_LOGS they show the runs
in that log folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.experiments.board.board_process import board
from tests.experiments.board.browsing import Browser, coloured_pixels, why_not

pytestmark = [pytest.mark.browser, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]


@pytest.fixture(scope="module")
def addresses(finished_run):
    logdir = os.environ.get("SCREENSHOT_LOGS", finished_run("optimizer_compare").logdir)
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


def test_time_series_draws_the_chosen_curves(browser, addresses, shoot):
    browser.open(addresses["Time Series"])
    cards = browser.wait("cards", lambda: len(found := browser.all("scalar-card")) >= 2 and found)
    browser.wait("curves", lambda: min(map(coloured_pixels, cards[:2])) > 300)
    titles = browser.texts("scalar-card .tag")
    assert any("best rates/part 1" in title for title in titles), titles
    shoot("time_series")


def test_custom_scalars_compare_the_variants(browser, addresses, shoot):
    browser.open(addresses["Custom Scalars, optimizer_compare"])
    card = "tf-custom-scalar-multi-line-chart-card"
    cards = browser.wait("cards", lambda: len(found := browser.all(card)) >= 2 and found)
    browser.wait("five variants", lambda: "Matches (5)" in browser.texts(card)[0])
    browser.wait("curves", lambda: min(map(coloured_pixels, cards[:2])) > 300)
    titles = " ".join(browser.texts("tf-category-paginated-view"))
    assert all(group in titles for group in ("best rates", "excess", "by depth", "by rate"))
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


def test_hparams_have_a_row_and_a_line_a_run(browser, addresses, shoot):
    browser.open(addresses["HParams"])
    rows = browser.wait(
        "rows",
        lambda: [text for text in browser.texts("vaadin-grid-cell-content") if "/lr=" in text],
    )
    assert any("optimizer_compare/" in row for row in rows)
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
    browser.wait("areas", lambda: coloured_pixels(found[0]) > 300)
    runs = " ".join(browser.texts("tf-distribution-loader"))
    assert "GD, depth 3" in runs and "GD, depth 1" not in runs
    shoot("distributions")
