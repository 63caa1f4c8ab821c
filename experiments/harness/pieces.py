"""Runs in pieces that do not depend on one another: what is done is kept while others go on."""

from __future__ import annotations

import contextlib
import heapq
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from experiments.harness.command_line import PartOfRun
from experiments.harness.live_pieces import NO_LINES, LiveLines, live_pieces
from experiments.harness.options import RunOptions, ShareOptions
from experiments.harness.piece_results import PieceResult, pack, unpack
from experiments.harness.shares import Share, ShareFinished, finished_shares
from experiments.harness.work_report import WorkReport
from overparam_tf.checkpoints import Checkpoints
from overparam_tf.errors import InputError
from overparam_tf.messages import print_to_stderr
from overparam_tf.runlog import RunFolder
from overparam_tf.runlog.resume import settings
from overparam_tf.stopping import deferred

P = TypeVar("P")
# The results of a finished share.
PIECES = "pieces.npz"


class KeptPieces:
    """The results of the pieces that are done, in the checkpoints of a run folder.

    A result is the same whether this process made it or an earlier one: its content goes through
    JSON in both cases.

    Args:
        folder: The run folder, locked.
        record: Its config.json, which says of which run the results are.
        seconds_between_checkpoints: Least time between two checkpoints; default 10. A crash
            destroys that much work, and the piece in progress.
    """

    def __init__(
        self,
        folder: RunFolder,
        record: Mapping[str, Any],
        seconds_between_checkpoints: float = 10.0,
    ):
        self.folder, self._pause = folder, seconds_between_checkpoints
        self._checkpoints = Checkpoints(folder.checkpoints / "pieces", settings(dict(record)))
        newest = self._checkpoints.newest()
        self._results = {} if newest is None else unpack(newest.arrays)
        self._are_saved, self._saved_at = True, time.monotonic()

    def __contains__(self, name: str) -> bool:
        return name in self._results

    def __getitem__(self, name: str) -> PieceResult:
        return self._results[name]

    def add(self, name: str, result: PieceResult) -> None:
        """Keep the result of a piece, and save all if the last checkpoint is old enough.

        Raises:
            KeyboardInterrupt: If a stop signal was noted while the piece was being made. It may be
                cut short, and is not kept.
        """
        with deferred() as stop:
            if stop.signal:
                raise KeyboardInterrupt
            self._results[name] = result.through_json()
            self._are_saved = False
            if time.monotonic() - self._saved_at >= self._pause:
                self.save()
        if stop.signal:
            raise KeyboardInterrupt

    def save(self) -> None:
        """Save all results, unless they are saved already."""
        if not self._are_saved:
            self._checkpoints.save(len(self._results), pack(self._results))
        self._are_saved, self._saved_at = True, time.monotonic()

    @contextlib.contextmanager
    def saved_at_the_end(self, pieces: Collection[str]) -> Iterator[None]:
        """Open a block in which pieces are made; whatever ends it, those that are done are saved.

        Args:
            pieces: The names of all pieces.

        Raises:
            PartOfRun: If a stop signal ends it.
        """
        try:
            yield
        except KeyboardInterrupt:
            done = sum(name in self for name in pieces)
            raise PartOfRun(self.folder, f"{done} of {len(pieces)} pieces are done") from None
        finally:
            with deferred():
                self.save()


def run_pieces(
    kept: KeptPieces,
    pieces: Mapping[str, P],
    make: Callable[[P], PieceResult],
    options: RunOptions,
    *,
    title: str,
    costs: Sequence[int] | None = None,
    begin: Callable[[str], object] | None = None,
    lines: LiveLines = NO_LINES,
) -> dict[str, PieceResult]:
    """Return the results of all pieces by name; those that are kept already are not made again.

    A stop signal ends the piece in progress and saves the others. Of a share only its own pieces
    are made; of a run that shares join to, none.

    Args:
        kept: The results so far.
        pieces: The pieces by name.
        make: Returns the result of a piece.
        options: The options of the run.
        title: Name of the run for the progress bar.
        costs: About what each piece costs, whole numbers; default None, all the same.
        begin: Called with the name of each piece before it is made, in place of the bar and of
            TensorBoard's view of the pieces, for what no other work may disturb; default None.
        lines: The lines that TensorBoard shows of each result as soon as it is there; default none.

    Raises:
        PartOfRun: If a stop signal came.
        ShareFinished: If all pieces of a share are done.
    """
    share, names = None, list(pieces)
    if isinstance(options, ShareOptions):
        share = options.chosen_share
        if options.join is not None:
            return read_shares(kept.folder, names)
    names = names_of_share(names, costs or [1] * len(names), share)
    left = [name for name in names if name not in kept]
    done, is_quiet = len(names) - len(left), options.quiet
    if done and not is_quiet:
        print_to_stderr(f"{title}: {done} of {len(names)} pieces are done already.")
    with contextlib.ExitStack() as stack:
        show = None
        if begin is None:
            begin = stack.enter_context(
                WorkReport(title, len(names), is_quiet, done=done, is_live=True)
            )
            show = stack.enter_context(live_pieces(kept.folder, lines))
            show(done, [kept[name] for name in names if name in kept])
        stack.enter_context(kept.saved_at_the_end(names))
        for number, name in enumerate(left, done + 1):
            begin(name)
            kept.add(name, make(pieces[name]))
            if show is not None:
                show(number, [kept[name]])
    results = {name: kept[name] for name in names}
    if share is not None:
        finish_share(kept.folder, share, results)
    return results


def finish_share(folder: RunFolder, share: Share, results: Mapping[str, PieceResult]) -> NoReturn:
    """Write the results of a share, for `read_shares`, and end it.

    Raises:
        ShareFinished: Always.
    """
    folder.write_arrays(PIECES, pack(results))
    raise ShareFinished(folder, share)


def read_shares(run: RunFolder, names: Collection[str]) -> dict[str, PieceResult]:
    """Return the results of all pieces from the finished shares of a run.

    Raises:
        InputError: If a share is missing or unfinished, or a piece is in none of them.
    """
    results: dict[str, PieceResult] = {}
    for folder in finished_shares(run):
        results |= unpack(folder.read_arrays(PIECES))
    missing = [name for name in names if name not in results]
    if missing:
        raise InputError(
            f"Expected {len(names)} pieces in the shares of {run.path}. "
            f"Received: all but {len(missing)}, the first of them {missing[0]!r}"
        )
    return {name: results[name] for name in names}


def names_of_share(names: Sequence[str], costs: Sequence[int], share: Share | None) -> list[str]:
    """Return the names of the pieces of a share; those of all pieces without a share."""
    if share is None:
        return list(names)
    return [names[place] for place in places_of_share(costs, share)]


def places_of_share(costs: Sequence[int], share: Share) -> list[int]:
    """Return the places of the pieces of a share.

    The dearest piece goes first, each to the share that has the least to do so far.

    Args:
        costs: The cost of each piece.
        share: The share.

    Raises:
        InputError: If there are more shares than pieces.

    Example:
        >>> [places_of_share([5, 1, 1, 3], Share(number, 2)) for number in (1, 2)]
        [[0], [1, 2, 3]]
    """
    if share.of > len(costs):
        raise InputError(
            f"Expected at most {len(costs)} shares, one for each piece of the run. "
            f"Received: --share {share.number}/{share.of}"
        )
    loads = [(0, number) for number in range(1, share.of + 1)]
    own = []
    for place in sorted(range(len(costs)), key=lambda place: -costs[place]):
        load, number = heapq.heappop(loads)
        if number == share.number:
            own.append(place)
        heapq.heappush(loads, (load + costs[place], number))
    return sorted(own)
