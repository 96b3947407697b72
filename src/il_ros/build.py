"""Streams and commands of a spec to their own message types, along the paths of il_core.codecs."""

from __future__ import annotations

import functools
import math
from array import array
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Joy
from std_msgs.msg import Header

from il_core.codecs import ArrayCodec, NamedCodec, PathCodec, TrajectoryCodec, codec
from il_core.errors import InternalError
from il_core.spec import CommandTopic, Spec, Stream
from il_core.types import NS_PER_S, Vector
from il_ros.topics import message_class

Build = Callable[[Vector, int], Any]


def to_time(stamp_ns: int) -> Time:
    sec, nanosec = divmod(stamp_ns, NS_PER_S)
    return Time(sec=sec, nanosec=nanosec)


def to_ns(stamp: Any) -> int:
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def stamped(message: Any, stamp_ns: int) -> Any:
    """Set the stamp of a new `message` with a header, and return it. Its constructor has made the
    header anyway; giving it one would make a second."""
    time = message.header.stamp
    time.sec, time.nanosec = divmod(stamp_ns, NS_PER_S)
    return message


def header(stamp_ns: int, frame_id: str = '') -> Header:
    return Header(stamp=to_time(stamp_ns), frame_id=frame_id)


def to_array(values: Any, code: str = 'd') -> array[Any]:
    if values is None:
        return array(code)
    return array(code, np.ascontiguousarray(values, np.dtype(code)).tobytes())


def build_joy(
    stamp_ns: int, axes: Sequence[float], buttons: Sequence[int], frame_id: str = ''
) -> Joy:
    """Return a joystick message; axes become float32."""
    head = header(stamp_ns, frame_id)
    return Joy(header=head, axes=to_array(axes, 'f'), buttons=to_array(buttons, 'i'))


def build_stream(stream: Stream, values: Vector, stamp_ns: int) -> Any:
    """Return the message of `stream` that decodes to (len(fields),) `values`."""
    return _stream_builder(stream)(values, stamp_ns)


def build_commands(spec: Spec, action: Vector, stamp_ns: int) -> tuple[Any, ...]:
    """Return one message per command topic of the robot, in spec order, for (A,) `action`."""
    return tuple(build(action, stamp_ns) for build in command_builders(spec))


def command_builders(spec: Spec) -> tuple[Build, ...]:
    """Return one function per command topic of the robot, in spec order: from (A,) action and
    stamp to its message."""
    return tuple(_command_builder(c, spec) for c in spec.robot.commands)


@functools.lru_cache
def _stream_builder(stream: Stream) -> Build:
    return _builder('stream', stream.codec, stream.fields, stream.frame_id, 0)


def _command_builder(command: CommandTopic, spec: Spec) -> Build:
    period_s = spec.period_ns / NS_PER_S
    places = np.array([spec.axis_names.index(axis) for axis in command.axes], np.intp)
    build = _builder('command', command.codec, command.fields, command.frame_id, spec.period_ns)
    if not command.per_second:
        return lambda action, stamp_ns: build(action[places], stamp_ns)
    return lambda action, stamp_ns: build(action[places] / period_s, stamp_ns)


def _builder(
    kind: str, name: str, fields: tuple[str, ...], frame_id: str, period_ns: int
) -> Build:
    plan = codec(kind, name)
    make = message_class(plan.type)
    if isinstance(plan, PathCodec):
        return _path_builder(plan, make, fields, frame_id)
    if isinstance(plan, NamedCodec):
        return _named_builder(plan, make, fields, frame_id)
    if isinstance(plan, ArrayCodec):
        return lambda values, stamp_ns: make(data=to_array(values))
    if isinstance(plan, TrajectoryCodec):
        return _trajectory_builder(make, fields, frame_id, period_ns)
    raise InternalError(f'{plan.type} is not built from numbers')


def _path_builder(plan: PathCodec, make: Any, fields: tuple[str, ...], frame_id: str) -> Build:
    paths = [plan.paths[name].rpartition('.') for name in fields]
    places = [(attrgetter(owner) if owner else _itself, last) for owner, _, last in paths]
    has_header = 'header' in make.get_fields_and_field_types()

    def build(values: Vector, stamp_ns: int) -> Any:
        message = make()
        if has_header:
            stamped(message, stamp_ns).header.frame_id = frame_id
        for (owner, last), value in zip(places, values.tolist(), strict=True):
            setattr(owner(message), last, value)
        return message

    return build


def _itself(message: Any) -> Any:
    return message


def _named_builder(plan: NamedCodec, make: Any, fields: tuple[str, ...], frame_id: str) -> Build:
    wanted = [plan.split(name) for name in fields]
    joints = list(dict.fromkeys(joint for joint, _ in wanted))
    parts = {part for _, part in wanted}

    def build(values: Vector, stamp_ns: int) -> Any:
        message = make(header=header(stamp_ns, frame_id), name=joints)
        columns = {part: array('d', [math.nan] * len(joints)) for part in parts}
        for (joint, part), value in zip(wanted, values.tolist(), strict=True):
            columns[part][joints.index(joint)] = value
        for part, column in columns.items():
            setattr(message, part, column)
        return message

    return build


def _trajectory_builder(
    make: Any, fields: tuple[str, ...], frame_id: str, period_ns: int
) -> Build:
    """Stamps are 0, 'begin now': joint_trajectory_controller refuses what ends in the past, as one
    period from its tick does that comes a period late, or to a clock a period ahead."""
    point_class = message_class('trajectory_msgs/msg/JointTrajectoryPoint')
    duration_class = message_class('builtin_interfaces/msg/Duration')
    sec, nanosec = divmod(period_ns, NS_PER_S)

    def build(values: Vector, stamp_ns: int) -> Any:
        reach = duration_class(sec=sec, nanosec=nanosec)
        point = point_class(positions=to_array(values), time_from_start=reach)
        return make(header=header(0, frame_id), joint_names=list(fields), points=[point])

    return build
