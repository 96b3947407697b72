"""Peg insertion: grasp a ring by its handle and lower it over a standing peg. Contact and friction
do it all: nothing is attached, nothing teleports."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pybullet

from il_core.types import Outcome, Vector
from il_sim import physics
from il_sim.robot import Sensed
from il_sim.tasks.peg_insert_supervisor import Scene, guide
from il_sim.world import PandaWorld

PEG_RADIUS = 0.012
PEG_HEIGHT = 0.07
HOLE_HALF = 0.015  # 3 mm more than the peg's radius
WALL = 0.008
HALF_HEIGHT = 0.01
OUTER = HOLE_HALF + WALL
HANDLE_HALF = (0.030, 0.008)  # along and across
GRIP = OUTER + HANDLE_HALF[0]  # the handle's middle, from the hole's
DENSITY = 1500.0  # kg/m3
RING_COLOUR = (0.85, 0.45, 0.15, 1.0)
PEG_COLOUR = (0.25, 0.35, 0.75, 1.0)


def _boxes() -> list[tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Return the ring as boxes (half extents, centre) from the middle of the hole."""
    side = HOLE_HALF + WALL / 2
    across, along = (WALL / 2, OUTER, HALF_HEIGHT), (HOLE_HALF, WALL / 2, HALF_HEIGHT)
    return [
        (across, (side, 0.0, 0.0)),
        (across, (-side, 0.0, 0.0)),
        (along, (0.0, side, 0.0)),
        (along, (0.0, -side, 0.0)),
        ((*HANDLE_HALF, HALF_HEIGHT), (GRIP, 0.0, 0.0)),
    ]


VOLUMES = np.array([8 * np.prod(half) for half, _ in _boxes()])
# From the middle of the hole to the centre of mass, along the handle.
BALANCE = float(VOLUMES @ [centre[0] for _, centre in _boxes()] / VOLUMES.sum())


class PegInsertWorld(PandaWorld):
    """The world of config/tasks/peg_insert.yaml; its params hold every number but the shapes.

    SUCCESS: the ring is around the peg, its lower edge `insert_m` below the peg's top, for
    `hold_ticks` in a row. FAILURE: the ring leaves the box `reach`, or the world presses on the
    arm with more than `hard_contact_n`. TIMEOUT at the horizon.
    """

    physics_hz = 480
    pads = True
    eye = (1.0, -0.1, 0.42)
    look_at = (0.46, -0.02, 0.06)

    def _build(self) -> None:
        client = self._client
        self._robot.collide_hand_only()
        self._peg = physics.cylinder(client, PEG_RADIUS, PEG_HEIGHT, PEG_COLOUR)
        boxes = [(half, (c[0] - BALANCE, c[1], c[2])) for half, c in _boxes()]
        mass = DENSITY * float(VOLUMES.sum())
        self._ring = physics.compound(client, boxes, mass, RING_COLOUR)
        client.changeDynamics(self._ring, -1, lateralFriction=0.8)
        client.changeDynamics(self._peg, -1, lateralFriction=0.3)
        self._peg_top = np.zeros(3)
        self._held = 0

    def _lay_out(self, rng: np.random.Generator) -> Vector:
        start, ring, peg = (self._draw(rng, name) for name in ('start', 'ring', 'peg'))
        self._held = 0
        self._peg_top = np.array([*peg, PEG_HEIGHT])
        physics.place(self._client, self._peg, peg[0], peg[1], PEG_HEIGHT / 2)
        x, y = ring[:2] + BALANCE * np.array([np.cos(ring[2]), np.sin(ring[2])])
        physics.place(self._client, self._ring, x, y, HALF_HEIGHT, ring[2])
        return start

    def _scene(self, sensed: Sensed) -> Scene:
        position, turn = self._client.getBasePositionAndOrientation(self._ring)
        axes = np.array(pybullet.getMatrixFromQuaternion(turn)).reshape(3, 3)
        hole = position - BALANCE * axes[:, 0]
        return Scene(
            hand=sensed.hand,
            yaw=sensed.yaw,
            width=sensed.width,
            grip=hole + GRIP * axes[:, 0],
            ring=hole - HALF_HEIGHT * axes[:, 2],
            ring_yaw=float(np.arctan2(axes[1, 0], axes[0, 0])),
            peg=self._peg_top,
        )

    def _seen(self, sensed: Sensed) -> Mapping[str, Vector]:
        scene = self._scene(sensed)
        turn = self._client.getBasePositionAndOrientation(self._ring)[1]
        level = pybullet.getQuaternionFromEuler((0, 0, -sensed.yaw))
        apart = pybullet.multiplyTransforms((0, 0, 0), level, (0, 0, 0), turn)[1]
        sign = 1.0 if apart[3] >= 0 else -1.0
        return {
            'ring': np.append(scene.grip - scene.hand, sign * np.array(apart)),
            'peg': scene.peg - scene.ring,
        }

    def _outcome(self, sensed: Sensed) -> Outcome:
        params, scene = self.spec.task.params, self._scene(sensed)
        low, high = (np.array(params['reach'][end]) for end in ('low', 'high'))
        gone = bool(np.any(scene.ring < low) or np.any(scene.ring > high))
        if gone or float(np.linalg.norm(self._force)) > params['hard_contact_n']:
            return Outcome.FAILURE
        off = scene.peg - scene.ring
        around = bool(np.all(np.abs(off[:2]) < HOLE_HALF)) and off[2] > params['insert_m']
        self._held = self._held + 1 if around else 0
        return Outcome.SUCCESS if self._held >= params['hold_ticks'] else Outcome.UNKNOWN

    def supervisor(self) -> Vector:
        """Return (5,): step of the hand x y z in m, turn in rad, width of the gripper in m."""
        return guide(self._scene(self._sensed))
