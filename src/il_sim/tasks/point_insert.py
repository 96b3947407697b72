"""A point that has to find a narrow hole in a plate: insertion without a physics engine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from il_core.types import Outcome, Vector
from il_sim.plain import PlainWorld, dot, line

RUB = 0.2  # of a step along the plate is left where the point presses on it
GAIN, FASTEST_M = 0.15, 0.01
HOVER_M, FUNNEL_M = 0.02, 0.01
ORANGE = (217, 115, 38)


class PointInsertWorld(PlainWorld):
    """The world of config/tasks/point_insert.yaml; its params hold every number of the scene.

    SUCCESS: `depth_m` below the plate, which is only possible within `hole_m` of the hole's
    middle. TIMEOUT at the horizon. Every step is off by Gaussian noise of `noise_m` per axis.
    """

    def _begin(self) -> None:
        ranges = self.spec.task.params['ranges']
        self._point, self._hole = (
            self._rng.uniform(ranges[name]['low'], ranges[name]['high'])
            for name in ('start', 'hole')
        )
        self._point = np.asarray(self._point, np.float64)

    def _advance(self, action: Vector) -> Outcome:
        params = self.spec.task.params
        low, high = (np.array(params['workspace'][end]) for end in ('low', 'high'))
        step = action[:3] + params['noise_m'] * self._rng.standard_normal(3)
        target = np.clip(self._point + step, low, high)
        inside = self._point[2] < 0
        off = target[:2] - self._hole
        beside = float(np.hypot(*off))
        if inside:  # the wall of the hole holds it
            target[:2] = self._hole + off * min(1.0, params['hole_m'] / max(beside, 1e-9))
        elif target[2] < 0 and beside > params['hole_m']:  # on the plate
            target[:2] = self._point[:2] + RUB * step[:2]
            target[2] = 0.0
        self._point = target
        return Outcome.SUCCESS if target[2] < -params['depth_m'] else Outcome.UNKNOWN

    def _values(self) -> Mapping[str, Vector]:
        return {
            'ee_pose': self._point.copy(),
            'hole': np.append(self._hole - self._point[:2], -self._point[2]),
        }

    def supervisor(self) -> Vector:
        """Return (3,) m: over the hole, then down; up again where it slid off."""
        off = self._hole - self._point[:2]
        beside, inside = float(np.hypot(*off)), self._point[2] < 0
        safe = 0.5 * self.spec.task.params['hole_m']
        share = 0.0 if inside else float(np.clip((beside - safe) / FUNNEL_M, 0.0, 1.0))
        deep = -2 * self.spec.task.params['depth_m']
        height = HOVER_M * share if beside > safe and not inside else deep
        step = np.append(off, height - self._point[2]) * GAIN
        return np.clip(step, -FASTEST_M, FASTEST_M)

    def _draw(self, image: NDArray[np.uint8]) -> None:
        workspace = self.spec.task.params['workspace']
        low, high = (np.array(workspace[end]) for end in ('low', 'high'))

        def at(x: float, z: float) -> Vector:
            return np.array([(x - low[0]) / (high[0] - low[0]), (z + 0.05) / (high[2] + 0.1)])

        half = max(self.spec.task.params['hole_m'], 0.004)
        line(image, at(low[0], 0), at(self._hole[0] - half, 0))
        line(image, at(self._hole[0] + half, 0), at(high[0], 0))
        dot(image, at(self._point[0], self._point[2]), 0.02, ORANGE)
