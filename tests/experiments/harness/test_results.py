"""Results of a run: what is written is read again, cells and verdicts by hand, damaged files."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from experiments.harness.results import (
    RESULTS,
    Claim,
    ResultTable,
    cell,
    ordering,
    print_claims,
    print_table,
    read_results,
    settings_table,
    write_results,
)
from overparam_tf import DataError
from overparam_tf.runlog import RunFolder
from tests.event_files import events

TABLE = pd.DataFrame({"name": ["a|b", "c"], "loss": [0.12345678, np.nan], "steps": [1234567, 2]})
CLAIMS = [Claim("a < b", np.True_, "1 < 2"), Claim("a > b", False, ""), Claim("a = b", None, "?")]


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder.create(tmp_path, "depth_compare", "run")
    folder.write_config({"options": {"steps": 3, "data": "gas"}, "versions": {"numpy": "2"}})
    return folder


def test_results_are_read_as_they_were_written(folder):
    figure = folder.figures / "loss.png"
    write_results(folder, {"Losses": TABLE, "Again": TABLE}, CLAIMS, [], advice="none")
    results = read_results(folder)
    rows = [["a|b", "0.1235", "1,234,567"], ["c", "", "2"]]
    assert [table.title for table in results.tables] == ["Losses", "Again"]
    assert results.tables[0].columns == ["name", "loss", "steps"] and results.tables[1].rows == rows
    assert [claim.held for claim in results.claims] == [True, False, None]
    assert [claim.verdict for claim in results.claims] == ["held", "did not hold", "cannot tell"]
    assert not figure.exists() and results.figures == []
    texts = events(folder.path / "charts")
    assert {"losses", "again", "claims", "settings", "advice"} <= set(texts)


DAMAGES = {
    "missing": None,
    "cut": "{",
    "a list": "[]",
    "without claims": '{"tables": [], "figures": []}',
    "a claim of text": '{"tables": [], "figures": [], "claims": ["held"]}',
    "rows of numbers": '{"tables": [{"title": "", "columns": [], "rows": [3]}]}',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_results_name_the_command_that_writes_them_again(damage, folder):
    if DAMAGES[damage] is not None:
        (folder.path / RESULTS).write_text(DAMAGES[damage])
    with pytest.raises(DataError) as caught:
        read_results(folder)
    command = f"python -m experiments.depth_compare --redraw {folder.path}"
    assert command in str(caught.value) and "\n" not in str(caught.value)


def test_figures_are_only_looked_for_in_the_folder(folder):
    content = {"tables": [], "claims": [], "figures": ["../../secret.png"]}
    (folder.path / RESULTS).write_text(json.dumps(content))
    assert read_results(folder).figures == [folder.path / "figures" / "secret.png"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000123456, "0.0001235"),
        (np.float32(1500.04), "1500"),
        (1e-9, "1e-09"),
        (1234567, "1,234,567"),
        (np.int64(1000), "1,000"),
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
        ("GD, depth 2", "GD, depth 2"),
        (True, "True"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


@pytest.mark.parametrize(
    ("losses", "held"),
    [({"a": 1.0, "b": 2.0}, True), ({"a": 2.0, "b": 2.0}, False), ({"a": 1.0, "b": None}, None)],
)
def test_an_ordering_holds_if_losses_rise(losses, held):
    claim = ordering("a < b", losses)
    assert claim.held is held and claim.numbers.startswith("a ")
    assert ("b diverged" in claim.numbers) == (held is None)


def test_a_bar_in_a_cell_does_not_end_it():
    lines = ResultTable.from_frame("", TABLE).markdown().splitlines()
    assert lines[:3] == [
        "| name | loss | steps |",
        "| --- | --- | --- |",
        r"| a\|b | 0.1235 | 1,234,567 |",
    ]


def test_settings_have_dotted_names():
    rows = settings_table({"a": {"b": {"c": 1}, "d": "text"}, "e": [1, None]}).values.tolist()
    assert rows == [["a.b.c", "1"], ["a.d", "text"], ["e", "[1, null]"]]


@pytest.mark.parametrize("label", ["[/x]", "[bold]", ":smile:", "a\\", "$x_{$"])
def test_labels_are_printed_letter_by_letter(label):
    output = io.StringIO()
    console = Console(file=output, width=120)
    print_table(pd.DataFrame({label: [label]}), f"title {label}", console)
    print_claims([Claim(f"text {label}", True, f"numbers {label}")], console)
    assert output.getvalue().count(label) == 5


@pytest.mark.parametrize(
    "content",
    [
        {"tables": None},
        {"tables": [{"title": "t", "columns": ["a", "b"], "rows": [["1"]]}]},
        {"tables": [{"title": "t", "columns": [], "rows": [[]]}]},
        {"tables": [{"title": "t", "columns": "ab", "rows": ["xy"]}]},
        {"tables": [{"title": "t", "columns": ["a"], "rows": [[["1"]]]}]},
        {"claims": [{}]},
        {"claims": [{"text": "t", "held": [], "numbers": ""}]},
        {"claims": [{"text": 3, "held": None, "numbers": ""}]},
        {"figures": [3]},
    ],
    ids=str,
)
def test_a_report_of_other_types_is_one_line(content, folder):
    report = {"tables": [], "claims": [], "figures": [], **content}
    folder.write_text(RESULTS, json.dumps(report))
    with pytest.raises(DataError, match=r"readable report\.json .* Write it again") as caught:
        read_results(folder)
    assert "\n" not in str(caught.value)
