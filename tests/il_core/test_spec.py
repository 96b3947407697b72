"""Robot and task specs: every rule is checked at load time and says what to change."""

from __future__ import annotations

import dataclasses
import datetime
import math
from typing import Any

import pytest

from il_core.errors import UserError
from il_core.load import spec_from_plain
from il_core.spec import Axis, CommandTopic, RobotSpec, Spec, Stream, TaskSpec
from il_core.structure import plain
from il_core.types import AxisKind
from tests.toy import toy_spec

NAN = math.nan
STREAM = Stream('odom', 'odometry', ('x', 'vx'))
AXIS = Axis('v', AxisKind.VELOCITY, -1, 1, 'm/s')


def robot(**changes: Any) -> RobotSpec:
    fields: dict[str, Any] = {'name': 'r', 'rate_hz': 20.0, 'axes': (AXIS,), 'streams': (STREAM,)}
    return RobotSpec(**(fields | changes))


@pytest.mark.parametrize(
    ('make', 'says'),
    [
        (lambda: Axis('v', AxisKind.VELOCITY, 1, 1), 'axis v: low is 1: must be below high'),
        (lambda: Axis('v', AxisKind.VELOCITY, 0.1, 1), 'must contain 0, which means stop'),
        (
            lambda: Axis('v', AxisKind.DELTA, -1, 1, max_rate=-1),
            'max_rate is -1: must be 0 or above',
        ),
        (lambda: Axis('v', AxisKind.DELTA, -1, 1, max_rate=NAN), 'max_rate is nan: must be 0'),
        (lambda: Axis('v', AxisKind.DELTA, NAN, 1), 'low is nan: must be below high'),
        (lambda: Axis('v', AxisKind.DELTA, -math.inf, 1), 'axis v: low is -inf: must be finite'),
        (lambda: Axis('v', AxisKind.DELTA, -1, math.inf), 'axis v: high is inf: must be finite'),
        (
            lambda: Axis('g', AxisKind.LATCHED, 0, 1, idle=NAN),
            'axis g: idle is nan: must be finite',
        ),
        (lambda: Axis('n', AxisKind.DISCRETE, 0.5, 2), 'low is 0.5: must be a whole number'),
        (lambda: Axis('n', AxisKind.DISCRETE, 0, 2.5), 'high is 2.5: must be a whole number'),
        (lambda: Axis('q', AxisKind.POSITION, -1, 1), 'must name the frame field to hold at'),
        (lambda: Stream('odom', 'odom'), "codec is 'odom': not known.*did you mean odometry"),
        (lambda: Stream('odom', 'odometry', ('v',)), "is 'v': not known; choices: x, y, z"),
        (lambda: Stream('odom', 'odometry', max_age_s=0), 'max_age_s is 0: must be above 0'),
        (
            lambda: dataclasses.replace(STREAM, optional=True),
            'optional is True: must be false where a policy sees `fields`',
        ),
        (lambda: Stream('odom', 'odometry', rate_hz=-20), 'rate_hz is -20: must be 0 .* or above'),
        (lambda: Stream('odom', 'odometry', ('x', 'x')), "fields is 'x': is named twice"),
        (lambda: CommandTopic('t', 'float64_array', ('v',), ()), 'must match the axes'),
        (
            lambda: CommandTopic('t', 'twist_stamped', ('v', 'w'), ('x', 'x')),
            "command t: fields is 'x': is named twice",
        ),
        (lambda: robot(command_timeout_s=-1), 'command_timeout_s is -1: must be above 0'),
        (lambda: robot(command_timeout_s=NAN), 'command_timeout_s is nan: must be above 0'),
        (lambda: robot(rate_hz=0), 'rate_hz is 0: must be above 0'),
        (lambda: robot(rate_hz=NAN), 'rate_hz is nan: must be above 0 and finite'),
        (lambda: robot(axes=()), 'must name at least one axis'),
        (lambda: robot(axes=(AXIS, AXIS)), "axes is 'v': is named twice"),
        (
            lambda: robot(commands=(CommandTopic('t', 'float64_array', ('w',), ('w',)),)),
            "command t: axis is 'w': not an axis of this robot; choices: v",
        ),
        (lambda: robot(real=True), 'a real robot needs a limit on every axis'),
        (
            lambda: robot(real=True, axes=(dataclasses.replace(AXIS, max_rate=1.0),)),
            'must name who stops a real robot without commands',
        ),
        (
            lambda: robot(
                real=True,
                axes=(AXIS, dataclasses.replace(AXIS, name='w')),
                commands=(CommandTopic('t', 'float64_array', ('w',), ('w',)),),
            ),
            "axis is 'v': must be in a command as the others are, .*; choices: w",
        ),
        (lambda: TaskSpec('t', 'r', 0), 'horizon_s is 0: must be above 0'),
        (lambda: TaskSpec('t', 'r', math.inf), 'horizon_s is inf: must be above 0 and finite'),
        (
            lambda: TaskSpec('t', 'r', 1, params={'box': {'high': [1, math.inf]}}),
            r'task t: params: box: high\[1\] is inf: must be finite',
        ),
        (
            lambda: TaskSpec('t', 'r', 1, params={'made': datetime.date(2026, 1, 1)}),
            "params: made is '2026-01-01': must be text .in quotes., a number",
        ),
        (
            lambda: Spec(robot(), TaskSpec('t', 'r', 1, streams=(STREAM,))),
            "'odom': is named twice",
        ),
        (
            lambda: Spec(
                robot(axes=(Axis('q', AxisKind.POSITION, -1, 1, measured='odom/z'),)),
                TaskSpec('t', 'r', 1),
            ),
            "measured is 'odom/z': no such frame field; choices: odom/x, odom/vx",
        ),
    ],
)
def test_a_broken_rule_names_value_rule_and_choices(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


def test_what_a_real_robot_needs_is_enough() -> None:
    spec = robot(
        real=True,
        axes=(dataclasses.replace(AXIS, max_rate=1.0),),
        command_timeout_enforced_by='base controller',
    )
    assert spec.real


def test_frame_and_axes_follow_the_order_of_the_spec() -> None:
    spec = toy_spec()
    assert spec.frame_fields == (
        'ee_pose/x',
        'ee_pose/y',
        'joint_states/finger',
        'goal/x',
        'goal/y',
    )
    assert spec.axis_names == ('x', 'y', 'gripper')
    assert (spec.low.tolist(), spec.high.tolist()) == ([-0.1, -0.1, 0.0], [0.1, 0.1, 0.08])
    assert (spec.period_ns, spec.horizon) == (50_000_000, 40)


def test_a_stream_without_fields_is_recorded_but_not_in_the_frame() -> None:
    camera = Stream('image', 'image', topic='camera/image_raw', optional=True)
    spec = Spec(robot(streams=(STREAM, camera)), TaskSpec('t', 'r', 1))
    assert spec.streams == (STREAM, camera)
    assert spec.observed == (STREAM,)


def test_a_spec_survives_json_and_keeps_its_hash() -> None:
    spec = toy_spec()
    again = spec_from_plain(plain(spec), 'policy.json')
    assert again == spec
    assert again.hash == spec.hash
    assert spec.diff(again) == []


def test_two_specs_that_differ_say_where() -> None:
    spec, other = toy_spec(), toy_spec(command_timeout_s=0.5)
    assert spec.hash != other.hash
    assert spec.diff(other) == ['robot.command_timeout_s: 0.2 -> 0.5']


def test_the_hash_does_not_depend_on_how_a_number_was_written() -> None:
    assert Spec(robot(rate_hz=20), TaskSpec('t', 'r', 1)).hash == (
        Spec(robot(rate_hz=20.0), TaskSpec('t', 'r', 1.0)).hash
    )
