"""Frames from raw topics: rebuilt as the policy saw them, or aligned anew in foreign bags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from il_core.align import BACK_NS, Aligner
from il_core.codecs import codec
from il_core.errors import UserError
from il_core.spec import CommandTopic, Spec
from il_core.types import NS_PER_S, AxisKind, Mode, Owner, Vector
from il_data.contents import Contents
from il_data.episode import Sizes, step_type
from il_data.names import Names, wanted
from il_data.steps import Extract
from il_data.table import Table


@dataclass(frozen=True, eq=False)
class Samples:
    """One topic decoded: (n,) header and receive stamps in file order, (n, fields) values."""

    stamps_ns: NDArray[np.int64]
    log_ns: NDArray[np.int64]
    values: Vector


def stream_samples(contents: Contents, spec: Spec, stamped: bool) -> dict[str, Samples]:
    """Decode every observed stream.

    Args:
        stamped: use header stamps; otherwise receive stamps stand in for them.

    Raises:
        UserError: a stream's topic is not in the bag, no message on it has the fields, or its
            receive stamps are to be used and go back.
    """
    out, topics = {}, Names(contents, wanted(spec))
    for stream in spec.observed:
        topic = topics.need('stream', stream.topic, stream.type)
        table = Table(topic)
        if not stamped:
            _check_clock(topic.name, table.log_ns)
        decoder = codec('stream', stream.codec).decoder(stream.fields)
        found = table.decoded(decoder, len(stream.fields))
        stamps = table.stamps_ns() if stamped else table.log_ns
        out[stream.name] = Samples(stamps[found.rows], table.log_ns[found.rows], found.values)
    return out


def _check_clock(topic: str, log_ns: NDArray[np.int64]) -> None:
    """Raise UserError where the clock was set back while a topic was recorded: two times would be
    one, with samples of both."""
    back = np.flatnonzero(np.diff(log_ns) < -BACK_NS)
    if len(back):
        before, after = (log_ns[back[0] : back[0] + 2] / NS_PER_S).tolist()
        rule = f'comes after {before:.3f} s: the clock was set back; record it anew, or cut it'
        raise UserError(f'receive stamp on {topic}', f'{after:.3f} s', rule)


def rebuild(contents: Contents, spec: Spec, steps: NDArray[np.void]) -> Vector:
    """Build the frame of every step anew from the raw topics and the stamps that were recorded.

    Args:
        steps: as in `step_type`; its `stream_stamps_ns` say which samples were used.

    Returns:
        (N, F); NaN rows where the proposal carried no frame, or a sample is not in the bag or not
        the only one of its stamp.
    """
    samples = stream_samples(contents, spec, stamped=True)
    at = [_by_stamp(samples[s.name]) for s in spec.observed]
    out = np.full((len(steps), len(spec.frame_fields)), np.nan)
    aligner, before_ns = Aligner(spec), 0
    rows = zip(steps['stamp_ns'].tolist(), steps['stream_stamps_ns'].tolist(), strict=True)
    for row, (stamp_ns, used) in enumerate(rows):
        if not all(ns in known for ns, known in zip(used, at, strict=True)):
            continue
        if stamp_ns < before_ns:  # the clock jumped back
            aligner.clear()
        before_ns = stamp_ns
        for stream, ns, known in zip(spec.observed, used, at, strict=True):
            aligner.push(stream.name, ns, known[ns])
        frame = aligner.frame(row, stamp_ns)
        if not frame.fault and list(frame.stamps_ns) == used:
            out[row] = frame.vector
    return out


def _by_stamp(samples: Samples) -> dict[int, Vector]:
    """Return the samples by header stamp, without stamps that different samples bear: nothing
    tells which of them was used."""
    stamps = samples.stamps_ns.tolist()
    known = dict(zip(stamps, samples.values, strict=True))
    if len(known) < len(stamps):
        for ns, value in zip(stamps, samples.values, strict=True):
            if ns in known and not np.array_equal(known[ns], value, equal_nan=True):
                del known[ns]
    return known


def align_foreign(contents: Contents, spec: Spec) -> Extract:
    """Make steps of a plain bag: frames at the spec's rate as of receive time, actions from the
    robot's command topics.

    Ticks run from the first moment on which every stream was seen; there are none in a gap. A
    command counts until the robot's `command_timeout_s`; a latched axis keeps its last one. The
    human owned throughout.

    Raises:
        UserError: a stream or command topic of the spec is not in the bag, several robots are, or
            the clock was set back while it was recorded.
    """
    streams = stream_samples(contents, spec, stamped=False)
    ticks = _ticks(streams, spec)
    sizes = Sizes(len(spec.frame_fields), len(spec.observed), len(spec.axes), 0, 0)
    steps = np.zeros(len(ticks), step_type(sizes))
    for name in steps.dtype.names or ():
        if steps[name].dtype.kind == 'f':
            steps[name] = np.nan
    steps['stamp_ns'] = ticks
    steps['tick'] = (ticks - ticks[0]) // spec.period_ns
    steps['step'] = np.arange(len(ticks))
    for row, vector, used in _align(streams, spec, ticks):
        steps['frame'][row], steps['stream_stamps_ns'][row] = vector, used
    actions = _actions(contents, spec, ticks)
    steps['expert'] = steps['command'] = actions
    driven = np.isfinite(actions).all(axis=1)
    steps['engaged'] = driven
    steps['mode'] = np.where(driven, Mode.SUPERVISOR, Mode.HOLD)
    steps['owner'] = np.where(driven, Owner.HUMAN, Owner.NOBODY)
    return Extract(steps, (), ())


def _ticks(streams: dict[str, Samples], spec: Spec) -> NDArray[np.int64]:
    """Return the ticks: one a period from the first moment on which every stream was seen to the
    last message, without those of a gap (a pause, a clock that was set forward) in which no frame
    can be usable: each stream is silent for longer than one of them may be old."""
    came = np.unique(np.concatenate([s.log_ns for s in streams.values()]))
    first = max(int(s.log_ns.min()) for s in streams.values())
    came = came[came >= first]
    usable_ns = max(BACK_NS, round(min(s.max_age_s for s in spec.observed) * NS_PER_S))
    gaps = np.flatnonzero(np.diff(came) > usable_ns)
    begin = -((first - came[[0, *gaps + 1]]) // spec.period_ns)  # rounded up
    end = (np.append(came[gaps] + usable_ns, came[-1]) - first) // spec.period_ns
    numbers = [np.arange(a, b + 1) for a, b in zip(begin, end, strict=True)]
    return first + np.concatenate(numbers) * spec.period_ns


def _align(
    streams: dict[str, Samples], spec: Spec, ticks: NDArray[np.int64]
) -> Iterator[tuple[int, Vector, tuple[int, ...]]]:
    """Yield (row, frame, stamps used) for every tick that has a usable frame."""
    arrivals = sorted(
        (int(ns), name, i) for name, s in streams.items() for i, ns in enumerate(s.log_ns)
    )
    aligner, at = Aligner(spec), 0
    for row, tick_ns in enumerate(ticks.tolist()):
        while at < len(arrivals) and arrivals[at][0] <= tick_ns:
            ns, name, i = arrivals[at]
            aligner.push(name, ns, streams[name].values[i])
            at += 1
        frame = aligner.frame(row, tick_ns)
        if not frame.fault:
            yield row, frame.vector, frame.stamps_ns


def _actions(contents: Contents, spec: Spec, ticks: NDArray[np.int64]) -> Vector:
    """Return (ticks, A): the newest command of every axis as of the tick; NaN where it is too
    old."""
    out = np.full((len(ticks), len(spec.axes)), np.nan)
    if not spec.robot.commands:
        raise UserError('robot', spec.robot.name, 'has no command topics to read actions from')
    topics = Names(contents, wanted(spec))
    for command in spec.robot.commands:
        topic = topics.need('command', command.topic, command.type)
        table = Table(topic)
        _check_clock(topic.name, table.log_ns)
        values, log_ns = _command_values(table, command, spec)
        at = np.searchsorted(log_ns, ticks, side='right') - 1
        age_ns = np.where(at >= 0, ticks - log_ns[at], np.iinfo(np.int64).max)
        fresh = age_ns <= spec.robot.command_timeout_s * NS_PER_S
        for place, name in enumerate(command.axes):
            axis = spec.axis_names.index(name)
            latched = spec.axes[axis].kind is AxisKind.LATCHED
            good = (at >= 0) if latched else fresh
            out[good, axis] = values[at[good], place]
    return out


def _command_values(
    table: Table, command: CommandTopic, spec: Spec
) -> tuple[Vector, NDArray[np.int64]]:
    """Return (n, axes) in the axes' units and (n,) receive stamps, in order of receipt."""
    decoder = codec('command', command.codec).decoder(command.fields)
    found = table.decoded(decoder, len(command.fields))
    values, log_ns = found.values, table.log_ns[found.rows]
    if command.per_second:
        values = values * (spec.period_ns / NS_PER_S)
    order = np.argsort(log_ns, kind='stable')
    return values[order], log_ns[order]
