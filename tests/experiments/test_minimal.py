"""The page itself: short, and its verdict follows from its numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments import minimal
from overparam_tf import load


def losses(shown):
    return [float(number) for number in re.findall(r"loss ([\d.]+)", shown)]


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(minimal, "FIGURE", tmp_path / "minimal" / "minimal.png")
    monkeypatch.setattr(minimal, "load", lambda name: load("synthetic"))
    return minimal


@pytest.mark.parametrize(
    ("steps", "verdict"), [(200, "did not accelerate"), (12_000, "accelerates")]
)
def test_the_verdict_follows_from_the_numbers(steps, verdict, page, monkeypatch, capsys):
    monkeypatch.setattr(page, "STEPS", steps)
    page.main()
    shown = capsys.readouterr().out
    plain, adagrad, product, floor = losses(shown)
    assert verdict in shown and "SYNTHETIC" in shown
    assert (product < min(plain, adagrad)) == (verdict == "accelerates")
    assert floor < min(plain, adagrad, product) and page.FIGURE.stat().st_size > 10_000


def test_it_is_one_page():
    assert len(Path(minimal.__file__).read_text().splitlines()) < 130
