"""The history of releases: kept from a run, ordered by version, and drawn with a run behind it."""

from __future__ import annotations

import json

import pytest

from experiments.benchmarks.step_cost.history import NOW, keep, read_history, with_run
from experiments.benchmarks.step_cost.keep_release import main
from overparam_tf import DataError, InputError
from overparam_tf.runlog import RunFolder


def test_a_release_is_kept_small(finished_run, tmp_path):
    run = RunFolder(finished_run("step_cost").path)
    path = keep(run.path.parents[1], run.name, "busy machine", folder=tmp_path)
    with pytest.raises(InputError, match="--replace"):
        keep(run.path.parents[1], run.name, folder=tmp_path)
    entry = json.loads(path.read_text())
    assert path.stem == entry["version"] and entry["ms"]["PyTorch loop"] == 10
    assert entry["versions"].keys() > {"python", "tensorflow"} and entry["over_products"]
    assert path.stat().st_size < 2000
    (tmp_path / "0.10.0.json").write_text(json.dumps({"version": "0.10.0", "ms": {"a": 1}}))
    (tmp_path / "0.9.0.json").write_text(json.dumps({"version": "0.9.0", "ms": {"a": 2}}))
    releases = read_history(tmp_path)
    assert list(releases["version"].unique()) == [
        f"{entry['version']}\nbusy machine",
        "0.9.0",
        "0.10.0",
    ]
    tables = run.read_table("results.csv"), run.read_table("rounds.csv")
    assert with_run(releases, run.read_config(), *tables)["version"].iloc[-1] == NOW


@pytest.mark.parametrize("arguments", [[], ["--run", "nothing"]])
def test_a_run_that_is_not_there_is_one_line(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([*arguments, "--logdir", str(tmp_path)])
    assert capsys.readouterr().err.startswith("keep_release: error: Expected")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": "1"}', '{"version": "1", "ms": {"a": []}}']
)
def test_a_damaged_release_is_one_line(text, tmp_path):
    (tmp_path / "1.json").write_text(text)
    with pytest.raises(DataError, match="Expected a release in"):
        read_history(tmp_path)
