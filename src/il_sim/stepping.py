"""What a step is in every world: the action is checked, the tick counted, the horizon kept."""

from __future__ import annotations

import numpy as np

from il_core.errors import InternalError, UserError
from il_core.spec import Spec
from il_core.types import Outcome, Vector


class Stepping:
    """Base of worlds. A subclass implements `_advance`, and says in `at_horizon` how an episode
    ends that nothing else has ended."""

    spec: Spec
    ticks: int
    outcome: Outcome
    at_horizon = Outcome.TIMEOUT

    def step(self, action: Vector) -> Outcome:
        """Apply (A,) for one control period; values beyond an axis' bounds are clipped.

        Raises:
            UserError: wrong size or not finite.
        """
        values = check_action(self.spec, action)
        if self.outcome is not Outcome.UNKNOWN:
            raise InternalError(f'step after {self.outcome.name}: reset first')
        self.ticks += 1
        self.outcome = self._advance(values)
        if self.outcome is Outcome.UNKNOWN and self.ticks >= self.spec.horizon:
            self.outcome = self.at_horizon
        return self.outcome

    def _restart(self) -> None:
        """Count from 0 again: part of every reset."""
        self.ticks, self.outcome = 0, Outcome.UNKNOWN

    def _advance(self, action: Vector) -> Outcome:
        """Go on by one control period with (A,) within bounds; UNKNOWN while nothing ends it."""
        raise NotImplementedError


def check_action(spec: Spec, action: Vector) -> Vector:
    """Return (A,) float64 clipped to the axes' bounds.

    Raises:
        UserError: wrong size or not finite.
    """
    values = np.asarray(action, np.float64)
    if values.shape != (len(spec.axes),):
        raise UserError('action shape', values.shape, f'must be ({len(spec.axes)},)')
    for name, value in zip(spec.axis_names, values.tolist(), strict=True):
        if not np.isfinite(value):
            raise UserError(f'action on axis {name}', value, 'must be finite')
    return np.clip(values, spec.low, spec.high)
