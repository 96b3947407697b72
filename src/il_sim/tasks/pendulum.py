"""An inverted pendulum under random pushes: falls, if nobody balances it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from il_core.types import Outcome, Vector
from il_sim.plain import PlainWorld, dot, line

GRAVITY = 9.81
STIFF, DAMP = 90.0, 16.0  # of the supervisor, (rad/s2) per rad and per rad/s
BLUE = (64, 89, 191)


class PendulumWorld(PlainWorld):
    """The world of config/tasks/pendulum.yaml.

    The action is an angular acceleration at the pivot (rad/s2). FAILURE: more than `fallen_rad`
    from upright. SUCCESS: still up at the horizon. Pushes are Gaussian, `push` rad/s2 per step.
    """

    at_horizon = Outcome.SUCCESS

    def _begin(self) -> None:
        start = self.spec.task.params['start']
        self._angle, self._speed = self._rng.uniform(-1, 1, 2) * np.array(start)

    def _advance(self, action: Vector) -> Outcome:
        params, dt = self.spec.task.params, 1 / self.spec.robot.rate_hz
        push = params['push'] * self._rng.standard_normal()
        pull = GRAVITY / params['length_m'] * np.sin(self._angle)
        self._speed += dt * (pull + float(action[0]) + push)
        self._angle += dt * self._speed
        return Outcome.FAILURE if abs(self._angle) > params['fallen_rad'] else Outcome.UNKNOWN

    def _values(self) -> Mapping[str, Vector]:
        return {'pendulum': np.array([self._angle, self._speed])}

    def supervisor(self) -> Vector:
        """Return (1,) rad/s2: proportional and derivative."""
        wanted = -STIFF * self._angle - DAMP * self._speed
        bounded: Vector = np.clip([wanted], self.spec.low, self.spec.high)
        return bounded

    def _draw(self, image: NDArray[np.uint8]) -> None:
        pivot = np.array([0.5, 0.2])
        tip = pivot + 0.6 * np.array([np.sin(self._angle), np.cos(self._angle)])
        line(image, pivot, tip, 4)
        dot(image, tip, 0.04, BLUE)
