"""Reach: over a low wall, around the near end of a tall fence, to a goal where the gripper
closes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from il_core.types import Outcome, Vector
from il_sim import physics
from il_sim.robot import Sensed
from il_sim.tasks.reach_supervisor import Scene, guide
from il_sim.world import PandaWorld

WALL_HALF = (0.20, 0.012, 0.20)
FENCE_HALF = (0.15, 0.012, 0.275)


class ReachWorld(PandaWorld):
    """The world of config/tasks/reach.yaml; its params hold every number.

    SUCCESS: the hand is within `success_m` of the goal and the fingers are closed to less than
    `closed_m`, for `hold_ticks` in a row. FAILURE: an obstacle or the table presses on the arm
    with more than `hard_contact_n`, or touches it in `contact_ticks` ticks in a row. TIMEOUT at
    the horizon.
    """

    def _build(self) -> None:
        self._wall = physics.box(self._client, WALL_HALF, (0.85, 0.45, 0.15, 1))
        self._fence = physics.box(self._client, FENCE_HALF, (0.25, 0.35, 0.75, 1))
        radius = self.spec.task.params['success_m']
        self._ball = physics.ghost(self._client, radius, (0.1, 0.75, 0.2, 1))
        self._touching = self._held = 0
        self.scene = Scene(np.zeros(3), np.zeros(2), np.zeros(2))

    def _lay_out(self, rng: np.random.Generator) -> Vector:
        start, goal = self._draw(rng, 'start'), self._draw(rng, 'goal')
        self.scene = Scene(goal, self._draw(rng, 'wall'), self._draw(rng, 'fence'))
        self._touching = self._held = 0
        (wall_y, wall_z), (fence_x, fence_y) = self.scene.wall, self.scene.fence
        physics.place(self._client, self._wall, 0.48, wall_y, wall_z - WALL_HALF[2])
        physics.place(self._client, self._fence, fence_x + FENCE_HALF[0], fence_y, FENCE_HALF[2])
        physics.place(self._client, self._ball, *goal)
        return start

    def _seen(self, sensed: Sensed) -> Mapping[str, Vector]:
        x, y, z = sensed.hand
        (wall_y, wall_z), (fence_x, fence_y) = self.scene.wall, self.scene.fence
        return {
            'goal': self.scene.goal - sensed.hand,
            'wall': np.array([0.0, wall_y - y, wall_z - z]),
            'fence': np.array([fence_x - x, fence_y - y, 0.0]),
        }

    def _outcome(self, sensed: Sensed) -> Outcome:
        params = self.spec.task.params
        force = float(np.linalg.norm(self._force))
        self._touching = self._touching + 1 if force > 0 else 0
        if force > params['hard_contact_n'] or self._touching >= params['contact_ticks']:
            return Outcome.FAILURE
        near = float(np.linalg.norm(self.scene.goal - sensed.hand)) < params['success_m']
        self._held = self._held + 1 if near and sensed.width < params['closed_m'] else 0
        return Outcome.SUCCESS if self._held >= params['hold_ticks'] else Outcome.UNKNOWN

    def supervisor(self) -> Vector:
        """Return (4,): step of the hand x y z in m, width of the gripper in m."""
        return guide(self._sensed.hand, self.scene)
