"""Robot and task specs: one YAML file each, validated at load time, hashed, compared field by
field."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from il_core.codecs import ArrayCodec, codec
from il_core.errors import UserError
from il_core.structure import check_plain, differences, plain
from il_core.types import NS_PER_S, AxisKind, Vector


@dataclass(frozen=True)
class Axis:
    """One component of an action, in `unit`.

    `low` and `high` bound its value. `max_rate` (units/s) bounds how fast the value may change,
    `max_accel` (units/s^2) how fast that rate may; 0 means no such bound. `weight` scales the
    axis in discrepancies. `measured` names the frame field (`joint_states/panda_joint1`) that
    tells where a position axis is before any command. A discrete axis takes the integers
    low..high. `idle`, brought into low..high, is what a discrete axis does while nobody acts, and
    where a latched axis without `measured` starts; other kinds have no use for it. What the
    limits mean on each kind: `il_core.limits`.
    """

    name: str
    kind: AxisKind
    low: float
    high: float
    unit: str = ''
    max_rate: float = 0.0
    max_accel: float = 0.0
    weight: float = 1.0
    measured: str = ''
    idle: float = 0.0

    def __post_init__(self) -> None:
        where = f'axis {self.name}'
        if not self.low < self.high:
            raise UserError(f'{where}: low', self.low, f'must be below high ({self.high})')
        whole = self.kind is AxisKind.DISCRETE
        for key in ('low', 'high', 'idle'):
            value = getattr(self, key)
            if not np.isfinite(value):
                raise UserError(f'{where}: {key}', value, 'must be finite')
            if whole and key != 'idle' and not float(value).is_integer():
                raise UserError(f'{where}: {key}', value, 'must be a whole number if discrete')
        for key in ('max_rate', 'max_accel', 'weight'):
            if not 0 <= getattr(self, key) < np.inf:
                raise UserError(f'{where}: {key}', getattr(self, key), 'must be 0 or above')
        if self.kind is AxisKind.POSITION and not self.measured:
            raise UserError(
                f'{where}: measured', '', 'a position axis must name the frame field to hold at'
            )
        if self.kind in (AxisKind.VELOCITY, AxisKind.DELTA) and not self.low <= 0 <= self.high:
            raise UserError(
                f'{where}: low, high', [self.low, self.high], 'must contain 0, which means stop'
            )


@dataclass(frozen=True)
class Stream:
    """One topic that the robot or the task's sensors publish.

    `fields` are those numbers of it that enter the frame, in order (an image has none). `sensor`
    picks best-effort QoS, otherwise reliable. `optional` streams (a camera that is off), which
    have no fields, are neither waited for nor required in bags.
    """

    name: str
    codec: str
    fields: tuple[str, ...] = ()
    topic: str = ''
    rate_hz: float = 0.0
    max_age_s: float = 0.2
    sensor: bool = True
    optional: bool = False
    frame_id: str = ''

    def __post_init__(self) -> None:
        if not self.topic:
            object.__setattr__(self, 'topic', self.name)
        codec('stream', self.codec).decoder(self.fields)
        if not 0 <= self.rate_hz < np.inf:
            rule = 'must be 0 (not judged) or above, and finite'
            raise UserError(f'stream {self.name}: rate_hz', self.rate_hz, rule)
        _above_zero(f'stream {self.name}: max_age_s', self.max_age_s)
        if self.optional and self.fields:
            rule = 'must be false where a policy sees `fields`: without them the robot holds'
            raise UserError(f'stream {self.name}: optional', self.optional, rule)
        _unique(f'stream {self.name}: fields', list(self.fields))

    @property
    def type(self) -> str:
        return codec('stream', self.codec).type


@dataclass(frozen=True)
class CommandTopic:
    """One topic the robot is driven by: `axes` of the action go to `fields` of the message.

    `per_second` divides by the tick's period, which turns a delta axis into the velocity that a
    twist carries.
    """

    topic: str
    codec: str
    axes: tuple[str, ...]
    fields: tuple[str, ...]
    per_second: bool = False
    frame_id: str = ''

    def __post_init__(self) -> None:
        known = codec('command', self.codec)
        known.decoder(self.fields)
        if not isinstance(known, ArrayCodec):  # there they go by place
            _unique(f'command {self.topic}: fields', list(self.fields))
        if len(self.axes) != len(self.fields):
            raise UserError(
                f'command {self.topic}: fields', self.fields, f'must match the axes {self.axes}'
            )

    @property
    def type(self) -> str:
        return codec('command', self.codec).type


@dataclass(frozen=True)
class RobotSpec:
    """One robot: axes, streams, command topics and rate.

    `command_timeout_s` after the last command the robot stops by itself, and
    `command_timeout_enforced_by` says who sees to that. `real` profiles do not load without it,
    nor without limits on rate, nor where commands leave an axis out.
    """

    name: str
    rate_hz: float
    axes: tuple[Axis, ...]
    streams: tuple[Stream, ...]
    commands: tuple[CommandTopic, ...] = ()
    description: str = ''
    real: bool = False
    command_timeout_s: float = 0.2
    command_timeout_enforced_by: str = ''

    def __post_init__(self) -> None:
        _above_zero(f'robot {self.name}: rate_hz', self.rate_hz)
        _above_zero(f'robot {self.name}: command_timeout_s', self.command_timeout_s)
        if not self.axes:
            raise UserError(f'robot {self.name}: axes', [], 'must name at least one axis')
        _unique(f'robot {self.name}: axes', [a.name for a in self.axes])
        names = [a.name for a in self.axes]
        for command in self.commands:
            for axis in command.axes:
                if axis not in names:
                    raise UserError(
                        f'command {command.topic}: axis', axis, 'not an axis of this robot', names
                    )
        if self.real:
            self._check_real()

    def _check_real(self) -> None:
        driven = [name for command in self.commands for name in command.axes]
        for axis in self.axes:
            if driven and axis.name not in driven:
                rule = 'must be in a command as the others are, or nothing moves it'
                raise UserError(f'robot {self.name}: axis', axis.name, rule, driven)
            if axis.kind is not AxisKind.DISCRETE and not axis.max_rate:
                raise UserError(
                    f'axis {axis.name}: max_rate', 0, 'a real robot needs a limit on every axis'
                )
        if not self.command_timeout_enforced_by:
            raise UserError(
                'command_timeout_enforced_by',
                '',
                'must name who stops a real robot without commands',
                ("the robot's own controller", 'watchdog_node, between gate and driver'),
            )


@dataclass(frozen=True)
class TaskSpec:
    """One task on one robot.

    `world` is a name in il_sim's registry, empty where only a real robot has it. `horizon_s` is
    the time-out of a simulated world. It ends nothing on a robot: there only the operator's
    success, failure or discard button, `episode/stop`, or an unanswered request ends an episode.
    """

    name: str
    robot: str
    horizon_s: float
    world: str = ''
    streams: tuple[Stream, ...] = ()
    description: str = ''
    success: str = ''
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _above_zero(f'task {self.name}: horizon_s', self.horizon_s)
        check_plain(f'task {self.name}: params', self.params)


@dataclass(frozen=True)
class Spec:
    """Robot and task together: what a frame and an action mean. Two equal hashes mean the same
    thing."""

    robot: RobotSpec
    task: TaskSpec

    def __post_init__(self) -> None:
        _unique('stream names', [s.name for s in (*self.robot.streams, *self.task.streams)])
        for axis in self.robot.axes:
            if axis.measured and axis.measured not in self.frame_fields:
                raise UserError(
                    f'axis {axis.name}: measured',
                    axis.measured,
                    'no such frame field',
                    self.frame_fields,
                )

    @functools.cached_property
    def streams(self) -> tuple[Stream, ...]:
        """All streams, the robot's first."""
        return (*self.robot.streams, *self.task.streams)

    @functools.cached_property
    def observed(self) -> tuple[Stream, ...]:
        """Streams that enter the frame, in frame order."""
        return tuple(s for s in self.streams if s.fields)

    @functools.cached_property
    def frame_fields(self) -> tuple[str, ...]:
        """Names of the (F,) frame: `stream/field`."""
        return tuple(f'{s.name}/{f}' for s in self.observed for f in s.fields)

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.robot.axes

    @functools.cached_property
    def axis_names(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.axes)

    @functools.cached_property
    def low(self) -> Vector:
        return np.array([a.low for a in self.axes])

    @functools.cached_property
    def high(self) -> Vector:
        return np.array([a.high for a in self.axes])

    @property
    def period_ns(self) -> int:
        return round(NS_PER_S / self.robot.rate_hz)

    @property
    def horizon(self) -> int:
        """Ticks until an episode times out."""
        return round(self.task.horizon_s * self.robot.rate_hz)

    @functools.cached_property
    def hash(self) -> str:
        """16 hex digits over everything in both specs."""
        text = json.dumps(plain(self), sort_keys=True, separators=(',', ':'))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def diff(self, other: Spec) -> list[str]:
        """Return one line per field that differs, `robot.axes[0].low: -0.02 -> -0.03`."""
        return differences(plain(self), plain(other))


def _above_zero(what: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise UserError(what, value, 'must be above 0 and finite')


def _unique(what: str, values: list[str]) -> None:
    twice = sorted({v for v in values if values.count(v) > 1})
    if twice:
        raise UserError(what, twice[0], 'is named twice')
