"""Which rows a member sees, and when. Everything follows from the seed and the step number, so
that a resumed training needs no state of a random generator. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

# First entry of a seed sequence: what the numbers are for.
INIT, SPLIT, BOOTSTRAP, ORDER = range(4)


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers for training and validation; `by_episode` where no episode is in both."""

    train: Rows
    validation: Rows
    by_episode: bool


def split(episode: Rows, fraction: float, seed: int) -> Split:
    """Hold out about `fraction` of the rows: whole episodes where there are enough of them.

    One episode must not be more than twice the fraction asked for (five episodes for 0.1);
    otherwise single rows are drawn, which resemble the rows trained on.

    Args:
        episode: (N,) which episode a row belongs to.
        fraction: 0 holds out nothing.
    """
    rng = np.random.default_rng((SPLIT, seed))
    rows, names = np.arange(len(episode)), np.unique(episode)
    if fraction <= 0 or len(rows) < 2:
        return Split(rows, rows[:0], False)
    by_episode = len(names) * 2 * fraction >= 1 and len(names) > 1
    groups = names if by_episode else rows
    count = min(max(1, round(fraction * len(groups))), len(groups) - 1)
    held = rng.choice(groups, count, replace=False)
    out = np.isin(episode if by_episode else rows, held)
    return Split(rows[~out], rows[out], by_episode)


class Batches:
    """An endless stream of batches for every member.

    A member's rows are a bootstrap resample (n draws with replacement out of n rows), gone through
    in a new order each epoch; batches run on over the end of an epoch, so all are full.

    Args:
        rows: (n,) row numbers to draw from.
        members: number of members M.
        batch: rows per member and step, at most n.
        seed: makes the stream.
        bootstrap: False gives every member all rows.
    """

    def __init__(
        self, rows: Rows, members: int, batch: int, seed: int, bootstrap: bool = True
    ) -> None:
        self._batch, self._seed, self._members = batch, seed, range(members)
        self._rows = [self._resample(rows, m) if bootstrap else rows for m in self._members]
        self._orders: dict[int, Rows] = {}

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self._rows[0]) // self._batch)

    def at(self, step: int) -> Rows:
        """Return (M, batch) row numbers for a step."""
        count = len(self._rows[0])
        epoch, begin = divmod(step * self._batch, count)
        part = self._order(epoch)[:, begin : begin + self._batch]
        missing = self._batch - part.shape[1]
        if not missing:
            return part
        return np.concatenate((part, self._order(epoch + 1)[:, :missing]), axis=1)

    def _resample(self, rows: Rows, member: int) -> Rows:
        rng = np.random.default_rng((BOOTSTRAP, self._seed, member))
        return rows[rng.integers(len(rows), size=len(rows))]

    def _order(self, epoch: int) -> Rows:
        if epoch not in self._orders:
            self._orders = {e: o for e, o in self._orders.items() if e == epoch - 1}
            self._orders[epoch] = np.stack([self._shuffled(m, epoch) for m in self._members])
        return self._orders[epoch]

    def _shuffled(self, member: int, epoch: int) -> Rows:
        rng = np.random.default_rng((ORDER, self._seed, member, epoch))
        return rng.permutation(self._rows[member])
