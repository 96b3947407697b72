"""A gate over recorded episodes: how often it would have asked, and whether where help was needed.

What would have come after a request is not in the recording. So an episode counts only up to its
first switch, the one that was recorded or the one that the gate asks for, whichever is earlier;
nothing here says how well a human would have done. The tick of a recorded request counts, too: the
policy was about to act, and the gate was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.types import (
    NS_PER_S,
    Cause,
    ExpertAction,
    Frame,
    Mode,
    Outcome,
    Owner,
    Vector,
)
from il_data.dataset import INTERVENTIONS, one_spec
from il_data.episode import Episode
from il_gating.api import Gate, GateInputs
from il_gating.core import GATE_RNG
from il_loop.requests import UNTOLD, requests
from il_loop.stats import Estimate, roc_area, wilson
from il_policy.api import Policy

SHARES = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)  # of ticks above a threshold
ENDS = {Outcome.SUCCESS: False, Outcome.FAILURE: True, Outcome.TIMEOUT: True}
# Why a human has the robot from the first tick on where no gate took it from the policy.
HIS_OWN = (Cause.EXPERT_ONLY, Cause.HUMAN_REQUEST, *UNTOLD)


@dataclass(frozen=True, eq=False)
class Trace:
    """An episode from its start for as long as the policy had the robot, and the request that
    ended this where one did: T ticks with a frame.

    Attributes:
        ticks: how many those are with the late ones, without a frame; `rows`: (T,) which of them.
        scores: name -> (T,) what the gate saw; NaN where it could not know.
        asked: (T,) where the gate, as it is set, asks.
        needed: the policy failed by itself, or the human took over unasked; False: it succeeded by
            itself; None: a gate or a fault ended it, so nobody knows.
        other: recorded with another policy than the one that is judged.
    """

    episode_id: str
    ticks: int
    rows: NDArray[np.intp]
    scores: Mapping[str, Vector]
    asked: NDArray[np.bool_]
    needed: bool | None
    other: bool


@dataclass(frozen=True)
class Point:
    """What one threshold gives. `threshold` None: the gate as it is set.

    Attributes:
        requests: first requests, of `episodes`; `per_minute`: of the policy's time until then.
        caught: of the episodes that needed help, the share with a request; `alarms`: of those
            that did not. None where there was no such episode.
        human_share: of all time, where an intervention takes as long as a recorded one; None
            where none was recorded.
    """

    threshold: float | None
    requests: int
    episodes: int
    per_minute: float
    caught: Estimate | None
    alarms: Estimate | None
    human_share: float | None


@dataclass(frozen=True)
class Curve:
    """One score. `area`: under the ROC curve, over episodes by their highest score; None
    where one kind of episode is missing."""

    score: str
    area: Estimate | None
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Replay:
    """Everything that one replay says.

    Attributes:
        needed, unneeded, unknown: episodes, by whether help was needed.
        left_out: episodes that did not begin with the policy (one that a gate asked for at the
            first tick did); `bad`: whose recording is BAD, as no gate is fitted to them.
        unlabelled: episodes without the action of a human that this gate has to see.
        other: episodes recorded with another policy.
        intervention_s: mean length of the recorded interventions; None where there is none.
    """

    gate: str
    needed: int
    unneeded: int
    unknown: int
    left_out: int
    bad: int
    unlabelled: int
    other: int
    intervention_s: float | None
    as_set: Point
    curves: tuple[Curve, ...] = field(default_factory=tuple)


def replay(episodes: Sequence[Episode], policy: Policy, gate: Gate) -> Replay:
    """Run a gate over episodes.

    Args:
        episodes: of one spec, recorded with any gate.
        policy: the gate's own, which judges the recorded frames anew.
        gate: one that learns from what it sees (`STEADY`) makes the order of episodes count.

    Raises:
        UserError: every recording is BAD, no other begins with the policy, or none has the actions
            of a human that the gate has to see.
    """
    one_spec(episodes)
    given = len(episodes)
    episodes = [e for e in episodes if e.verdict in INTERVENTIONS.verdicts]
    if not episodes:
        rule = 'all of them are BAD recordings; `il bags check` says why'
        raise UserError('episodes', given, rule)
    begun = [e for e in episodes if len(judged_rows(e))]
    if not begun:
        rule = 'none begins with the policy at the controls; nothing to replay a gate on'
        raise UserError('episodes', len(episodes), rule)
    judged = [e for e in begun if not gate.needs_expert_action or labelled(e)]
    if not judged:
        rule = 'have no action of the human while the policy had the robot; this gate looks at it'
        raise UserError(f'episodes for gate {gate.name}', len(begun), rule)
    found = [trace(e, policy, gate) for e in judged]
    period_s = episodes[0].spec.period_ns / NS_PER_S
    human_s = intervention_s(episodes)
    needed = [t.needed for t in found]
    names = [n for n in found[0].scores if any(np.isfinite(t.scores[n]).any() for t in found)]
    return Replay(
        gate=gate.name,
        needed=needed.count(True),
        unneeded=needed.count(False),
        unknown=needed.count(None),
        left_out=len(episodes) - len(begun),
        bad=given - len(episodes),
        unlabelled=len(begun) - len(judged),
        other=sum(t.other for t in found),
        intervention_s=human_s,
        as_set=_point(None, found, [t.asked for t in found], period_s, human_s),
        curves=tuple(_curve(name, found, period_s, human_s) for name in names),
    )


def policy_ticks(episode: Episode) -> int:
    """Return for how many ticks the policy had the robot, from the start up to the first that it
    had not."""
    others = np.flatnonzero(episode.owners != Owner.POLICY)
    return int(others[0]) if len(others) else len(episode)


def asked_ticks(episode: Episode) -> int:
    """Return these and, where a request ended them, the tick at which it was made: the first
    where a gate asked at once."""
    ticks, cause = policy_ticks(episode), _ended_by(episode)
    return ticks + (cause is not None and (ticks > 0 or cause not in HIS_OWN))


def judged_rows(episode: Episode) -> NDArray[np.intp]:
    """Return the rows of `asked_ticks` at which a gate is asked: at a late one, without a frame,
    the robot holds and none is."""
    usable = np.isfinite(episode.frames[: asked_ticks(episode)]).all(axis=1)
    return np.flatnonzero(usable)


def labelled(episode: Episode) -> bool:
    """Return whether a human said, with the dead-man held, what he would do on most of these
    ticks."""
    rows = judged_rows(episode)
    known = np.isfinite(episode.expert_actions[rows]).all(axis=1)
    return bool((known & episode.steps['engaged'][rows]).mean() > 0.5)


def trace(episode: Episode, policy: Policy, gate: Gate) -> Trace:
    """Ask a gate at each of the `judged_rows`."""
    policy.reset()
    gate.reset(np.random.default_rng((GATE_RNG, episode.manifest.seed)))
    made = [gate.decide(inputs) for inputs in _inputs(episode, policy)]
    names = dict.fromkeys(name for decision in made for name in decision.scores)
    ours = episode.manifest.checkpoint_id
    return Trace(
        episode.episode_id,
        asked_ticks(episode),
        judged_rows(episode),
        {n: np.array([d.scores.get(n, np.nan) for d in made]) for n in names},
        np.array([d.owner is Owner.HUMAN for d in made]),
        _needed(episode),
        bool(ours) and ours != policy.checkpoint_id,
    )


def intervention_s(episodes: Sequence[Episode]) -> float | None:
    """Return for how long a human kept the robot that the policy had, on average; None where
    nobody took it."""
    count = sum(e.interventions for e in episodes)
    if not count:
        return None
    ticks = 0
    for episode in episodes:
        owned = np.logical_or.accumulate(episode.owners == Owner.POLICY)
        ticks += int((owned & (episode.owners == Owner.HUMAN)).sum())
    return ticks * episodes[0].spec.period_ns / NS_PER_S / count


def _ended_by(episode: Episode) -> Cause | None:
    """Return the cause of the request that ended `policy_ticks`; None where none did."""
    ticks = policy_ticks(episode)
    return next((r.cause for r in requests(episode) if r.row == ticks), None)


def _needed(episode: Episode) -> bool | None:
    if policy_ticks(episode) == len(episode):
        return ENDS.get(episode.outcome)
    return True if _ended_by(episode) is Cause.HUMAN_REQUEST else None


def _inputs(episode: Episode, policy: Policy) -> Iterator[GateInputs]:
    """Give what the gate would have seen."""
    steps = episode.steps
    for row in judged_rows(episode):
        vector, stamp_ns = steps['frame'][row], int(steps['stamp_ns'][row])
        stamps = tuple(steps['stream_stamps_ns'][row].tolist())
        frame = Frame(int(steps['tick'][row]), stamp_ns, vector, stamps)
        action = steps['expert'][row]
        known = action if np.isfinite(action).all() else None
        expert = ExpertAction(stamp_ns, known, bool(steps['engaged'][row]))
        yield GateInputs(policy.propose(frame), expert, Mode.AUTONOMOUS)


def _curve(name: str, found: Sequence[Trace], period_s: float, human_s: float | None) -> Curve:
    values = [np.nan_to_num(t.scores[name], nan=np.inf) for t in found]
    ticks = np.concatenate(values)
    limits = np.quantile(ticks, [1 - share for share in SHARES], method='higher')
    points = [
        _point(float(limit), found, [v > limit for v in values], period_s, human_s)
        for limit in dict.fromkeys(limits.tolist())
        if np.isfinite(limit)
    ]
    peaks = np.array([v.max() for v in values])
    kinds = np.array([str(t.needed) for t in found])
    bad, good = peaks[kinds == 'True'].tolist(), peaks[kinds == 'False'].tolist()
    return Curve(name, roc_area(bad, good) if bad and good else None, tuple(points))


def _point(
    threshold: float | None,
    found: Sequence[Trace],
    asked: Sequence[NDArray[np.bool_]],
    period_s: float,
    human_s: float | None,
) -> Point:
    """Count what happens where the first True of `asked` is a request."""
    hit = [bool(a.any()) for a in asked]
    firsts = zip(found, asked, hit, strict=True)
    ticks = sum(int(t.rows[a.argmax()]) + 1 if h else t.ticks for t, a, h in firsts)
    robot_s = ticks * period_s
    spent_s = None if human_s is None else sum(hit) * human_s
    return Point(
        threshold,
        sum(hit),
        len(found),
        60 * sum(hit) / robot_s,
        _share(found, hit, True),
        _share(found, hit, False),
        None if spent_s is None else spent_s / (spent_s + robot_s),
    )


def _share(found: Sequence[Trace], hit: Sequence[bool], needed: bool) -> Estimate | None:
    of = [h for t, h in zip(found, hit, strict=True) if t.needed is needed]
    return wilson(sum(of), len(of)) if of else None
