"""The time line of control of an episode, from what the gate said in its bag."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from il_core.errors import UserError
from il_core.structure import member
from il_core.types import NS_PER_S, Cause, EpisodeEvent, GateState, Mode, Owner
from il_data.names import Names
from il_data.own_types import EVENT, STATUS
from il_data.read import raw
from il_data.steps import by_name, events_of, score_names
from il_data.table import Table


@dataclass(frozen=True)
class Span:
    """A stretch of one mode: `state` is what the gate said at its first tick, `before` the mode
    before. Times are seconds since the episode's first tick."""

    before: Mode
    state: GateState
    begin_s: float
    duration_s: float
    ticks: int


@dataclass(frozen=True)
class TimeLine:
    """Who had control from when to when, and what else happened. `events` with the same clock."""

    spans: tuple[Span, ...]
    events: tuple[tuple[float, EpisodeEvent], ...]


def explain(path: Path) -> TimeLine:
    """Return the time line of the episode in a bag, from the first tick that belongs to it.

    Raises:
        UserError: no bag, a damaged one, or one without gate/status (not by our recorder).
    """
    topics = Names(raw(path, (STATUS, EVENT)), (('gate/status', STATUS),), scattered=True)
    found = _states(Table(topics.find('gate/status', STATUS)))
    states = [s for s in found if s.stamp_ns]  # a gate that joins in lockstep knows no time yet
    inside = next((i for i, state in enumerate(states) if state.episode_id), None)
    if inside is None:
        raise UserError('bag', str(path), 'holds no gate/status of an episode: nothing to explain')
    states = states[inside:]
    events = events_of(Table(topics.find('episode/events', EVENT)))
    zero_ns = states[0].stamp_ns
    timed = [(_seconds(event.stamp_ns - zero_ns), event) for event in events]
    return TimeLine(tuple(_spans(states)), tuple(sorted(timed, key=lambda pair: pair[0])))


def _spans(states: list[GateState]) -> list[Span]:
    begins = [i for i, s in enumerate(states) if not i or s.mode is not states[i - 1].mode]
    zero_ns, spans = states[0].stamp_ns, list[Span]()
    for i, end in zip(begins, [*begins[1:], len(states)], strict=True):
        until_ns = states[min(end, len(states) - 1)].stamp_ns
        before = states[i - 1].mode if i else Mode.UNKNOWN
        ticks = len({state.tick for state in states[i:end]})
        begin_ns = states[i].stamp_ns
        times = (_seconds(begin_ns - zero_ns), _seconds(until_ns - begin_ns))
        spans.append(Span(before, states[i], *times, ticks))
    return spans


def _states(table: Table) -> list[GateState]:
    names = score_names(table)
    columns: dict[str, Iterable[object]] = {
        'stamp_ns': table.stamps_ns().tolist(),
        'hand_back_ready': table.numbers('hand_back_ready', '?').tolist(),
    }
    for name, kind in (('mode', Mode), ('owner', Owner), ('cause', Cause)):
        numbers = table.numbers(name, 'u1').tolist()
        columns[name] = [member(kind, number, f'{name} of GateStatus') for number in numbers]
    for name in ('tick', 'step'):
        columns[name] = table.numbers(name, 'u8').tolist()
    for name in ('detail', 'episode_id', 'gate', 'checkpoint_id'):
        columns[name] = table.texts(name).tolist()
    for name in ('observation_age_s', 'joystick_age_s', 'joystick_timeout_s'):
        columns[name] = table.numbers(name, 'f8', np.nan).tolist()
    for name in ('scores', 'thresholds'):
        rows = by_name(table, name, names).tolist()
        columns[name] = [dict(zip(names, row, strict=True)) for row in rows]
    rows = zip(*columns.values(), strict=True)
    return [GateState(**dict(zip(columns, row, strict=True))) for row in rows]


def _seconds(span_ns: int) -> float:
    return span_ns / NS_PER_S
