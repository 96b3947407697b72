"""The hash of a spec is of what it means, and survives JSON."""

from __future__ import annotations

import json

from il_core.load import spec_from_plain
from il_core.spec import Axis, RobotSpec, Spec, TaskSpec
from il_core.structure import plain
from il_core.types import AxisKind


def spec_of(low: float, high: float) -> Spec:
    robot = RobotSpec('r', 10, (Axis('push', AxisKind.DISCRETE, low, high),), ())
    return Spec(robot, TaskSpec('t', 'r', 2))


def test_one_and_one_point_zero_are_the_same() -> None:
    assert spec_of(0, 2).hash == spec_of(0.0, 2.0).hash
    assert spec_of(0, 2).hash != spec_of(0, 3).hash


def test_a_stored_spec_has_the_same_hash() -> None:
    stored = json.loads(json.dumps(plain(spec_of(0, 2))))
    assert spec_from_plain(stored, 'stored').hash == spec_of(0, 2).hash
