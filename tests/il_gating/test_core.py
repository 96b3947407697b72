"""GateCore: one command per tick, from its owner, counted and told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from il_core.types import Cause, EventKind, Mode, Owner, Press
from il_gating.api import GATES
from il_gating.asked import Request
from il_gating.verdict import finding
from tests.il_gating.rig import HUMAN, POLICY, Rig, ScriptedGate, ended, started
from tests.toy import toy_spec


def test_a_request_is_asked_answered_and_handed_back_with_every_step_counted() -> None:
    rig = Rig()
    assert rig.tick().state.mode is Mode.HOLD
    first = rig.start()
    assert (first.state.mode, first.state.step, first.state.episode_id) == (
        Mode.AUTONOMOUS,
        0,
        'episode_0',
    )
    assert first.command is not None
    assert first.command.action.tolist() == POLICY.tolist()
    rig.gate.human = True  # type: ignore[attr-defined]
    asked = rig.tick()
    assert (asked.state.mode, asked.state.owner) == (Mode.REQUESTING, Owner.NOBODY)
    assert asked.state.cause is Cause.NOVELTY
    rig.engaged = True
    took = rig.tick()
    assert (took.state.mode, took.state.cause, took.state.step) == (
        Mode.SUPERVISOR,
        Cause.OPERATOR_READY,
        2,
    )
    assert [(n.kind, n.cause) for n in took.notices] == [
        (EventKind.INTERVENTION_BEGAN, Cause.NOVELTY)
    ]
    rig.gate.human, rig.engaged = False, False  # type: ignore[attr-defined]
    back = rig.tick(n=3)
    assert (back.state.mode, back.state.cause) == (Mode.AUTONOMOUS, Cause.HAND_BACK)
    assert rig.notices() == [EventKind.INTERVENTION_BEGAN, EventKind.INTERVENTION_ENDED]
    assert back.state.step == 5


def test_a_human_who_lets_go_while_the_gate_wants_him_is_said_to_rest() -> None:
    rig = Rig()
    rig.start()
    rig.gate.human, rig.engaged = True, True  # type: ignore[attr-defined]
    assert 'at the controls' in rig.tick(n=3).state.detail
    rig.engaged = False
    state = rig.tick(n=5).state
    assert (state.mode, state.cause) == (Mode.SUPERVISOR, Cause.OPERATOR_READY)
    said = finding(state, 0.0, 1.0)
    assert said.level == 'WARN'
    assert said.text.startswith('SUPERVISOR: the human has the robot and does not drive')
    assert 'hold the dead-man' in said.text
    rig.engaged = True
    assert 'at the controls' in rig.tick().state.detail


def test_nobody_came_is_not_said_of_a_human_who_waits_for_an_observation() -> None:
    rig = Rig(timeout_s=1.0)
    rig.start()
    rig.gate.human = True  # type: ignore[attr-defined]
    assert rig.tick().state.mode is Mode.REQUESTING
    rig.proposals = False  # the policy dies while the human is on his way
    rig.engaged = True
    blind = rig.tick(n=40).state
    assert (blind.mode, blind.cause) == (Mode.HOLD, Cause.STALE_OBSERVATION)
    assert EventKind.OUTCOME not in rig.notices()
    rig.proposals = True
    assert rig.tick().state.mode is Mode.SUPERVISOR


def test_a_ramp_is_marked_until_the_command_has_caught_up() -> None:
    rig = Rig()
    rig.start()
    rig.engaged = True
    took = rig.supervise()
    assert took.command is not None
    assert took.command.transition
    assert took.command.limited == ('gripper',)
    arrived = rig.tick().command
    assert arrived is not None
    assert not arrived.transition
    assert np.array_equal(arrived.action, HUMAN)


def test_a_gate_that_is_started_anew_in_mid_episode_holds_until_resume() -> None:
    rig = Rig(auto_start=True)
    output = rig.tick(started(seed=4, stamp_ns=rig.now_ns - 1))
    assert (output.state.mode, output.state.episode_id) == (Mode.HOLD, 'episode_4')
    assert rig.tick(n=10).state.mode is Mode.HOLD
    assert rig.tick(Request.RESUME).state.mode is Mode.AUTONOMOUS


@pytest.mark.parametrize('size', [0, 1, 2, 4])
@pytest.mark.parametrize('name', ['ensemble_dagger', 'novelty'])
def test_a_gate_never_sees_what_has_another_size(name: str, size: int) -> None:
    """It holds for the human's action and the policy's, and for its variance; they are missing."""
    limits = {'novelty': {'novelty': 1.0, 'hand_back': 1.0, 'discrepancy': 1.0}}
    params = limits.get(name, {'discrepancy': 9.0, 'doubt': 1.0})
    gate = GATES.load(name).build(toy_spec(), None, params)
    rig = Rig(gate, handover='instant')
    rig.start()
    rig.engaged, rig.human = True, np.zeros(size)
    state = rig.tick().state
    assert state.mode is (Mode.AUTONOMOUS if name == 'novelty' else Mode.HOLD)
    assert np.isnan(state.scores['discrepancy'])

    rig = Rig(gate, handover='instant')
    rig.start()
    rig.policy = np.zeros(size)
    if name == 'novelty':  # which looks at the variance: the fault is the switch's to find
        assert rig.tick().state.cause is Cause.POLICY_FAULT
    rig.engaged = True
    assert rig.tick().state.owner is not Owner.POLICY

    rig = Rig(gate, handover='instant')
    rig.start()
    rig.engaged, rig.variance = True, np.zeros(size)
    state = rig.tick().state
    assert (state.mode, state.owner) == (Mode.SUPERVISOR, Owner.HUMAN), 'not known is not safe'


def test_a_proposal_that_comes_late_does_not_act_however_fresh_its_arrival() -> None:
    rig = Rig()
    rig.start()
    rig.tick(n=2)
    for late_ns, mode in ((200_000_000, Mode.AUTONOMOUS), (201_000_000, Mode.HOLD)):
        rig.now_ns += 50_000_000
        late = rig.proposal()
        output = rig.core.update(
            late, None, (), rig.now_ns + 1, stamp_ns=late.frame.stamp_ns + late_ns
        )
        assert output.state.mode is mode
    assert output.state.cause is Cause.STALE_OBSERVATION
    assert 'old when it came' in output.state.detail


def test_nobody_acts_beside_another_writer_and_it_takes_a_request_to_go_on() -> None:
    rig = Rig()
    rig.start()
    rig.tick(n=2)

    def tick(rival: str = '', *events: Request) -> Mode:
        rig.now_ns += 50_000_000
        output = rig.core.update(rig.proposal(), None, events, rig.now_ns, rival=rival)
        return output.state.mode

    assert tick() is Mode.AUTONOMOUS
    assert tick('/command by /other') is Mode.HOLD
    assert tick('/command by /other', Request.RESUME) is Mode.HOLD
    assert tick() is Mode.HOLD
    assert tick('', Request.RESUME) is Mode.AUTONOMOUS


def test_what_waited_while_the_gate_stood_still_does_not_act() -> None:
    rig = Rig()
    rig.start()
    rig.tick(n=2)
    assert rig.outputs[-1].state.mode is Mode.AUTONOMOUS
    waited = rig.proposal()
    output = rig.core.update(
        waited, None, (), rig.now_ns + 800_000_000, stamp_ns=waited.frame.stamp_ns
    )
    assert (output.state.mode, output.state.cause) == (Mode.HOLD, Cause.STALE_OBSERVATION)


class NoisyGate(ScriptedGate):
    """Wants whom it wants, and gives whatever noise it was told to."""

    noise = None

    def decide(self, inputs):
        return dataclasses.replace(super().decide(inputs), noise=self.noise)


@pytest.mark.parametrize(
    ('noise', 'words'),
    [([0.0, np.nan, 0.0], 'axis y is nan'), ([0.1], 'action has shape (1,), not (3,)')],
)
def test_noise_that_cannot_be_sent_is_left_out_and_said(noise, words):
    gate = NoisyGate()
    rig = Rig(gate)
    rig.supervise()
    clean = rig.tick(n=60)
    gate.noise = np.array(noise)
    spoiled = rig.tick()
    assert spoiled.command.action.tolist() == clean.command.action.tolist()
    assert spoiled.complaint == words
    gate.noise = None
    assert not rig.tick().complaint


def test_a_human_who_drives_between_episodes_drives_without_noise():
    gate = NoisyGate()
    gate.noise = np.array([0.004, 0.0, 0.0])
    rig = Rig(gate, handover='instant')
    rig.supervise()
    assert rig.tick(n=60).command.action.tolist() == (HUMAN + gate.noise).tolist()
    rig.tick(ended())
    rig.tick(press=Press.TAKEOVER)
    output = rig.tick(n=60)
    assert output.state.mode is Mode.SUPERVISOR
    assert output.command.action.tolist() == HUMAN.tolist()
