"""The Franka Panda of pybullet_data under Cartesian steps of its hand."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pybullet
import pybullet_data

from il_core.types import Vector
from il_sim.physics import Client

ARM = tuple(range(7))
FINGERS = (9, 10)
HAND = 11  # the point between the fingertips
REST = (0.0, -0.215, 0.0, -2.57, 0.0, 2.356, 0.785, 0.04, 0.04)
EFFORT = (87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0, 20.0, 20.0)
# A finger as a box: half extents, and height of its centre in the finger's frame (m).
PAD_HALF = (0.010, 0.007, 0.024)
PAD_Z = 0.0296
FINGER = r'(?P<head><link name="panda_(?P<side>left|right)finger">.*?)<collision>.*?</collision>'
# The target may run ahead of the hand by this much per axis (m): what a blocked hand presses with.
LEAD_M = 0.03
# The hand turns so far to either side, short of the last joint's end.
YAW_RAD = 1.2


@dataclass(frozen=True, slots=True, eq=False)
class Sensed:
    """The robot after a tick: hand (3,) m, its turn about the vertical in rad, width between the
    fingers in m, joints by name (rad, m; `name.velocity` per s)."""

    hand: Vector
    yaw: float
    width: float
    joints: Mapping[str, float]


def _couple(client: Client, body: int) -> None:
    """Make the fingers move as one, as the hand's gear does; two motors that press against each
    other would let what they hold drift sideways."""
    gear = client.createConstraint(
        body, FINGERS[0], body, FINGERS[1], pybullet.JOINT_GEAR, (1, 0, 0), (0, 0, 0), (0, 0, 0)
    )
    client.changeConstraint(gear, gearRatio=-1, erp=0.1, maxForce=50)


def _pad(link: re.Match[str]) -> str:
    """Return the collision of a finger as a box; pads meet at y = 0 of the finger's frame."""
    side = 1 if link['side'] == 'left' else -1
    return (
        f'{link["head"]}<collision><origin rpy="0 0 0" xyz="0 {side * PAD_HALF[1]} {PAD_Z}"/>'
        f'<geometry><box size="{" ".join(str(2 * half) for half in PAD_HALF)}"/></geometry>'
        '</collision>'
    )


def down(yaw: float) -> tuple[float, float, float, float]:
    """Return the quaternion x y z w of fingers that point down and, at 0 rad, open along y."""
    return (math.cos(yaw / 2), math.sin(yaw / 2), 0.0, 0.0)


class Panda:
    """One arm in one client.

    Args:
        client: a bullet client.
        low, high: (3,) bounds of the hand in m.
        plain: draw the collision meshes (the fine ones take a software renderer 10 times longer).
        pads: fingers collide as boxes with flat pads, for tasks that grasp; otherwise as meshes.
    """

    def __init__(
        self, client: Client, low: Vector, high: Vector, plain: bool = True, pads: bool = False
    ) -> None:
        self._client, self._low, self._high = client, low, high
        self.body = _load(client, plain, pads)
        if pads:
            _couple(client, self.body)
        info = [client.getJointInfo(self.body, j) for j in (*ARM, *FINGERS)]
        self.joint_names = tuple(str(i[1].decode()) for i in info)
        self._keys = self.joint_names + tuple(f'{n}.velocity' for n in self.joint_names)
        self._limits = {
            'lowerLimits': [i[8] for i in info],
            'upperLimits': [i[9] for i in info],
            'jointRanges': [i[9] - i[8] for i in info],
            'restPoses': list(REST),
            'jointDamping': [0.01] * len(info),
        }
        self._target, self._yaw = np.zeros(3), 0.0

    def reset(self, hand: Vector, width: float, yaw: float = 0.0) -> None:
        """Stand still with the hand at (3,) m, turned by `yaw` rad, and the fingers `width` m
        apart."""
        self._yaw = yaw
        self._pose((*REST[:7], width / 2, width / 2))
        for _ in range(20):
            self._pose((*self._solve(hand), width / 2, width / 2))
        self._target = self.sense().hand
        self._drive(width)

    def move(self, delta: Vector, width: float, turn: float = 0.0) -> None:
        """Shift the hand's target by (3,) m, inside the workspace, turn it by `turn` rad about
        the vertical, and set the fingers' width in m."""
        hand = np.array(self._client.getLinkState(self.body, HAND)[4])
        target = np.clip(self._target + delta, hand - LEAD_M, hand + LEAD_M)
        self._target = np.clip(target, self._low, self._high)
        self._yaw = min(max(self._yaw + turn, -YAW_RAD), YAW_RAD)
        self._drive(width)

    def collide_hand_only(self) -> None:
        """Let only hand and fingers touch things: in a scene that the arm behind them never comes
        near, the rest costs time."""
        for link in (-1, *ARM):
            self._client.setCollisionFilterGroupMask(self.body, link, 0, 0)

    def sense(self) -> Sensed:
        states = self._client.getJointStates(self.body, (*ARM, *FINGERS))
        values = [s[0] for s in states] + [s[1] for s in states]
        link = self._client.getLinkState(self.body, HAND, computeForwardKinematics=True)
        width = float(values[7] + values[8])
        joints = dict(zip(self._keys, values, strict=True))
        return Sensed(np.array(link[4]), 2 * math.atan2(link[5][1], link[5][0]), width, joints)

    def _drive(self, width: float) -> None:
        joints = (*self._solve(self._target), width / 2, width / 2)
        self._client.setJointMotorControlArray(
            self.body,
            (*ARM, *FINGERS),
            pybullet.POSITION_CONTROL,
            targetPositions=joints,
            forces=EFFORT,
            positionGains=[0.15] * len(joints),
        )

    def _solve(self, hand: Vector) -> tuple[float, ...]:
        joints = self._client.calculateInverseKinematics(
            self.body, HAND, hand.tolist(), down(self._yaw), maxNumIterations=20, **self._limits
        )
        return tuple(joints[:7])

    def _pose(self, joints: tuple[float, ...]) -> None:
        for joint, value in zip((*ARM, *FINGERS), joints, strict=True):
            self._client.resetJointState(self.body, joint, value)


def _load(client: Client, plain: bool, pads: bool) -> int:
    folder = Path(pybullet_data.getDataPath()) / 'franka_panda'
    if not plain and not pads:
        return int(client.loadURDF(str(folder / 'panda.urdf'), useFixedBase=True))
    text = (folder / 'panda.urdf').read_text()
    if pads:
        text = re.sub(FINGER, _pad, text, flags=re.DOTALL)
    if plain:
        text = text.replace('meshes/visual/', 'meshes/collision/')
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / 'panda.urdf'
        path.write_text(text.replace('package://meshes', str(folder / 'meshes')))
        return int(client.loadURDF(str(path), useFixedBase=True))
