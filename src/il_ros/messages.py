"""Our values to messages and back.

These run in the control path: arrays go through `array('d')`, which the generated setters take
without looking at every number. float64 survives exactly, NaN included.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
from interactive_il import msg as il

from il_core.errors import UserError
from il_core.structure import member
from il_core.types import (
    NO_PRESSES,
    Cause,
    Command,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    Frame,
    GateState,
    Mode,
    Outcome,
    Owner,
    Proposal,
    Vector,
)
from il_ros.build import stamped, to_array, to_ns, to_time


def proposal_to_msg(p: Proposal) -> Any:
    f = p.frame
    return stamped(
        il.Proposal(
            tick=f.tick,
            checkpoint_id=p.checkpoint_id,
            spec_hash=p.spec_hash,
            frame=to_array(f.vector),
            stream_stamps=_times(f.stamps_ns),
            mean=to_array(p.mean),
            variance=to_array(p.variance),
            members=0 if p.members is None else len(p.members),
            member_actions=to_array(p.members),
            chunk_length=0 if p.chunk is None else len(p.chunk),
            chunk=to_array(p.chunk),
            features=to_array(p.features, 'f'),
            inference_s=float(p.inference_s),
            fault=p.fault or f.fault,
        ),
        f.stamp_ns,
    )


def proposal_from_msg(m: Any) -> Proposal:
    stamps = tuple(to_ns(t) for t in m.stream_stamps)
    no_frame = m.fault if not len(m.frame) else ''
    frame = Frame(m.tick, to_ns(m.header.stamp), _vector(m.frame), stamps, no_frame)
    return Proposal(
        frame,
        m.checkpoint_id,
        m.spec_hash,
        _optional(m.mean),
        _optional(m.variance),
        _rows(m.member_actions, m.members, 'member_actions'),
        _rows(m.chunk, m.chunk_length, 'chunk'),
        np.array(m.features, np.float32) if len(m.features) else None,
        m.inference_s,
        m.fault,
    )


def expert_to_msg(e: ExpertAction) -> Any:
    return stamped(
        il.ExpertAction(
            source=e.source,
            action=to_array(e.action),
            engaged=e.engaged,
            presses=array('I', e.presses),
            seed=e.seed,
            step=e.step,
        ),
        e.stamp_ns,
    )


def expert_from_msg(m: Any) -> ExpertAction:
    return ExpertAction(
        to_ns(m.header.stamp),
        _optional(m.action),
        m.engaged,
        m.source,
        _presses(m.presses),
        m.seed,
        m.step,
    )


def command_to_msg(c: Command, axes: tuple[str, ...]) -> Any:
    return stamped(
        il.Command(
            tick=c.tick,
            axes=list(axes),
            action=to_array(c.action),
            mode=int(c.mode),
            owner=int(c.owner),
            transition=c.transition,
            limited=','.join(c.limited),
        ),
        c.stamp_ns,
    )


def command_from_msg(m: Any) -> Command:
    return Command(
        m.tick,
        to_ns(m.header.stamp),
        _vector(m.action),
        member(Mode, m.mode, 'mode of Command'),
        member(Owner, m.owner, 'owner of Command'),
        m.transition,
        tuple(filter(None, m.limited.split(','))),
    )


def state_to_msg(s: GateState) -> Any:
    return stamped(
        il.GateStatus(
            tick=s.tick,
            episode_id=s.episode_id,
            step=s.step,
            mode=int(s.mode),
            owner=int(s.owner),
            cause=int(s.cause),
            detail=s.detail,
            gate=s.gate,
            score_names=list(s.scores),
            scores=array('d', s.scores.values()),
            thresholds=array('d', (s.thresholds.get(name, math.nan) for name in s.scores)),
            observation_age_s=float(s.observation_age_s),
            joystick_age_s=float(s.joystick_age_s),
            joystick_timeout_s=float(s.joystick_timeout_s),
            checkpoint_id=s.checkpoint_id,
            hand_back_ready=s.hand_back_ready,
        ),
        s.stamp_ns,
    )


def state_from_msg(m: Any) -> GateState:
    return GateState(
        m.tick,
        to_ns(m.header.stamp),
        member(Mode, m.mode, 'mode of GateStatus'),
        member(Owner, m.owner, 'owner of GateStatus'),
        member(Cause, m.cause, 'cause of GateStatus'),
        m.detail,
        m.episode_id,
        m.step,
        m.gate,
        _named(m.score_names, m.scores, 'scores'),
        _known(_named(m.score_names, m.thresholds, 'thresholds')),
        m.observation_age_s,
        m.joystick_age_s,
        m.checkpoint_id,
        m.hand_back_ready,
        m.joystick_timeout_s,
    )


def event_to_msg(e: EpisodeEvent) -> Any:
    return stamped(
        il.EpisodeEvent(
            kind=int(e.kind),
            episode_id=e.episode_id,
            seed=e.seed,
            tick=e.tick,
            outcome=int(e.outcome),
            cause=int(e.cause),
            detail=e.detail,
        ),
        e.stamp_ns,
    )


def event_from_msg(m: Any) -> EpisodeEvent:
    return EpisodeEvent(
        to_ns(m.header.stamp),
        member(EventKind, m.kind, 'kind of EpisodeEvent'),
        m.episode_id,
        m.seed,
        m.tick,
        member(Outcome, m.outcome, 'outcome of EpisodeEvent'),
        member(Cause, m.cause, 'cause of EpisodeEvent'),
        m.detail,
    )


def _times(stamps_ns: tuple[int, ...]) -> list[Any]:
    """Return one Time per stamp, the same one for equal stamps: a message is only read from."""
    made = {ns: to_time(ns) for ns in set(stamps_ns)}
    return [made[ns] for ns in stamps_ns]


def _vector(values: Any) -> Vector:
    return np.array(values, np.float64)


def _optional(values: Any) -> Vector | None:
    return np.array(values, np.float64) if len(values) else None


def _rows(values: Any, rows: int, what: str) -> Vector | None:
    if not rows:
        return None
    if len(values) % rows:
        raise UserError(f'length of {what} of Proposal', len(values), f'must be {rows} rows')
    return np.array(values, np.float64).reshape(rows, -1)


def _presses(counts: Any) -> tuple[int, ...]:
    """Return a count per `Press`; who has no buttons may leave them out."""
    if len(counts) not in (0, len(NO_PRESSES)):
        rule = f'must be {len(NO_PRESSES)}, a count per PRESS_*, or 0'
        raise UserError('length of presses of ExpertAction', len(counts), rule)
    return tuple(counts) or NO_PRESSES


def _named(names: Any, values: Any, what: str) -> dict[str, float]:
    if len(values) != len(names):
        rule = f'must be that of score_names, {len(names)}'
        raise UserError(f'length of {what} of GateStatus', len(values), rule)
    return dict(zip(names, values, strict=True))


def _known(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not math.isnan(value)}
