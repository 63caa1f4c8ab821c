"""The verdicts on which optimizer keeps the low-rank bias."""

from __future__ import annotations

import pandas as pd

from experiments.optimizer_bias.claims import best_runs, bias_table, claims_of

ERRORS = {"SGD": 1e-2, "Adam": 2e-2, "RMSprop": 3e-2, "Lion": 5e-2, "Muon": 1.0}
RANKS = {"SGD": 3.0, "Adam": 3.1, "RMSprop": 4.5, "Lion": 4.0, "Muon": 20.0}


def made_up(third_factor=0.01):
    """Return runs whose third factor multiplies every error but Muon's."""
    rows = []
    for optimizer, error in ERRORS.items():
        for depth in (2, 3):
            factor = third_factor if depth == 3 and optimizer != "Muon" else 1.0
            for draw in range(3):
                for rate, times in ((0.1, 1), (0.2, 3), (0.4, 0.01)):
                    status = "slow" if rate == 0.4 else "fitted"
                    row = {"problem": "completion", "optimizer": optimizer, "depth": depth}
                    row |= {"draw": draw, "rate": rate, "status": status, "steps": 9, "loss": 1e-4}
                    size = error * factor * times * (1 + draw / 10)
                    rows.append({**row, "error": size, "rank": RANKS[optimizer]})
    return pd.DataFrame(rows)


def verdicts(results):
    return {claim.text: claim.held for claim in claims_of(results)}


def test_only_fitted_runs_count_and_the_best_rate_of_each():
    best = best_runs(made_up())
    assert set(best["rate"]) == {0.1} and len(best) == 5 * 2 * 3


def test_verdicts_follow_the_numbers():
    whole = verdicts(made_up())
    assert len(whole) == 2 * 4 + 5
    lost = [text for text, verdict in whole.items() if "loses" in text and verdict]
    assert len(lost) == 2 and all("Muon" in text for text in lost)
    assert all(verdict for text, verdict in whole.items() if "Adam recovers" in text)
    assert all(verdict for text, verdict in whole.items() if "overshoots" in text)
    restored = {text: verdict for text, verdict in whole.items() if "third factor" in text}
    assert [text for text, verdict in restored.items() if not verdict] == [
        "completion: a third factor restores the bias of Muon, which mixes entries: "
        "a 10th of the error or less"
    ]


def test_an_optimizer_that_fitted_nothing_leaves_its_claims_open():
    results = made_up()
    results.loc[results["optimizer"].isin(["Muon", "Adam"]), "status"] = "diverged"
    held = verdicts(results)
    assert all(v is None for text, v in held.items() if "Muon" in text or "Adam" in text)
    assert "0 of 9" in bias_table(results)["fitted"].tolist()
    results["status"] = "slow"
    assert set(verdicts(results).values()) == {None}
