"""Thresholds from scores that were seen."""

from __future__ import annotations

import math

import numpy as np

from il_core.errors import UserError
from il_core.types import Vector


def exceeded_by(scores: Vector, share: float) -> float:
    """Return the smallest seen score that at most `share` of the (N,) scores are above.

    Differs from an interpolated quantile in that the promise holds exactly on the scores given.

    Raises:
        UserError: no scores, one that is not finite, or a share outside 0..1.
    """
    if not 0 <= share <= 1:
        raise UserError('alpha', share, 'must be 0 to 1')
    if not len(scores) or not np.isfinite(scores).all():
        raise UserError('scores', len(scores), 'must be at least one, all of them finite')
    # 1e-9: 0.1 of 30 scores are 3, though 30 * (1 - 0.1) is 27.000000000000004.
    below = math.ceil(len(scores) * (1 - share) - 1e-9)
    return float(np.sort(scores)[max(below - 1, 0)])


def late_mean(scores: Vector, last: float = 0.25) -> float:
    """Return the mean of the last share of (N,) scores in order of time: HG-DAgger's tau over the
    doubts at interventions (early ones belong to bad policies)."""
    if not len(scores):
        raise UserError('scores', 0, 'must be at least one')
    return float(np.mean(scores[-max(round(len(scores) * last), 1) :]))
