"""The watchdog: what a robot is told when its commands stop."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.spec import Axis, CommandTopic, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import AxisKind
from il_gating.watchdog.core import Watchdog

MS = 1_000_000
AXES = (
    Axis('q', AxisKind.POSITION, -2, 2, max_rate=2.0, measured='joints/q'),
    Axis('v', AxisKind.VELOCITY, -1, 1, max_rate=4.0),
    Axis('d', AxisKind.DELTA, -0.1, 0.1, max_rate=1.0),
)
ARRAY = CommandTopic('all', 'float64_array', ('q', 'v'), ('q', 'v'))
TWIST = CommandTopic('twist', 'twist_stamped', ('d',), ('x',), per_second=True)
SPEC = Spec(
    RobotSpec('r', 20.0, AXES, (Stream('joints', 'joint_state', ('q',)),), (ARRAY, TWIST)),
    TaskSpec('t', 'r', 1.0),
)


def test_nothing_is_made_up_before_the_first_command() -> None:
    dog = Watchdog(SPEC, ARRAY)
    assert dog.due(10_000 * MS) is None
    assert dog.stop() is None


def test_silence_stops_velocities_within_their_limit_and_repeats_positions() -> None:
    dog = Watchdog(SPEC, ARRAY)
    assert dog.take(np.array([1.5, 0.5]), 1000 * MS)
    assert dog.due(1200 * MS) is None
    said = [dog.due(now * MS) for now in (1201, 1251, 1301, 1351)]
    assert [s[0] for s in said if s is not None] == [1.5] * 4
    assert [s[1] for s in said if s is not None] == pytest.approx([0.3, 0.1, 0.0, 0.0])


def test_a_command_is_heard_again_at_once() -> None:
    dog = Watchdog(SPEC, ARRAY)
    dog.take(np.array([1.5, 0.5]), 0)
    assert dog.due(300 * MS) is not None
    dog.take(np.array([1.4, 0.2]), 310 * MS)
    assert dog.due(320 * MS) is None


def test_per_second_fields_are_axis_units_inside() -> None:
    dog = Watchdog(SPEC, TWIST)
    dog.take(np.array([1.0]), 0)
    due = dog.due(300 * MS)
    assert due is not None
    assert due[2] == pytest.approx(0.0)
    assert dog.take(np.array([2.0]), 310 * MS)
    slower = dog.due(600 * MS)
    assert slower is not None
    assert slower[2] == pytest.approx(0.05)


def test_what_is_not_a_number_is_not_passed_on_and_does_not_count_as_heard() -> None:
    dog = Watchdog(SPEC, ARRAY)
    dog.take(np.array([1.0, 0.5]), 0)
    assert not dog.take(np.array([np.nan, 0.5]), 190 * MS)
    assert dog.silent(201 * MS)


def test_stop_ends_motion_at_once_and_keeps_positions() -> None:
    dog = Watchdog(SPEC, ARRAY)
    dog.take(np.array([1.5, 1.0]), 0)
    stopped = dog.stop()
    assert stopped is not None
    assert stopped[:2].tolist() == [1.5, 0.0]
