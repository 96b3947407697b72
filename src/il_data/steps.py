"""Join the topics of one of our own bags into steps: one row per command of the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from il_core.spec import Spec
from il_core.structure import member
from il_core.types import NS_PER_S, Cause, EpisodeEvent, EventKind, Mode, Outcome
from il_data.contents import Contents
from il_data.episode import Sizes, step_type
from il_data.names import Names
from il_data.own_types import COMMAND
from il_data.table import Table

PACKAGE = 'interactive_il/msg/'
OWN_TYPES = tuple(
    PACKAGE + name
    for name in ('Proposal', 'ExpertAction', 'Command', 'GateStatus', 'EpisodeEvent')
)
# The joystick time-out of gates that did not record it: older actions did not count.
UNRECORDED_TIMEOUT_S = 0.3


@dataclass(frozen=True, eq=False)
class Extract:
    """What a bag gave: rows as in `step_type`, score names, events."""

    steps: NDArray[Any]
    score_names: tuple[str, ...]
    events: tuple[EpisodeEvent, ...]


def own(contents: Contents) -> Names:
    """Return the names of our own topics. Raises UserError where several gates were recorded."""
    return Names(contents, (('command', COMMAND),), scattered=True)


def extract(contents: Contents, spec: Spec) -> Extract:
    """Join commands with the proposal and gate status of the same stamp, and the newest expert
    action that is not newer, where the gate let one count.

    Steps begin with the first tick of the episode on which somebody was handed control.
    """
    topics = own(contents)
    proposals, experts, commands, states, events = (
        Table(topics.find(name, msgtype))
        for name, msgtype in zip(
            ('policy/proposal', 'teleop/action', 'command', 'gate/status', 'episode/events'),
            OWN_TYPES,
            strict=True,
        )
    )
    names = score_names(states)
    members = int(proposals.numbers('members', 'i8').max(initial=0))
    sizes = Sizes(len(spec.frame_fields), len(spec.observed), len(spec.axes), members, len(names))
    steps = np.zeros(commands.n, step_type(sizes))
    _add_commands(steps, commands)
    stamps = steps['stamp_ns']
    rows = _match(states.stamps_ns(), stamps)
    in_episode = _add_states(steps, states, rows, names)
    _add_proposals(steps, proposals, _match(proposals.stamps_ns(), stamps))
    count_ns = _count_ns(states, rows)
    _add_experts(steps, experts, _newest(experts.stamps_ns(), stamps, count_ns))
    begun = np.logical_or.accumulate(in_episode & (steps['mode'] != Mode.HOLD))
    return Extract(steps[in_episode & begun], names, events_of(events))


def sizes_of(found: Extract, spec: Spec) -> Sizes:
    """Return the widths of the columns of an extract."""
    return Sizes(
        len(spec.frame_fields),
        len(spec.observed),
        len(spec.axes),
        found.steps['members'].shape[1],
        len(found.score_names),
    )


def _match(stamps: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return for each wanted stamp the first row that has it, -1 where none does."""
    order = np.argsort(stamps, kind='stable')
    if not len(order):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(stamps[order], wanted), len(order) - 1)
    return np.where(stamps[order][at] == wanted, order[at], -1)


def _count_ns(states: Table, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return for each tick up to what age an expert action counted: the time-out, below 0 where
    the gate had heard none within it, so that none counted."""
    timeout_s = states.numbers('joystick_timeout_s', 'f8', np.nan)
    known = timeout_s > 0
    heard = states.numbers('joystick_age_s', 'f8', np.nan) <= timeout_s
    # The gate counts from receipt, this from the stamp: a shorter time-out is its `heard` alone.
    count_s = np.where(known, np.maximum(timeout_s, UNRECORDED_TIMEOUT_S), UNRECORDED_TIMEOUT_S)
    count_s[known & ~heard] = -1.0
    out = np.full(len(rows), UNRECORDED_TIMEOUT_S)
    out[rows >= 0] = count_s[rows[rows >= 0]]
    return np.round(out * NS_PER_S).astype(np.int64)


def _newest(
    stamps: NDArray[np.int64], wanted: NDArray[np.int64], count_ns: NDArray[np.int64]
) -> NDArray[np.intp]:
    """Return for each wanted stamp the last row not newer and no older than `count_ns`, -1 where
    there is none."""
    order = np.argsort(stamps, kind='stable')
    if not len(order):
        return np.full(len(wanted), -1)
    at = np.searchsorted(stamps[order], wanted, side='right') - 1
    fresh = (at >= 0) & (wanted - stamps[order][at] <= count_ns)
    return np.where(fresh, order[at], -1)


def _put(steps: NDArray[Any], name: str, values: NDArray[Any], rows: NDArray[np.intp]) -> None:
    """Fill a column from the rows found; floats are NaN, all else 0, where there is no row."""
    found = rows >= 0
    column = steps[name]
    if column.dtype.kind == 'f':
        column[:] = np.nan
    column[found] = values[rows[found]]


def _add_commands(steps: NDArray[Any], commands: Table) -> None:
    steps['stamp_ns'] = commands.stamps_ns()
    steps['command'] = commands.vectors('action', steps['command'].shape[1])
    for name in ('tick', 'mode', 'owner', 'transition'):
        steps[name] = commands.numbers(name, steps[name].dtype.str)


def _add_states(
    steps: NDArray[Any], states: Table, rows: NDArray[np.intp], names: tuple[str, ...]
) -> NDArray[np.bool_]:
    """Fill in what the gate said; return (N,) True on ticks of the episode."""
    for name in ('step', 'cause'):
        _put(steps, name, states.numbers(name, steps[name].dtype.str), rows)
    for name in ('observation_age_s', 'joystick_age_s'):
        _put(steps, name, states.numbers(name, 'f8', np.nan), rows)
    for name in ('scores', 'thresholds'):
        _put(steps, name, by_name(states, name, names), rows)
    named = states.texts('episode_id') != ''
    return (rows >= 0) & named[rows] if states.n else np.zeros(len(steps), bool)


def _add_proposals(steps: NDArray[Any], proposals: Table, rows: NDArray[np.intp]) -> None:
    frames, axes = steps['frame'].shape[1], steps['mean'].shape[1]
    members = steps['members'].shape[1]
    stamps = proposals.stamp_lists_ns('stream_stamps', steps['stream_stamps_ns'].shape[1])
    flat = proposals.vectors('member_actions', members * axes)
    _put(steps, 'frame', proposals.vectors('frame', frames), rows)
    _put(steps, 'stream_stamps_ns', stamps, rows)
    _put(steps, 'mean', proposals.vectors('mean', axes), rows)
    _put(steps, 'variance', proposals.vectors('variance', axes), rows)
    _put(steps, 'members', flat.reshape(len(flat), members, axes), rows)
    _put(steps, 'inference_s', proposals.numbers('inference_s', 'f8', np.nan), rows)


def _add_experts(steps: NDArray[Any], experts: Table, rows: NDArray[np.intp]) -> None:
    _put(steps, 'expert', experts.vectors('action', steps['expert'].shape[1]), rows)
    _put(steps, 'engaged', experts.numbers('engaged', '?'), rows)


def score_names(states: Table) -> tuple[str, ...]:
    """Return the (K,) names of the scores in gate statuses."""
    names: dict[str, None] = {}
    for batch in states.batches:
        names.update(dict.fromkeys(getattr(batch.message, 'score_names', ())))
    return tuple(names)


def by_name(states: Table, field: str, names: tuple[str, ...]) -> NDArray[Any]:
    """Return (N, K) scores or thresholds; NaN where a status has none."""
    out = np.full((states.n, len(names)), np.nan)
    for batch in states.batches:
        for place, name in enumerate(getattr(batch.message, 'score_names', ())):
            out[batch.rows, names.index(name)] = getattr(batch.message, field)[place]
    return out


def events_of(table: Table) -> tuple[EpisodeEvent, ...]:
    """Return the events of a topic, in the order of the file. Raises UserError where one is of
    no known kind, outcome or cause."""
    columns = zip(
        table.stamps_ns().tolist(),
        table.numbers('kind', 'u1').tolist(),
        table.texts('episode_id').tolist(),
        table.numbers('seed', 'u8').tolist(),
        table.numbers('tick', 'u8').tolist(),
        table.numbers('outcome', 'u1').tolist(),
        table.numbers('cause', 'u1').tolist(),
        table.texts('detail').tolist(),
        strict=True,
    )
    return tuple(
        EpisodeEvent(
            ns,
            member(EventKind, kind, 'kind of EpisodeEvent'),
            name,
            seed,
            tick,
            member(Outcome, outcome, 'outcome of EpisodeEvent'),
            member(Cause, cause, 'cause of EpisodeEvent'),
            detail,
        )
        for ns, kind, name, seed, tick, outcome, cause, detail in columns
    )
