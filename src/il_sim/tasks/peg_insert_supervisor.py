"""The scripted supervisor of peg insertion: what to do follows from where things are, without
memory, so that it can take over anywhere and picks up again what was dropped."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from il_core.types import Vector

SPEED_M = 0.012  # per tick and axis
TURN_RAD = 0.08  # per tick
GAIN = 0.15  # of the way to a target, per tick: what a learner can follow
OPEN_M, SHUT_M = 0.08, 0.0
HANDLE_M = 0.016  # across: how far apart the fingers are that hold it
SLACK_M = 0.003
HOVER_M = 0.05  # above the handle until aligned with it
ALIGNED_M, ALIGNED_RAD = 0.005, 0.06
CLEAR_M = 0.03  # the ring's lower edge passes this far above the peg
OVER_M = 0.002  # so exactly above the peg it goes all the way down
FUNNEL_M = 0.02  # and so far beside it begins to come down


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Where things are, m and rad in the base frame: hand (3,) with its turn and the width between
    its fingers, middle of the handle (3,), middle of the ring's lower edge (3,), turn of the ring,
    top of the peg (3,)."""

    hand: Vector
    yaw: float
    width: float
    grip: Vector
    ring: Vector
    ring_yaw: float
    peg: Vector


def guide(scene: Scene) -> Vector:
    """Return (5,): step x y z in m, turn in rad, gripper width in m."""
    return _carry(scene) if _holds(scene) else _grasp(scene)


def _holds(scene: Scene) -> bool:
    off = np.abs(scene.grip - scene.hand)
    closed = abs(scene.width - HANDLE_M) < SLACK_M
    return closed and math.hypot(off[0], off[1]) < 0.02 and float(off[2]) < 0.014


def _grasp(scene: Scene) -> Vector:
    """Come down on the handle with open fingers across it, and close them."""
    off, turn = scene.grip - scene.hand, _half_turn(scene.ring_yaw - scene.yaw)
    beside = math.hypot(off[0], off[1])
    empty = scene.width < HANDLE_M - SLACK_M
    there = beside < ALIGNED_M and abs(turn) < ALIGNED_RAD and abs(off[2]) < ALIGNED_M
    if there and not empty:
        return np.array([*_steps(off), 0.0, SHUT_M])
    wrong = max(beside - ALIGNED_M / 2, 0.0) + 0.1 * max(abs(turn) - ALIGNED_RAD / 2, 0.0)
    open_enough = scene.width > OPEN_M - 0.02
    height = HOVER_M * (min(wrong / 0.02, 1.0) if open_enough else 1.0)
    step = _steps(off + np.array([0.0, 0.0, height]))
    if off[2] > -HOVER_M / 2 and wrong > 0.01:
        step[:2] *= 0.2  # up first, or the fingers push the ring away
    return np.array([*step, np.clip(GAIN * turn, -TURN_RAD, TURN_RAD), OPEN_M])


def _carry(scene: Scene) -> Vector:
    """Lift the ring, bring it over the peg, lower it."""
    off = scene.peg - scene.ring
    beside = math.hypot(off[0], off[1])
    above = -off[2]
    if above < 0 and beside < 0.008:  # around the peg already
        return np.array([*_steps(np.array([off[0], off[1], -0.03])), 0.0, SHUT_M])
    share = float(np.clip((beside - OVER_M) / FUNNEL_M, 0.0, 1.0))
    height = CLEAR_M * share if beside > OVER_M else -0.03
    step = _steps(np.array([off[0], off[1], off[2] + height]))
    if beside > 0.03:
        step[:2] *= np.clip((above - CLEAR_M / 4) / (CLEAR_M / 2), 0.0, 1.0)
    return np.array([*step, 0.0, SHUT_M])


def _steps(way: Vector) -> Vector:
    return np.clip(GAIN * way, -SPEED_M, SPEED_M)


def _half_turn(angle: float) -> float:
    """Return an angle within a quarter turn: a handle can be held from either side."""
    return (angle + math.pi / 2) % math.pi - math.pi / 2
