"""The scripted supervisor of reach: a field of steps, a function of where the hand is, without
memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from il_core.types import Vector

SPEED_M = 0.012  # per tick and axis
GAIN = 0.25  # of the way to a target, per tick
RISE_M = 0.07  # the hand passes this far above the wall's edge
SIDE_M = 0.09  # and this far beside the fence's end
ZONE_M = 0.16  # along y: where an obstacle matters (half a hand and its own thickness)
FADE_M = 0.05  # over which a detour begins to end behind an obstacle
CLOSE_M = 0.022  # the gripper closes this near to the goal
OPEN_M = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Where things are, m in the base frame: goal (x, y, z), wall (y, top z), fence (near end
    x, y)."""

    goal: Vector
    wall: Vector
    fence: Vector


def guide(hand: Vector, scene: Scene) -> Vector:
    """Return (4,): step x y z in m and gripper width in m, for a hand at (3,) m."""
    (wall_y, wall_z), (fence_x, fence_y) = scene.wall, scene.fence
    over, beside = wall_z + RISE_M, fence_x - SIDE_M
    z = _blend(_ahead(hand[1], wall_y), over, scene.goal[2])
    x = _blend(_ahead(hand[1], fence_y), beside, scene.goal[0])
    dy = _bounded(scene.goal[1] - hand[1])
    dy = _gate(dy, hand[1] - wall_y, over - hand[2])
    dy = _gate(dy, hand[1] - fence_y, hand[0] - beside)
    step = np.array([_bounded(x - hand[0]), dy, _bounded(z - hand[2])])
    near = float(np.linalg.norm(scene.goal - hand)) < CLOSE_M
    return np.append(step, 0.0 if near else OPEN_M)


def _ahead(y: float, obstacle_y: float) -> float:
    """Return 1 while the obstacle is ahead or beside, 0 when the hand is past it."""
    return float(np.clip((obstacle_y + ZONE_M - y) / FADE_M, 0, 1))


def _blend(share: float, detour: float, goal: float) -> float:
    return share * detour + (1 - share) * goal


def _bounded(error: float) -> float:
    return float(np.clip(GAIN * error, -SPEED_M, SPEED_M))


def _gate(dy: float, past: float, short: float) -> float:
    """Bound the way forward by how near an obstacle is while the detour falls `short` of it (m).

    `past` is where the hand is along y, the obstacle at 0. Inside the obstacle's zone with a
    detour far too short, the hand leaves by the side it is on.
    """
    if past > ZONE_M:
        return dy
    clear = float(np.clip((0.035 - short) / 0.025, 0, 1))
    if abs(past) < ZONE_M and clear == 0:
        return 0.3 * SPEED_M * float(np.sign(past) or 1.0)
    room = max(GAIN * (-ZONE_M - past), 0.0)
    return min(dy, room + clear * SPEED_M)
