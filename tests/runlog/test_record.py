"""Foreign and damaged config.json files: each is one line, whoever reads it."""

from __future__ import annotations

import json

import pytest

from overparam_tf import DataError, InputError
from overparam_tf.runlog import RunFolder, open_run, release_locks

NESTED = "[" * 100_000 + "]" * 100_000
DAMAGED = {
    "empty": "",
    "half an object": "{",
    "a list": "[]",
    "null": "null",
    "not a number": '{"options": {"rate": NaN}}',
    "deep": f'{{"options": {{"a": {"[" * 50}{"]" * 50}}}}}',
    "deeper than Python": f'{{"options": {NESTED}}}',
    "an endless integer": f'{{"options": {{"steps": {"9" * 5000}}}}}',
    **{
        f"{name}: {value}": json.dumps({name: value})
        for name, values in {
            "options": (None, [], 3),
            "data": ("x", [], {"label": 3}, {"synthetic": "yes"}, {"name": None}),
            "status": (None, 3),
            "started": (5, "yesterday", "2020-01-01T00:00:00"),
            "command": ("abc", [1], None),
            "versions": (None, [], {"keras": 3}),
            "variables": (None, [], {"XLA_FLAGS": 3}),
            "machine": (None, 3),
            "commit": (3, {}),
            "python": ([], None),
            "parts": ([], {"L2": 3}, {"L2": [3]}),
            "losses": (3, [3]),
            "experiment": (3,),
        }.items()
        for value in values
    },
}


@pytest.mark.parametrize("fault", DAMAGED)
def test_it_is_one_line(fault, tmp_path):
    (tmp_path / "config.json").write_text(DAMAGED[fault])
    with pytest.raises(DataError, match=r"readable config\.json") as caught:
        RunFolder(tmp_path).read_config()
    line = str(caught.value)
    assert "\n" not in line and len(line) < 500


@pytest.mark.parametrize("content", [{}, {"data": None}, {"commit": None, "more": [1, {}]}])
def test_what_is_missing_or_more_is_let_through(content, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert RunFolder(tmp_path).read_config() == content


def test_resume_passes_over_foreign_folders(tmp_path):
    for number, content in enumerate(DAMAGED.values()):
        folder = tmp_path / "plateau" / f"run-{number}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(content)
    (tmp_path / "plateau" / "link").mkdir()
    (tmp_path / "plateau" / "link" / "config.json").symlink_to(tmp_path / "nowhere")
    record = {"options": {"steps": 1}}
    unfinished = RunFolder.create(tmp_path, "plateau", "mine")
    unfinished.write_config({**record, "status": "interrupted"})
    release_locks()
    assert open_run(tmp_path, "plateau", record, default_name="x", resume=True).name == "mine"
    release_locks()
    with pytest.raises(InputError, match="unfinished run of these settings"):
        open_run(tmp_path, "plateau", {"options": {}}, default_name="x", resume=True)


def test_letters_that_utf_8_lacks_come_back(tmp_path):
    record = {"options": {"logdir": "caf\udce9"}}
    RunFolder(tmp_path).write_config(record)
    assert RunFolder(tmp_path).read_config() == record
