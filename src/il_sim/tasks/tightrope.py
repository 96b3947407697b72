"""A rope of cues: one right action for each, and one way back after a slip. Shows what a shift of
the states costs: demonstrations never slip, so they do not show the way back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from il_core.types import Outcome, Vector
from il_sim.plain import PlainWorld, dot, line

GREEN, RED = (70, 150, 80), (190, 60, 50)


class TightropeWorld(PlainWorld):
    """The world of config/tasks/tightrope.yaml.

    On the rope every step shows one of `cues`, drawn at random; any action but the right one is a
    slip. Off the rope only the action `back` leads onto it again. What is right was drawn once, by
    `rope_seed`. The horizon ends an episode: SUCCESS without a slip, FAILURE otherwise.
    """

    def _begin(self) -> None:
        params = self.spec.task.params
        rope = np.random.default_rng(params['rope_seed'])
        actions = int(self.spec.high[0]) + 1
        self._right = rope.integers(actions, size=params['cues'])
        self._back = int(rope.integers(actions))
        self._on, self.cost = True, 0
        self._cue = int(self._rng.integers(params['cues']))

    def _advance(self, action: Vector) -> Outcome:
        self._on = round(float(action[0])) == int(self.supervisor()[0])
        self.cost += not self._on
        self._cue = int(self._rng.integers(self.spec.task.params['cues']))
        if self.ticks < self.spec.horizon:
            return Outcome.UNKNOWN
        return Outcome.FAILURE if self.cost else Outcome.SUCCESS

    def _values(self) -> Mapping[str, Vector]:
        return {'rope': np.array([self._cue if self._on else -1.0, float(self._on)])}

    def supervisor(self) -> Vector:
        """Return (1,) the right action."""
        return np.array([float(self._right[self._cue] if self._on else self._back)])

    def _draw(self, image: NDArray[np.uint8]) -> None:
        line(image, np.array([0.0, 0.5]), np.array([1.0, 0.5]))
        place = np.array([self.ticks / self.spec.horizon, 0.54 if self._on else 0.2])
        dot(image, place, 0.03, GREEN if self._on else RED)
