"""tau of HG-DAgger: the doubt up to which a policy may be trusted.

Kelly et al., ICRA 2019: the mean of the last quarter of the doubts at which the human took over;
early ones belong to bad policies. A human whom another gate called did not judge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from il_core.spec import Spec
from il_core.types import Cause, Owner, Vector
from il_data.episode import Episode
from il_gating.gate_file import Fit
from il_gating.measure import Measure
from il_gating.thresholds import late_mean
from il_loop.gate_fit import FitInputs, Fitting
from il_loop.requests import requests


def fit(inputs: FitInputs) -> Fitting:
    """Fit tau; nothing where nobody has taken over yet, or only one member is there."""
    if inputs.bc.members < 2:
        return Fitting({}, 'one member has no doubt')
    doubts = doubts_at_takeover(inputs.episodes, inputs.spec)
    if not len(doubts):
        return Fitting({}, 'no take-over by the human yet')
    made = Fit({'doubt': late_mean(doubts)}, 0.0, len(doubts))
    return Fitting({inputs.gate: made}, 'interventions')


def doubts_at_takeover(episodes: Sequence[Episode], spec: Spec) -> Vector:
    """Return (K,) doubts of the policy that had the robot, at the ticks at which the human asked
    for it by himself and got it, in order of time; those not known are left out."""
    measure = Measure(spec)
    found = [measure.doubt(e.column('variance')[_takeovers(e)]) for e in episodes]
    doubts = np.concatenate(found) if found else np.empty(0)
    return doubts[np.isfinite(doubts)]


def _takeovers(episode: Episode) -> list[int]:
    """Return the rows at which the human asked by himself, and the last owner was the policy."""
    own = [r.row for r in requests(episode) if r.answered and r.cause is Cause.HUMAN_REQUEST]
    held = np.isin(episode.owners, (Owner.HUMAN, Owner.POLICY))
    return [row for row in own if _last(episode.owners[:row][held[:row]]) == Owner.POLICY]


def _last(owners: NDArray[np.uint8]) -> int:
    return int(owners[-1]) if len(owners) else Owner.UNKNOWN
