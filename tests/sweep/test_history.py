from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from overparam_tf import DataError, History, InputError, LpLoss, Sweep, Variant
from tests.cases import small_problem


@pytest.fixture(scope="module")
def history():
    variants = [
        Variant("GD", 1, learning_rates=(1e-3, 10.0)),
        Variant(
            "Adam, deep", 3, optimizer="adam", seeds=(0, 5), use_bias=True, use_factor_biases=True
        ),
    ]
    return Sweep(small_problem(), variants, LpLoss(4)).run(200, targets={"target": 1.0})


def test_what_is_saved_is_what_is_loaded(history, tmp_path):
    history.save(tmp_path)
    loaded = History.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.runs, history.runs, check_dtype=False)
    assert np.array_equal(loaded.losses, history.losses, equal_nan=True)
    assert np.array_equal(loaded.steps, history.steps)
    x = small_problem().x
    for seed in (0, 5):
        before, after = (
            h.model("Adam, deep", 1e-3, seed).predict(x, verbose=0) for h in (history, loaded)
        )
        assert np.array_equal(before, after)


def test_names_that_look_like_numbers_stay_names(tmp_path):
    variants = [Variant(name, learning_rates=(1e-3,)) for name in ("1", "2e3", "True")]
    Sweep(small_problem(), variants, LpLoss(2)).run(2).save(tmp_path)
    assert History.load(tmp_path).runs["variant"].tolist() == ["1", "2e3", "True"]


def test_saved_arrays_need_no_pickle(history, tmp_path):
    history.save(tmp_path)
    for path in tmp_path.glob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "fiU" for name in arrays)


@pytest.mark.parametrize("name", ["results.csv", "curves.npz", "weights.npz"])
@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:20])]
)
def test_a_damaged_folder_is_refused_in_one_line(history, tmp_path, name, damage):
    history.save(tmp_path)
    damage(tmp_path / name)
    with pytest.raises(DataError) as caught:
        History.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_frame_is_tidy(history):
    frame = history.frame()
    assert list(frame) == ["variant", "learning_rate", "seed", "step", "loss"]
    one = frame[(frame["variant"] == "GD") & (frame["learning_rate"] == 1e-3)]
    assert np.array_equal(one["loss"], history.losses[:, 0])


def test_a_joined_history_keeps_every_curve(history):
    other = Sweep(small_problem(), [Variant("late", 2)], LpLoss(4)).run(
        333, targets={"target": 1.0}
    )
    joined = history.join(other)
    for source in (history, other):
        for row in source.runs.itertuples():
            key = row.variant, row.learning_rate, row.seed
            assert all(
                np.array_equal(a, b)
                for a, b in zip(joined.curve(*key), source.curve(*key), strict=True)
            )
    assert joined.model("late", 1e-3).count_params() == 7


def test_a_run_must_be_named_exactly(history):
    with pytest.raises(InputError, match="Expected one run"):
        history.curve("Adam, deep", 1e-3)  # two seeds
