"""A toy spec and world for tests: a point in the plane, no simulator, no ROS."""

from __future__ import annotations

import numpy as np

from il_core.spec import Axis, CommandTopic, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import AxisKind, Outcome


def toy_spec(**robot: object) -> Spec:
    """Return a 20 Hz robot with two delta axes and a latched gripper, and a reaching task of 40
    ticks."""
    axes = (
        Axis('x', AxisKind.DELTA, -0.1, 0.1, 'm', max_rate=2.0),
        Axis('y', AxisKind.DELTA, -0.1, 0.1, 'm', max_rate=2.0),
        Axis('gripper', AxisKind.LATCHED, 0.0, 0.08, 'm', max_rate=0.8, idle=0.08),
    )
    streams = (
        Stream('ee_pose', 'pose', ('x', 'y')),
        Stream('joint_states', 'joint_state', ('finger',)),
    )
    commands = (
        CommandTopic('servo/twist', 'twist_stamped', ('x', 'y'), ('x', 'y'), per_second=True),
        CommandTopic('gripper/command', 'float64_array', ('gripper',), ('gripper',)),
    )
    spec = RobotSpec('toy', 20.0, axes, streams, commands, **robot)  # type: ignore[arg-type]
    return Spec(
        spec, TaskSpec('toy_reach', 'toy', 2.0, streams=(Stream('goal', 'point', ('x', 'y')),))
    )


class ToyWorld:
    """Move a point to a goal; done within 0.05 m."""

    has_supervisor = True

    def __init__(self, spec: Spec | None = None) -> None:
        self.spec = spec or toy_spec()
        self.reset(0)

    def reset(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.point, self.goal = np.zeros(2), rng.uniform(-1, 1, 2)
        self.finger, self.ticks = 0.08, 0

    def observe(self) -> dict[str, np.ndarray]:
        return {
            'ee_pose': self.point.copy(),
            'joint_states': np.array([self.finger]),
            'goal': self.goal.copy(),
        }

    def supervisor(self) -> np.ndarray:
        return np.append(np.clip(self.goal - self.point, -0.1, 0.1), 0.08)

    def step(self, action: np.ndarray) -> Outcome:
        self.point = self.point + action[:2]
        self.finger = float(action[2])
        self.ticks += 1
        if np.linalg.norm(self.goal - self.point) < 0.05:
            return Outcome.SUCCESS
        return Outcome.TIMEOUT if self.ticks >= self.spec.horizon else Outcome.UNKNOWN

    def render(self, width: int, height: int) -> np.ndarray:
        return np.zeros((height, width, 3), np.uint8)

    def close(self) -> None:
        pass
