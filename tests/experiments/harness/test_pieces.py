"""Pieces of a run: kept when it stops, divided into shares, and the same in every case."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from experiments.harness.command_line import PartOfRun
from experiments.harness.live_pieces import MINUTES, NO_LINES, LiveLines
from experiments.harness.options import ShareOptions
from experiments.harness.piece_results import PieceResult
from experiments.harness.pieces import KeptPieces, places_of_share, run_pieces
from experiments.harness.shares import Share, ShareFinished
from experiments.harness.tensorboard import Line
from overparam_tf import InputError
from overparam_tf.runlog import RunStatus, release_locks
from overparam_tf.stopping import StopSignals
from tests.event_files import events, scalars

PIECES = {f"number {number}": number for number in range(5)}


@pytest.fixture(autouse=True)
def no_lock_stays():
    yield
    release_locks()


def made(number):
    row = {"square": np.int64(number**2), "third": number / 3, "none": None, "nan": np.nan}
    return PieceResult([row], {"values": np.arange(number)})


def run(logdir, make=made, lines=NO_LINES, **options):
    release_locks()
    options = ShareOptions(str(logdir), "run", quiet=True, **options)
    record = options.record("made_up")
    kept = KeptPieces(options.open_folder(record, "run"), record)
    return run_pieces(kept, PIECES, make, options, title="made up", lines=lines)


def stopped_at(last, number=signal.SIGTERM, seen=None):
    def make(piece):
        if seen is not None:
            seen.append(piece)
        if piece == last:
            signal.raise_signal(number)
        return made(piece)

    return make


def test_what_was_done_before_a_signal_is_not_done_again(tmp_path):
    expected, seen = run(tmp_path / "whole"), []
    for last in (2, 4):
        with StopSignals(), pytest.raises(PartOfRun, match=f"{last} of 5"):
            run(tmp_path, stopped_at(last, seen=seen))
    results = run(tmp_path, stopped_at(None, seen=seen))
    assert seen == [0, 1, 2, 2, 3, 4, 4]
    assert repr(results) == repr(expected)


def test_shares_join_to_the_same_bits(tmp_path):
    expected = run(tmp_path / "whole")
    for number in (3, 1, 2):
        with pytest.raises(ShareFinished) as finished:
            run(tmp_path, share=f"{number}/3")
        finished.value.folder.write_status(RunStatus.FINISHED)
    options = ShareOptions(str(tmp_path), join="run").of_shares("made_up")
    assert (options.name, options.share) == ("run", None)
    joined = run(tmp_path, make=None, join="run")
    assert repr(joined) == repr(expected)


def test_missing_shares_are_named(tmp_path):
    for number in (2, 4):
        with pytest.raises(ShareFinished) as finished:
            run(tmp_path, share=f"{number}/5")
    finished.value.folder.write_status(RunStatus.FINISHED)
    with pytest.raises(InputError, match=r"missing: 1, 3, 5; running: 2\. Run each"):
        ShareOptions(str(tmp_path), join="run").of_shares("made_up")
    with pytest.raises(ShareFinished):
        run(tmp_path, share="1/2")
    with pytest.raises(InputError, match=r"one division.*shares of 2 and of 5"):
        ShareOptions(str(tmp_path), join="run").of_shares("made_up")
    with pytest.raises(InputError, match=r"shares of one division.*Received: none"):
        ShareOptions(str(tmp_path), join="walk").of_shares("made_up")
    with pytest.raises(InputError, match="is divided into shares"):
        run(tmp_path)


def test_a_share_of_other_settings_is_refused(tmp_path):
    for number, quick in ((1, False), (2, True)):
        with pytest.raises(ShareFinished) as finished:
            run(tmp_path, share=f"{number}/2", quick=quick)
        finished.value.folder.write_status(RunStatus.FINISHED)
    with pytest.raises(InputError, match=r"1-of-2.*2-of-2.*options\.quick: true now, false"):
        ShareOptions(str(tmp_path), join="run").of_shares("made_up")
    with pytest.raises(InputError, match=r"2-of-2 exists, of other settings: options\.quick"):
        run(tmp_path, share="2/2")


@pytest.mark.parametrize("share", ["0/3", "4/3", "3", "1/", "-1/3", "1.5/3", "a/b", "1/0", "٣/٤"])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(InputError, match="Expected a share I/N"):
        ShareOptions(share=share)


def test_more_shares_than_pieces_are_refused(tmp_path):
    with pytest.raises(InputError, match="at most 5 shares"):
        run(tmp_path, share="1/6")


def test_shares_of_pieces_are_balanced():
    costs = [7, 1, 1, 1, 5, 3, 2]
    shares = [places_of_share(costs, Share(number, 3)) for number in (1, 2, 3)]
    assert sorted(place for share in shares for place in share) == list(range(7))
    assert sorted(sum(costs[place] for place in share) for share in shares) == [6, 7, 7]


def test_tensorboard_shows_what_is_done_of_an_unfinished_run(tmp_path):
    def lines_of(result):
        (row,) = result.content
        yield Line("squares", f"third {row['third']:.2f}", ([1, 2], [row["square"], 0.5]))

    for last in (2, 4):
        with StopSignals(), pytest.raises(PartOfRun):
            run(tmp_path, stopped_at(last), lines=LiveLines(["squares"], lines_of))
        (folder,) = tmp_path.glob("made_up/run")
        shown = events(folder / "squares")
        assert list(shown) == [f"third {number / 3:.2f}" for number in range(last)]
        assert scalars(shown, "third 0.33") == {1: 1, 2: 0.5}
        minutes = scalars(events(folder / "charts"), MINUTES)
        assert list(minutes) == list(range(0 if last == 2 else 2, last + 1))
