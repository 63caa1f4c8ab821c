"""Generated completion and sensing: ranks, spectra, what is observed, and bad input."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf import InputError
from overparam_tf.datasets import low_rank_matrix, matrix_completion, matrix_sensing


def test_the_spectrum_is_what_is_asked_for():
    values = (4.0, 2.0, 1.0)
    w = low_rank_matrix(12, 3, singular_values=values, seed=4)
    s = np.linalg.svd(w, compute_uv=False)
    np.testing.assert_allclose(s[:3] / s[2], values[:3], rtol=1e-10)
    assert s[3] < 1e-10 and np.isclose(np.linalg.norm(w), 12)


def test_completion_observes_entries_of_the_matrix_and_holds_out_the_rest():
    problem = matrix_completion(12, 3, 50, seed=4)
    held_out = problem.held_out
    assert (problem.observations, held_out.observations) == (50, 94)
    whole = np.where(problem.observed, problem.y, held_out.y)
    np.testing.assert_array_equal(whole, low_rank_matrix(12, 3, seed=4))
    assert problem.checksum == matrix_completion(12, 3, 50, seed=4).checksum
    assert problem.checksum != matrix_completion(12, 3, 50, seed=5).checksum


def test_sensing_has_labels_of_the_size_of_an_entry():
    problem = matrix_sensing(30, 2, 400)
    assert np.mean(problem.y**2) == pytest.approx(1, abs=0.2)
    assert (problem.features, problem.outputs) == (30, 30)
    np.testing.assert_array_equal(problem.held_out.y, low_rank_matrix(30, 2))


@pytest.mark.parametrize(
    "generate", [low_rank_matrix, matrix_completion, lambda size: matrix_sensing(size, 5, 10)]
)
def test_a_matrix_beyond_memory_is_refused_before_it_is_drawn(monkeypatch, generate):
    monkeypatch.setattr("overparam_tf.memory.available_memory", lambda: 10**6)
    with pytest.raises(InputError, match="fits into memory"):
        generate(1000)


@pytest.mark.parametrize("generate", [matrix_completion, matrix_sensing])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 1}, "an integer from 2 to 10000 for size"),
        ({"size": None}, "for size"),
        ({"size": 10, "rank": 11}, "an integer from 1 to 10 for rank"),
        ({"observations": 0}, "for observations"),
        ({"observations": 10**9}, "observations"),
        ({"observations": 1.5}, "for observations"),
        ({"singular_values": [1.0]}, "5 singular_values"),
        ({"singular_values": [1.0, 2.0, 3.0, 4.0, 0.0]}, "number > 0 for singular_values"),
        ({"singular_values": "12345"}, "a list for singular_values"),
        ({"seed": -1}, "for seed"),
    ],
)
def test_bad_input_is_one_clear_line(generate, arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        generate(**arguments)
    assert "\n" not in str(caught.value)
