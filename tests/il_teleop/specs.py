"""Robots with an axis of every kind, and joystick mappings to drive them."""

from __future__ import annotations

from typing import Any

from il_core.spec import Axis, RobotSpec, Spec, Stream, TaskSpec
from il_core.structure import structure
from il_core.types import AxisKind
from il_teleop.mapping import JoystickMap

AXES = {
    'x': Axis('x', AxisKind.DELTA, -0.1, 0.1),
    'v': Axis('v', AxisKind.VELOCITY, -0.5, 2.0),
    'arm': Axis('arm', AxisKind.POSITION, -1.0, 3.0, measured='joint_states/arm'),
    'gripper': Axis('gripper', AxisKind.LATCHED, 0.0, 0.08),
    'gear': Axis('gear', AxisKind.DISCRETE, 0.0, 3.0, idle=1.0),
}


def spec_of(*names: str) -> Spec:
    """Return a robot with the named axes of AXES, in that order."""
    streams = (Stream('joint_states', 'joint_state', ('arm',)),)
    robot = RobotSpec('bench', 20.0, tuple(AXES[name] for name in names), streams)
    return Spec(robot, TaskSpec('bench', 'bench', 2.0))


def mapping(*axes: dict[str, Any], **keys: Any) -> JoystickMap:
    """Return a mapping with these bindings; button 9 is the dead-man unless `keys` says
    otherwise."""
    keys = {'dead_man': {'hold': {'button': 9}}, 'name': 'bench', **keys}
    return structure(JoystickMap, {'axes': list(axes), **keys}, 'bench.yaml')
