"""Thresholds of several scores at once, from a share of states on which a human may be asked.

ThriftyDAgger (Hoque et al., CoRL 2021) gives every score its own quantile; any of them asks, so
the union of both asks on up to twice the share. `budget` meets the share with the union.
"""

from __future__ import annotations

import numpy as np

from il_core.errors import UserError
from il_core.types import Vector
from il_gating.thresholds import exceeded_by

CALIBRATIONS = ('paper', 'budget')


def calibrate(scores: Vector, alpha: float, calibration: str) -> Vector:
    """Return (K,) thresholds for (N, K) scores of states on which the policy acted.

    Args:
        alpha: share of states on which the human may be asked.
        calibration: `paper`: each score alone is above its threshold on that share; `budget`: any
            of them is. With `budget` every score gets the same share of its own.

    Raises:
        UserError: no scores, one that is not finite, a share outside 0..1, or an unknown
            calibration.
    """
    if calibration not in CALIBRATIONS:
        raise UserError('calibration', calibration, 'not known', CALIBRATIONS)
    alone = np.array([exceeded_by(column, alpha) for column in scores.T])
    if calibration == 'paper':
        return alone
    # The rank of a state is its best place in any of the scores, 0 being the largest: the k best
    # places of every score together belong to the states of a rank below k.
    falling = np.argsort(-scores, axis=0, kind='stable')
    places = np.empty_like(falling)
    np.put_along_axis(places, falling, np.arange(len(scores))[:, None], axis=0)
    ranks = np.sort(places.min(axis=1))
    last = ranks[min(int(len(scores) * alpha + 1e-9), len(scores) - 1)]
    together: Vector = np.take_along_axis(scores, falling[last : last + 1], axis=0)[0]
    return together
