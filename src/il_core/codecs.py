"""What a message says, as numbers: decoders for streams and for command topics.

Decoders are duck-typed: they read the fields of a message object, whether rclpy made it or a bag
reader did. Building messages is `il_ros.messages`' job; it walks the same `paths`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.types import Vector

Decode = Callable[[Any], Vector]


@dataclass(frozen=True)
class PathCodec:
    """A message type whose numbers sit at fixed places.

    Args:
        type: ROS type name, `geometry_msgs/msg/PoseStamped`.
        paths: field name to attribute path in the message.
    """

    type: str
    paths: Mapping[str, str]

    def decoder(self, fields: tuple[str, ...]) -> Decode:
        """Return a function from message to (len(fields),) float64. Raises UserError on an
        unknown field."""
        _check_fields(self.type, fields, self.paths)
        if not fields:
            return lambda msg: np.empty(0)
        get = attrgetter(*(self.paths[name] for name in fields))
        if len(fields) == 1:
            return lambda msg: np.array((get(msg),), np.float64)
        return lambda msg: np.array(get(msg), np.float64)


@dataclass(frozen=True)
class NamedCodec:
    """A message with a list of names beside lists of numbers (JointState): looked up by name,
    never by place.

    A field is `joint` or `joint.velocity`, with one of `parts`; the first part is the default.
    """

    type: str
    parts: tuple[str, ...]

    def decoder(self, fields: tuple[str, ...]) -> Decode:
        """Return a function from message to (len(fields),) float64; it raises UserError on a
        missing name, or where a part is too short (a driver may leave velocity or effort empty).
        """
        wanted = [self.split(name) for name in fields]
        cache: dict[tuple[str, ...], list[tuple[str, str, int]]] = {}

        def decode(msg: Any) -> Vector:
            key = tuple(msg.name)
            if key not in cache:
                cache[key] = [(n, part, _position(key, n, self.type)) for n, part in wanted]
            try:
                return np.array([getattr(msg, part)[i] for _, part, i in cache[key]], np.float64)
            except IndexError:
                raise _too_short(
                    (f'{self.type}.{part}', getattr(msg, part), name, i)
                    for name, part, i in cache[key]
                ) from None

        return decode

    def split(self, name: str) -> tuple[str, str]:
        """Return (joint, part) of a field."""
        joint, _, part = name.rpartition('.')
        return (joint, part) if joint and part in self.parts else (name, self.parts[0])


@dataclass(frozen=True)
class ArrayCodec:
    """Float64MultiArray and its like: `data` in the order of the fields. It has no header, so it
    is for commands."""

    type: str

    def decoder(self, fields: tuple[str, ...]) -> Decode:
        """Return a function from message to (len(fields),) float64; it raises UserError on a
        wrong length."""

        def decode(msg: Any) -> Vector:
            if len(msg.data) != len(fields):
                raise UserError(
                    f'{self.type}.data',
                    len(msg.data),
                    f'must have the {len(fields)} entries {fields}',
                )
            return np.array(msg.data, np.float64)

        return decode


@dataclass(frozen=True)
class TrajectoryCodec:
    """JointTrajectory: positions of the last point, by joint name."""

    type: str

    def decoder(self, fields: tuple[str, ...]) -> Decode:
        """Return a function from message to (len(fields),) float64; it raises UserError on a
        missing joint, or where the point has no position for one."""

        def decode(msg: Any) -> Vector:
            if not msg.points:
                raise UserError(self.type, 0, 'must have at least one point')
            names, numbers = tuple(msg.joint_names), msg.points[-1].positions
            places = [(name, _position(names, name, self.type)) for name in fields]
            try:
                return np.array([numbers[i] for _, i in places], np.float64)
            except IndexError:
                what = f'{self.type}.points.positions'
                raise _too_short((what, numbers, name, i) for name, i in places) from None

        return decode


@dataclass(frozen=True)
class ImageCodec:
    """A camera image. It has no numbers for the frame; `image` gives the pixels."""

    type: str
    channels: Mapping[str, int] = field(default_factory=lambda: {'rgb8': 3, 'bgr8': 3, 'mono8': 1})

    def decoder(self, fields: tuple[str, ...]) -> Decode:
        """Return a function from message to an empty vector. Raises UserError where fields are
        asked for."""
        _check_fields(self.type, fields, ())
        return lambda msg: np.empty(0)

    def image(self, msg: Any) -> NDArray[np.uint8]:
        """Return (height, width, channels) uint8 without a copy. Raises UserError on an unknown
        encoding, or data of another size than it says."""
        if msg.encoding not in self.channels:
            raise UserError('image encoding', msg.encoding, 'not known', self.channels)
        depth = self.channels[msg.encoding]
        if len(msg.data) != msg.height * msg.step or msg.step < msg.width * depth:
            size = f'{len(msg.data)} bytes, {msg.height} rows of {msg.step}'
            rule = f'must be rows x step bytes, at least {msg.width * depth} a row'
            raise UserError('image data', size, rule)
        rows = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step)
        return rows[:, : msg.width * depth].reshape(msg.height, msg.width, depth)


def _xyz(prefix: str, names: str = 'x y z') -> dict[str, str]:
    return {name: f'{prefix}.{name[-1]}' for name in names.split()}


_POSE = _xyz('pose.position') | _xyz('pose.orientation', 'qx qy qz qw')
_TWIST = _xyz('twist.linear') | _xyz('twist.angular', 'rx ry rz')

Codec = PathCodec | NamedCodec | ArrayCodec | TrajectoryCodec | ImageCodec

STREAM_CODECS: dict[str, Codec] = {
    'joint_state': NamedCodec('sensor_msgs/msg/JointState', ('position', 'velocity', 'effort')),
    'pose': PathCodec('geometry_msgs/msg/PoseStamped', _POSE),
    'point': PathCodec('geometry_msgs/msg/PointStamped', _xyz('point')),
    'wrench': PathCodec(
        'geometry_msgs/msg/WrenchStamped',
        _xyz('wrench.force', 'fx fy fz') | _xyz('wrench.torque', 'tx ty tz'),
    ),
    'twist': PathCodec('geometry_msgs/msg/TwistStamped', _TWIST),
    'odometry': PathCodec(
        'nav_msgs/msg/Odometry',
        {name: f'pose.{path}' for name, path in _POSE.items()}
        | {f'v{name}': f'twist.{path}' for name, path in _TWIST.items()},
    ),
    'image': ImageCodec('sensor_msgs/msg/Image'),
}

COMMAND_CODECS: dict[str, Codec] = {
    'twist_stamped': PathCodec('geometry_msgs/msg/TwistStamped', _TWIST),
    'twist_unstamped': PathCodec(
        'geometry_msgs/msg/Twist', _xyz('linear') | _xyz('angular', 'rx ry rz')
    ),
    'float64_array': ArrayCodec('std_msgs/msg/Float64MultiArray'),
    'joint_trajectory': TrajectoryCodec('trajectory_msgs/msg/JointTrajectory'),
    'joint_state': NamedCodec('sensor_msgs/msg/JointState', ('position', 'velocity', 'effort')),
}


def codec(kind: str, name: str) -> Codec:
    """Return the codec `name` of `kind` (`stream` or `command`). Raises UserError that lists the
    names."""
    table = STREAM_CODECS if kind == 'stream' else COMMAND_CODECS
    if name not in table:
        raise UserError(f'{kind} codec', name, 'not known', sorted(table))
    return table[name]


def _check_fields(what: str, fields: Iterable[str], known: Iterable[str]) -> None:
    for name in fields:
        if name not in known:
            raise UserError(f'field of {what}', name, 'not known', known)


class MissingName(UserError):
    """A message of somebody else on the same topic: it lacks a name that is read."""


def _position(names: tuple[str, ...], wanted: str, what: str) -> int:
    if wanted not in names:
        raise MissingName(f'name in {what}', wanted, 'is not in the message', names)
    return names.index(wanted)


def _too_short(places: Iterable[tuple[str, Sized, str, int]]) -> UserError:
    """Return the error about the first (what, numbers, joint, place) that is not there."""
    what, numbers, joint, place = next(p for p in places if p[3] >= len(p[1]))
    rule = f'must have {place + 1} entries or more, for joint {joint}'
    return UserError(f'length of {what}', len(numbers), rule)
