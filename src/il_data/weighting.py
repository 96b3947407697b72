"""How much a step counts as a label, by what it is.

Where policy and human share an episode, what the human did in a bottleneck drowns in what went
well. Two published answers, both on all steps, the policy's own included (labelled with what was
really sent):

`iwr`: interventions weigh as much as everything else together (Mandlekar et al. 2020, Intervention
Weighted Regression, which draws half of every batch from either).

`sirius`: interventions weigh one half, demonstrations keep their share, steps of the policy get
the rest, and those in the `BEFORE` steps before a take-over none, since they led there (Liu et
al. 2023; a demonstration's share above one half leaves nothing for the policy).

Both are weights in the loss here, not ways to draw a batch: the same in the mean, with less noise.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from il_core.types import Owner, Vector
from il_data.episode import Episode

BEFORE = 15  # steps


class Kind(enum.IntEnum):
    """What a step is, as a label."""

    DEMONSTRATION = 0
    INTERVENTION = 1
    POLICY = 2
    BEFORE_TAKEOVER = 3


Kinds = NDArray[np.int64]


def kinds(episode: Episode) -> Kinds:
    """Return (N,) `Kind` of every step, whether it is a label or not. A demonstration is an
    episode in which the policy never acted."""
    policy = episode.owners == Owner.POLICY
    if not policy.any():
        return np.full(len(episode), Kind.DEMONSTRATION, np.int64)
    out: Kinds = np.where(policy, Kind.POLICY, Kind.INTERVENTION).astype(np.int64)
    acted = np.flatnonzero(policy | (episode.owners == Owner.HUMAN))
    for row in acted[:-1][policy[acted[:-1]] & ~policy[acted[1:]]] + 1:
        before = slice(max(row - BEFORE, 0), row)
        out[before][policy[before]] = Kind.BEFORE_TAKEOVER
    return out


def iwr(found: Kinds) -> Vector:
    """Return (N,) weights, 1 on average."""
    shares = np.bincount(found, minlength=len(Kind)) / max(len(found), 1)
    ours = shares[Kind.INTERVENTION]
    if not 0 < ours < 1:
        return np.ones(len(found))
    weights: Vector = np.where(found == Kind.INTERVENTION, 0.5 / ours, 0.5 / (1 - ours))
    return weights


def sirius(found: Kinds) -> Vector:
    """Return (N,) weights, 1 on average; 0 before a take-over, and where nothing else is there."""
    shares = np.bincount(found, minlength=len(Kind)) / max(len(found), 1)
    wanted = shares.copy()
    wanted[Kind.BEFORE_TAKEOVER] = 0.0
    if shares[Kind.INTERVENTION]:
        wanted[Kind.INTERVENTION] = 0.5
        wanted[Kind.DEMONSTRATION] = min(shares[Kind.DEMONSTRATION], 0.5)
    wanted[Kind.POLICY] = 0.0
    if shares[Kind.POLICY]:
        wanted[Kind.POLICY] = max(1 - wanted.sum(), 0.0)
    with np.errstate(divide='ignore', invalid='ignore'):
        factor = np.where(shares > 0, wanted / shares, 0.0) / (wanted.sum() or 1.0)
    weights: Vector = factor[found]
    return weights


# name -> weights of kinds; these learn from the policy's own steps, too.
WEIGHTINGS: Mapping[str, Callable[[Kinds], Vector]] = {'iwr': iwr, 'sirius': sirius}
