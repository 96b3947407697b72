"""Requests are counted from modes and causes, whatever the hand-over and whoever comes."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from il_core.types import NS_PER_S, Cause, EpisodeEvent, EventKind, Mode, Proposal
from il_data.episode import Episode, Sizes, step_type
from il_data.manifest import Manifest
from il_gating.transitions import OWNERS
from il_loop.cast import SIMULATED, Cast, make_loop
from il_loop.episodes import summarise
from il_loop.requests import (
    Reaction,
    count_causes,
    judged_to_return,
    reaction,
    requests,
    spending,
)
from tests.toy import ToyWorld, toy_spec

H, A, R, S, E = Mode.HOLD, Mode.AUTONOMOUS, Mode.REQUESTING, Mode.SUPERVISOR, Mode.ESTOP


def episode(*runs, events=(), foreign=False):
    """Return an episode of (mode, cause, ticks) at 20 Hz; ticks are numbered from 50."""
    spec = toy_spec()
    steps = np.zeros(sum(n for *_, n in runs), step_type(Sizes(1, 1, 1, 0, 0)))
    steps['tick'] = 50 + np.arange(len(steps))
    steps['stamp_ns'] = 7 * NS_PER_S + spec.period_ns * np.arange(len(steps))
    at = 0
    for mode, cause, n in runs:
        part = steps[at : at + n]
        part['mode'], part['cause'], part['owner'] = mode, cause, OWNERS[mode]
        at += n
    return Episode(Path(), spec, Manifest('e'), steps, events=events, foreign=foreign)


ALONE = (A, Cause.START, 10)


def began(tick, cause):
    return EpisodeEvent(0, EventKind.INTERVENTION_BEGAN, 'e', tick=tick, cause=cause)


def test_policy_alone_makes_no_request():
    quiet = episode(ALONE)
    assert requests(quiet) == []
    assert requests(episode()) == []
    assert not judged_to_return(episode()).size
    spent = spending([quiet])
    assert (spent.requests, spent.rate, spent.human_share) == (0, 0.0, 0.0)
    assert reaction([]) is None


def test_no_episode_has_no_rate():
    assert math.isnan(spending([]).rate)
    assert math.isnan(spending([]).human_share)


def test_instant_handover_names_the_gates_cause_and_waits_for_nobody():
    found = requests(
        episode(ALONE, (S, Cause.RISK, 4), (A, Cause.HAND_BACK, 3), (S, Cause.NOVELTY, 2))
    )
    assert [(r.row, r.cause) for r in found] == [(10, Cause.RISK), (17, Cause.NOVELTY)]
    assert all(r.answered and math.isnan(r.wait_s) for r in found)
    assert reaction(found) is None


def test_operator_who_is_ready_answers_a_request_and_makes_none():
    (found,) = requests(episode(ALONE, (R, Cause.RISK, 6), (S, Cause.OPERATOR_READY, 4)))
    assert (found.cause, found.answered) == (Cause.RISK, True)
    assert found.wait_s == pytest.approx(0.3)


def test_first_step_may_be_a_request():
    (found,) = requests(episode((R, Cause.EXPERT_ONLY, 1), (S, Cause.OPERATOR_READY, 9)))
    assert (found.row, found.cause) == (0, Cause.EXPERT_ONLY)
    assert found.wait_s == pytest.approx(0.05)


@pytest.mark.parametrize(
    'end',
    [
        [(R, Cause.NOVELTY, 6)],
        [(R, Cause.NOVELTY, 6), (H, Cause.REQUEST_TIMEOUT, 1)],
        [(R, Cause.NOVELTY, 2), (A, Cause.HUMAN_RELEASE, 5), (S, Cause.HUMAN_REQUEST, 5)],
        [(R, Cause.NOVELTY, 2), (E, Cause.ESTOP, 5)],
    ],
    ids=['episode ends', 'time-out', 'sent back', 'emergency stop'],
)
def test_nobody_came(end):
    found = requests(episode(ALONE, *end))[0]
    assert (found.cause, found.answered) == (Cause.NOVELTY, False)
    assert math.isnan(found.wait_s)


def test_instant_handover_with_nobody_there_is_one_request():
    runs = (ALONE, (H, Cause.STALE_JOYSTICK, 4), (S, Cause.OPERATOR_READY, 5))
    (found,) = requests(episode(*runs))
    assert (found.row, found.cause, found.answered) == (10, Cause.STALE_JOYSTICK, True)
    (told,) = requests(episode(*runs, events=(began(64, Cause.RISK),)))
    assert told.cause is Cause.RISK
    assert math.isnan(told.wait_s)


def test_operator_with_the_hand_on_it_is_there_at_once():
    runs = (ALONE, (S, Cause.OPERATOR_READY, 5))
    (found,) = requests(episode(*runs))
    assert (found.cause, found.wait_s) == (Cause.OPERATOR_READY, 0.0)
    other = began(3, Cause.NOVELTY)
    (told,) = requests(episode(*runs, events=(other, began(60, Cause.PREDICTED_ERROR))))
    assert told.cause is Cause.PREDICTED_ERROR


def test_fault_and_lost_operator_are_no_requests():
    fault = episode(ALONE, (H, Cause.STALE_OBSERVATION, 3), (A, Cause.RESUME, 4))
    assert requests(fault) == []
    lost = (H, Cause.STALE_JOYSTICK, 3)
    back = episode((S, Cause.NOVELTY, 3), lost, (S, Cause.OPERATOR_READY, 4))
    assert [r.row for r in requests(back)] == [0]


def test_gate_that_asks_when_a_fault_is_over_makes_a_request():
    fault = (H, Cause.POLICY_FAULT, 3)
    (found,) = requests(episode(ALONE, fault, (R, Cause.NOVELTY, 2)))
    assert (found.row, found.cause) == (13, Cause.NOVELTY)


def test_foreign_bag_tells_of_no_request():
    assert requests(episode((S, Cause.UNKNOWN, 9), foreign=True)) == []


def test_causes_and_reactions_add_up():
    asked = [(R, n) for n in (2, 4, 6, 8)]
    found = [
        r
        for mode, n in asked
        for r in requests(episode(ALONE, (mode, Cause.RISK, n), (S, Cause.OPERATOR_READY, 2)))
    ]
    own = requests(episode(ALONE, (R, Cause.HUMAN_REQUEST, 60), (S, Cause.HUMAN_REQUEST, 2)))
    assert count_causes([*own, *found]) == {Cause.HUMAN_REQUEST: 1, Cause.RISK: 4}
    # the human's own request is none that anybody reacts to
    assert reaction([*found, *own]) == Reaction(
        pytest.approx(0.175), pytest.approx(0.25), pytest.approx(0.325), 4
    )


def test_request_is_a_step_of_the_robot():
    made = [
        episode(ALONE, (S, Cause.RISK, 5), (A, Cause.HAND_BACK, 8), (S, Cause.HUMAN_REQUEST, 5)),
        episode((R, Cause.NOVELTY, 2), (S, Cause.OPERATOR_READY, 10)),
    ]
    spent = spending(made)
    assert (spent.requests, spent.own) == (3, 1)
    assert (spent.robot_ticks, spent.human_ticks, spent.ticks) == (18, 20, 40)
    assert spent.rate == pytest.approx(3 / 21)
    assert spent.gate_rate == pytest.approx(2 / 20)
    assert spent.human_share == pytest.approx(0.5)


def test_gate_is_asked_in_the_mode_of_the_tick_before():
    made = episode(
        (A, Cause.START, 2),
        (R, Cause.NOVELTY, 2),
        (S, Cause.OPERATOR_READY, 2),
        (A, Cause.HAND_BACK, 2),
        (S, Cause.HUMAN_REQUEST, 2),
        (A, Cause.HUMAN_RELEASE, 2),
    )
    rows = np.flatnonzero(judged_to_return(made)).tolist()
    # the tick of readiness still asked; that of handing back judged that; buttons come first
    assert rows == [5, 6, 8, 9]


class Wavering:
    """Stands still, and is sure of it for 6 ticks of 12."""

    spec = toy_spec()
    checkpoint_id = 'wavering'

    def __init__(self):
        self.ticks = 0

    def reset(self):
        self.ticks = 0

    def propose(self, frame):
        self.ticks += 1
        mean = np.array([0.0, 0.0, 0.08])
        variance = np.full(3, 1.0 if self.ticks // 6 % 2 else 0.0)
        return Proposal(frame, self.checkpoint_id, self.spec.hash, mean, variance)


@pytest.mark.parametrize('handover', ['instant', 'request'])
def test_every_answer_in_a_rollout_was_asked_for(handover):
    config = dataclasses.replace(SIMULATED, handover=handover, auto_return=True)
    style = {'style': 'always'} if handover == 'instant' else {'reaction_s': 0.1}
    params = {'novelty': 0.02, 'hand_back': 0.01, 'discrepancy': 9.0}
    cast = Cast('novelty', params, config, operator=style)
    loop = make_loop(ToyWorld(), cast, policy=Wavering())
    made = [loop.episode(seed, f'e{seed}').episode() for seed in range(6)]
    found = [r for e in made for r in requests(e)]
    counts = [summarise(e) for e in made]
    answers = sum(c.interventions + c.begun_by_human for c in counts)
    assert sum(r.answered for r in found) == answers
    assert len(found) > len(made), 'it asked again and again'
    waited = {
        r.cause: [q.wait_s for q in found if q.answered and q.cause is r.cause] for r in found
    }
    if handover == 'instant':
        assert waited.keys() == {Cause.NOVELTY}
        assert np.isnan(waited[Cause.NOVELTY]).all()
        return
    assert min(waited[Cause.NOVELTY]) >= 0.1
    # asked again before the operator had let go
    assert set(waited[Cause.OPERATOR_READY]) == {0.0}
