"""Hand-over and hand-back, tick by tick: who has the robot when, and why."""

from __future__ import annotations

import pytest

from il_core.types import Cause, EventKind, Mode, Outcome, Owner, Press
from il_gating.asked import Request
from il_gating.core import GateOutput
from il_teleop.alert import Urgency, alarm
from tests.il_gating.rig import HUMAN, POLICY, Rig, ScriptedGate, ended, started

H, A, R, S = Mode.HOLD, Mode.AUTONOMOUS, Mode.REQUESTING, Mode.SUPERVISOR


def at(output: GateOutput) -> tuple[Mode, Cause]:
    return output.state.mode, output.state.cause


def ask(rig: Rig, human: bool = True) -> None:
    assert isinstance(rig.gate, ScriptedGate)
    rig.gate.human = human


def test_instant_switches_in_the_tick_of_the_decision_both_ways_and_without_ramp() -> None:
    rig = Rig(handover='instant', hand_back_ticks=1, auto_return=True)
    rig.engaged = True
    rig.start()
    ask(rig)
    took = rig.tick()
    assert at(took) == (S, Cause.NOVELTY)
    ask(rig, False)
    back = rig.tick()
    assert at(back) == (A, Cause.HAND_BACK)
    assert took.command is not None
    assert back.command is not None
    assert took.command.action[:2].tolist() == HUMAN[:2].tolist()
    assert back.command.action[:2].tolist() == POLICY[:2].tolist()
    assert not took.command.transition
    assert rig.modes() == [H, A, S, A]


def test_instant_with_nobody_there_holds_and_the_request_stays_open() -> None:
    rig = Rig(handover='instant')
    rig.start()
    ask(rig)
    assert at(rig.tick()) == (H, Cause.STALE_JOYSTICK)
    ask(rig, False)
    assert rig.tick(n=3).state.mode is H
    rig.engaged = True
    took = rig.tick()
    assert at(took) == (S, Cause.OPERATOR_READY)
    assert took.notices[0].cause is Cause.NOVELTY


def test_a_request_waits_for_latency_even_where_the_dead_man_is_held_already() -> None:
    rig = Rig(latency_s=0.2)
    rig.engaged = True
    rig.start()
    ask(rig)
    rig.tick(n=5)
    assert rig.modes()[2:] == [R, R, R, R, S]


def test_a_request_that_nobody_answers_ends_the_episode_with_that_cause() -> None:
    rig = Rig(timeout_s=0.5)
    rig.start(7)
    ask(rig)
    rig.tick(n=12)
    assert rig.modes()[2:] == [R] * 10 + [H] * 2
    assert rig.outputs[-1].state.cause is Cause.REQUEST_TIMEOUT
    (notice,) = [n for o in rig.outputs for n in o.notices]
    assert (notice.kind, notice.outcome) == (EventKind.OUTCOME, Outcome.ABORTED)
    assert (notice.cause, notice.seed) == (Cause.REQUEST_TIMEOUT, 7)
    rig.tick(ended(7))
    rig.engaged = True
    assert rig.tick(n=5).state.mode is H, 'a request is over with its episode'


def test_hand_back_needs_ticks_in_a_row_and_the_dead_man_released() -> None:
    rig = Rig(hand_back_ticks=3)
    rig.start()
    rig.engaged = True
    ask(rig)
    assert rig.tick().state.mode is S
    for human in (False, False, True, False, False):
        ask(rig, human)
        assert not rig.tick().state.hand_back_ready
    ready = rig.tick(n=3)
    assert ready.state.mode is S
    assert ready.state.hand_back_ready
    rig.engaged = False
    assert at(rig.tick()) == (A, Cause.HAND_BACK)


def test_auto_return_hands_back_under_the_held_dead_man() -> None:
    rig = Rig(hand_back_ticks=2, auto_return=True)
    rig.start()
    rig.engaged = True
    ask(rig)
    rig.tick()
    ask(rig, False)
    rig.tick(n=2)
    assert rig.modes()[-3:] == [S, S, A]


def test_what_the_human_took_only_the_human_gives_back() -> None:
    rig = Rig(hand_back_ticks=1, auto_return=True)
    rig.supervise()
    assert rig.tick(n=5).state.mode is S
    rig.engaged = False
    assert rig.tick(n=5).state.mode is S
    assert at(rig.tick(press=Press.RELEASE)) == (A, Cause.HUMAN_RELEASE)


def test_a_human_who_lets_go_of_the_dead_man_leaves_the_robot_standing() -> None:
    rig = Rig()
    rig.supervise()
    rig.tick()
    rig.engaged = False
    idle = rig.tick(n=2)
    assert (idle.state.mode, idle.state.owner) == (S, Owner.HUMAN)
    assert idle.command is not None
    assert idle.command.action.tolist() == [0.0, 0.0, 0.0]


def test_taking_over_without_the_dead_man_stops_the_policy_and_waits() -> None:
    rig = Rig()
    rig.start()
    asked = rig.tick(press=Press.TAKEOVER)
    assert at(asked) == (R, Cause.HUMAN_REQUEST)
    assert asked.state.detail.endswith('the robot waits: hold the dead-man to take over')
    rig.engaged = True
    assert rig.tick().state.mode is S


@pytest.mark.parametrize('handover', ['instant', 'request'])
def test_taking_over_in_hold_without_the_dead_man_is_told_what_is_missing(handover: str) -> None:
    rig = Rig(handover=handover, auto_start=False)
    rig.start()
    asked = rig.tick(press=Press.TAKEOVER)
    assert at(asked) == (H, Cause.STALE_JOYSTICK)
    assert asked.state.detail.endswith(': hold the dead-man to take over')
    told = alarm(asked.state, 0.0, False)
    assert told.urgency is Urgency.LOSS
    assert told.text.endswith('hold the dead-man to take over')
    rig.engaged = True
    assert rig.tick().state.mode is S


def test_a_request_to_a_human_at_the_dead_man_lacks_nothing() -> None:
    rig = Rig(latency_s=0.2)
    rig.engaged = True
    rig.start()
    ask(rig)
    assert rig.tick().state.detail == 'the human is asked, and the robot waits'


@pytest.mark.parametrize('handover', ['instant', 'request'])
def test_demonstrations_begin_with_the_human_and_step_0_is_the_first_that_leaves_hold(
    handover: str,
) -> None:
    gate = ScriptedGate(autonomous_start=False)
    gate.human = True
    rig = Rig(gate, handover=handover)
    rig.start()
    rig.engaged = True
    rig.tick(n=3)
    steps = [o.state.step for o in rig.outputs if o.state.mode is not H]
    assert steps == list(range(len(steps)))
    assert rig.modes()[-1] is S
    assert A not in rig.modes()


def test_without_auto_start_an_episode_waits_for_resume() -> None:
    rig = Rig(auto_start=False)
    assert 'no episode' in rig.core.refusal(Request.RESUME, rig.now_ns)
    rig.start()
    assert rig.tick(n=5).state.mode is H
    assert not rig.core.refusal(Request.RESUME, rig.now_ns)
    first = rig.tick(Request.RESUME)
    assert at(first) == (A, Cause.RESUME)
    assert first.state.step == 0


def test_between_episodes_the_human_may_drive_and_the_policy_may_not() -> None:
    rig = Rig()
    rig.start()
    assert rig.tick(ended()).state.mode is H
    rig.engaged = True
    assert rig.tick(press=Press.TAKEOVER).state.mode is S
    assert at(rig.tick(press=Press.RELEASE)) == (H, Cause.HUMAN_RELEASE)
    assert rig.notices() == [], 'no intervention outside an episode'
    again = rig.tick(started(1))
    assert (again.state.mode, again.state.step, again.state.episode_id) == (A, 0, 'episode_1')


def test_presses_count_by_increment_and_a_new_sender_presses_the_emergency_stop_alone() -> None:
    rig = Rig()
    rig.presses[Press.TAKEOVER] = 5
    rig.engaged = True
    rig.start()
    assert rig.tick(n=2).state.mode is A
    rig.presses[Press.TAKEOVER] = 3
    assert rig.tick(n=2).state.mode is A
    assert rig.tick(press=Press.TAKEOVER).state.mode is S
    rig.presses[Press.TAKEOVER], rig.presses[Press.ESTOP] = 1, 1
    assert rig.tick().state.mode is Mode.ESTOP


def test_a_policy_that_the_gate_was_not_fitted_for_is_hold() -> None:
    rig = Rig(policy_id='aaaa')
    rig.start()
    rig.policy_id = 'bbbb'
    stopped = rig.tick()
    assert at(stopped) == (H, Cause.CHECKPOINT_MISMATCH)
    assert 'aaaa' in stopped.state.detail
    assert 'bbbb' in stopped.state.detail
    rig.engaged = True
    assert rig.tick(press=Press.TAKEOVER).state.mode is S, 'the human needs no policy'


def test_after_a_fault_only_auto_resume_goes_on_by_itself() -> None:
    for auto in (False, True):
        rig = Rig(auto_resume=auto)
        rig.start()
        rig.policy_fault = 'out of memory'
        assert at(rig.tick(n=3)) == (H, Cause.POLICY_FAULT)
        rig.policy_fault = ''
        assert rig.tick(n=2).state.mode is (A if auto else H)


def test_who_resumes_without_an_observation_is_told_and_nothing_starts_by_itself_later() -> None:
    rig = Rig(auto_start=False)
    rig.start()
    rig.frame_fault = 'camera: too old'
    rig.tick()
    words = 'there is no usable observation: camera: too old'
    assert rig.core.refusal(Request.RESUME, rig.now_ns) == words
    rig.proposals = False
    rig.tick(n=6)
    assert 'observation: none for 0.' in rig.core.refusal(Request.RESUME, rig.now_ns)
    rig.proposals, rig.frame_fault = True, ''
    rig.tick()
    assert not rig.core.refusal(Request.RESUME, rig.now_ns)
    for gone, mode in ((2, A), (20, H)):  # a glitch right after the request, and a long silence
        rig.tick(ended(), started())
        rig.proposals = False
        rig.tick(Request.RESUME, n=gone)
        rig.proposals = True
        assert rig.tick(n=5).state.mode is mode


def test_with_auto_start_an_episode_waits_for_its_first_frame_as_long_as_it_takes() -> None:
    rig = Rig()
    rig.start()
    rig.proposals = False
    rig.tick(ended())
    rig.tick(started(1), n=100)
    rig.proposals = True
    assert rig.tick().state.mode is A


def test_a_human_who_loses_the_observation_gets_the_robot_back_and_not_the_policy() -> None:
    rig = Rig(auto_resume=True)
    rig.supervise()
    rig.proposals = False
    assert at(rig.tick(n=6)) == (H, Cause.STALE_OBSERVATION)
    rig.proposals = True
    assert at(rig.tick()) == (S, Cause.OPERATOR_READY)
    rig.proposals, rig.engaged = False, False
    rig.tick(n=6)
    rig.proposals = True
    assert rig.tick(n=5).state.mode is H
