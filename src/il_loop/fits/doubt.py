"""tau of HG-DAgger: the doubt up to which a policy may be trusted.

Kelly et al., ICRA 2019: the mean of the last quarter of the doubts at which the human took over;
early ones belong to bad policies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from il_core.spec import Spec
from il_core.types import Owner, Vector
from il_data.episode import Episode
from il_gating.gate_file import Fit
from il_gating.measure import Measure
from il_gating.thresholds import late_mean
from il_loop.gate_fit import FitInputs, Fitting


def fit(inputs: FitInputs) -> Fitting:
    """Fit tau; nothing where nobody has taken over yet, or only one member is there."""
    if inputs.bc.members < 2:
        return Fitting({}, 'one member has no doubt')
    doubts = doubts_at_takeover(inputs.episodes, inputs.spec)
    if not len(doubts):
        return Fitting({}, 'no intervention yet')
    made = Fit({'doubt': late_mean(doubts)}, 0.0, len(doubts))
    return Fitting({inputs.gate: made}, 'interventions')


def doubts_at_takeover(episodes: Sequence[Episode], spec: Spec) -> Vector:
    """Return (K,) doubts of the policy that had the robot, at the ticks at which the human got it,
    in order of time; those not known are left out."""
    measure = Measure(spec)
    found = [measure.doubt(e.column('variance')[_takeovers(e)]) for e in episodes]
    doubts = np.concatenate(found) if found else np.empty(0)
    return doubts[np.isfinite(doubts)]


def _takeovers(episode: Episode) -> NDArray[np.intp]:
    """Return the rows at which the human owns the robot and the last owner was the policy."""
    rows = np.flatnonzero(np.isin(episode.owners, (Owner.HUMAN, Owner.POLICY)))
    human = episode.owners[rows] == Owner.HUMAN
    taken: NDArray[np.intp] = rows[1:][human[1:] & ~human[:-1]]
    return taken
