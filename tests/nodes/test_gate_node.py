"""GateNode as a process of its own: what it does when the others fall silent or talk nonsense."""

from __future__ import annotations

import signal
import tempfile
import time

import numpy as np
import pytest
import rclpy
from interactive_il.msg import Command, ExpertAction
from interactive_il.msg import Proposal as ProposalMsg
from interactive_il.srv import SetBudget
from lifecycle_msgs.msg import Transition

from il_core.load import load_spec
from il_core.types import Cause, EventKind, Mode, Owner, Press
from tests.house import ROOT
from tests.il_gating.test_gates import fitted
from tests.nodes.gate_rig import PERIOD_S, GateProcess

pytestmark = pytest.mark.ros
ON, OFF = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
ANEW = Transition.TRANSITION_CLEANUP, Transition.TRANSITION_CONFIGURE


@pytest.fixture
def gate():
    rclpy.init()
    made = []

    def make(**params):
        made.append(GateProcess(**params))
        return made[-1]

    yield make
    for process in made:
        process.close()
    rclpy.try_shutdown()


def test_silent_policy_is_hold_within_the_time_out_and_hold_commands_go_on(gate):
    rig = gate(observation_timeout_s=0.5)
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    assert rig.spin(lambda: rig.commands[-1].action[0] == 0.002)
    rig.policy_speaks, silent = False, time.monotonic()
    assert rig.spin(lambda: rig.mode is Mode.HOLD, 2.0)
    assert time.monotonic() - silent < 0.5 + 3 * 0.05 + 0.3
    assert rig.cause is Cause.STALE_OBSERVATION
    count = len(rig.commands)
    rig.spin_for(0.5)
    held = rig.commands[count:]
    assert 4 <= len(held) <= 12  # 10 ticks of 50 ms, and the machine may be busy
    assert all(c.mode is Mode.HOLD and c.owner is Owner.NOBODY for c in held)
    assert held[-1].action.tolist() == [0.0, 0.0, 0.0, 0.08]
    rig.policy_speaks = True
    rig.spin_for(0.3)
    assert rig.mode is Mode.HOLD
    assert rig.call('resume').success
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    assert rig.cause is Cause.RESUME


STANDS_STILL = """
import time
from il_core.types import Mode
from il_gating import node
from il_gating.core import GateCore

update, builders, acted = GateCore.update, node.command_builders, []


def still():
    if len(acted) == 20:
        acted.append(None)
        time.sleep(1.2)


def decide(self, *args, **options):
    output = update(self, *args, **options)
    if output.command is not None and output.command.mode is Mode.AUTONOMOUS:
        acted.append(output)
        DECIDED
    return output


def build(spec):
    *others, last = builders(spec)
    return [*others, lambda *args: (BUILDING, last(*args))[1]]


GateCore.update, node.command_builders = decide, build
node.main()
"""


@pytest.mark.parametrize('place', ['DECIDED', 'BUILDING'])
def test_what_was_decided_before_the_process_stood_still_is_not_sent(gate, place):
    rig, arrived = gate(observation_timeout_s=0.5), []
    script = STANDS_STILL.replace(place, 'still()')
    rig.command_line[1:3] = ['-c', script.replace('DECIDED', 'pass').replace('BUILDING', '0')]
    rig.restart()
    rig._listen('command', lambda m: arrived.append((time.monotonic(), m.mode)))
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    assert rig.spin(lambda: rig.mode is Mode.HOLD)
    assert rig.cause is Cause.STALE_OBSERVATION
    gaps = np.diff([seen for seen, _ in arrived])
    last = int(np.argmax(gaps))
    assert gaps[last] > 1.0
    assert [mode for _, mode in arrived[last : last + 2]] == [Mode.AUTONOMOUS, Mode.HOLD]


def test_joystick_that_falls_silent_while_the_human_drives_is_hold_and_never_the_policy(gate):
    rig = gate()
    rig.joystick_speaks = True
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rig.engaged = True
    rig.press(Press.TAKEOVER)
    assert rig.spin(lambda: rig.mode is Mode.SUPERVISOR)
    assert rig.spin(lambda: rig.commands[-1].action[1] == 0.004)
    rig.joystick_speaks, since = False, len(rig.states)
    assert rig.spin(lambda: rig.mode is Mode.HOLD, 2.0)
    assert rig.cause is Cause.STALE_JOYSTICK
    rig.spin_for(0.6)
    assert {s.mode for s in rig.states[since:]} <= {Mode.SUPERVISOR, Mode.HOLD}
    refused = rig.call('takeover')
    assert not refused.success
    assert 'no message from the joystick for' in refused.message
    rig.joystick_speaks = True
    assert rig.spin(lambda: rig.mode is Mode.SUPERVISOR)
    told = [EventKind.INTERVENTION_BEGAN, EventKind.INTERVENTION_ENDED]
    assert rig.spin(
        lambda: [e.kind for e in rig.events] == [EventKind.STARTED, *told, told[0]], 2.0
    )


def test_an_action_that_is_not_a_number_is_hold_and_never_sent(gate):
    rig = gate()
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rig.mean = np.array([0.002, np.nan, 0.0, 0.08])
    assert rig.spin(lambda: rig.mode is Mode.HOLD)
    assert rig.cause is Cause.POLICY_FAULT
    assert 'axis y is nan' in rig.states[-1].detail
    assert all(np.isfinite(c.action).all() for c in rig.commands)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sends_a_last_stop_command_and_exits_with_0(gate, number):
    rig = gate()
    rig.started()
    assert rig.spin(lambda: rig.commands and rig.commands[-1].action[0] == 0.002)
    assert rig.end(number) == 0
    assert rig.commands[-1].action.tolist() == [0.0, 0.0, 0.0, 0.08]
    assert rig.commands[-1].mode is Mode.HOLD
    twists = [m for m in rig.driven if hasattr(m, 'twist')]
    assert twists[-2].twist.linear.x != 0 or twists[-3].twist.linear.x != 0
    assert twists[-1].twist.linear.x == 0


@pytest.mark.parametrize('by', ['button', 'service'])
def test_the_emergency_stop_latches_until_it_is_reset(gate, by):
    rig = gate()
    rig.joystick_speaks = True
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    assert not rig.call('reset_estop').success
    if by == 'button':
        rig.press(Press.ESTOP)
    else:
        assert rig.call('estop').success
    assert rig.spin(lambda: rig.mode is Mode.ESTOP)
    assert rig.spin(lambda: rig.commands[-1].action.tolist() == [0.0, 0.0, 0.0, 0.08], 1.0)
    rig.engaged = True
    rig.press(Press.TAKEOVER)
    rig.press(Press.RELEASE)
    for name in ('takeover', 'release', 'resume'):
        refused = rig.call(name)
        assert not refused.success
        assert 'gate/reset_estop' in refused.message
    rig.event(EventKind.STARTED, 'e2')
    rig.spin_for(0.3)
    assert rig.mode is Mode.ESTOP
    assert rig.call('reset_estop').success
    assert rig.spin(lambda: rig.mode is Mode.HOLD)
    rig.spin_for(0.3)
    assert rig.mode is Mode.HOLD


def test_lockstep_answers_every_pair_once_however_late_its_halves_come(gate):
    rig = gate(lockstep=True, expect_expert=True)
    rig.joystick_speaks = True
    assert rig.spin(lambda: rig.out['policy/proposal'].get_subscription_count() == 1)
    assert rig.spin(lambda: rig.out['teleop/action'].get_subscription_count() == 1)
    rig.spin_for(0.3)
    stamps = [10**9 + k * 50_000_000 for k in range(40)]
    for k, stamp_ns in enumerate(stamps):
        if k == 5:
            rig.event(EventKind.STARTED)
            rig.spin_for(0.1)
        rig.joystick_speaks, rig.policy_speaks = False, True
        rig.speak(stamp_ns)
        if k in (3, 20):
            rig.spin_for(0.15)
            assert rig.commands[-1].stamp_ns == stamps[k - 1]
        rig.joystick_speaks, rig.policy_speaks = True, False
        rig.speak(stamp_ns)
        assert rig.spin(lambda n=k: len(rig.commands) > n), k
    assert [c.stamp_ns for c in rig.commands] == stamps
    assert rig.spin(lambda: rig.states[-1].stamp_ns == stamps[-1])
    assert [s.step for s in rig.states if s.mode is Mode.AUTONOMOUS] == list(range(35))


def test_messages_that_do_not_fit_are_named_and_the_gate_goes_on(gate):
    rig = gate()
    said = rig.diagnostics()
    rig.started()
    for name, message, words in (
        ('policy/proposal', ProposalMsg(members=3, member_actions=[0.0] * 4), 'must be 3 rows'),
        ('teleop/action', ExpertAction(presses=[1, 2]), 'a count per PRESS_*'),
    ):
        rig.policy_speaks = False  # it would overwrite the message
        rig.out[name].publish(message)
        assert rig.spin(lambda w=words: any(w in s for s in said)), (name, rig.process.poll())
    rig.policy_speaks, count = True, len(rig.commands)
    assert rig.spin(lambda: len(rig.commands) > count + 10)


def test_a_second_writer_of_its_command_topic_is_said(gate):
    rig = gate()
    said = rig.diagnostics()
    rig.started()
    rig.hand.create_publisher(Command, 'command', 10)
    assert rig.spin(lambda: any('another node writes to /command' in s for s in said))


def test_a_gate_that_died_in_mid_episode_comes_back_holding_until_resume(gate):
    rig = gate()
    rig.mean = np.array([0.002, 0.0, 0.0, 0.02])
    rig.started()
    # More than one: the last of them may not be noted when the gate is killed.
    assert rig.spin(lambda: [c.action[3] for c in rig.commands[-3:]] == [0.02] * 3)
    rig.restart()
    held = rig.spin(lambda: rig.mode is Mode.HOLD and rig.states[-1].episode_id == 'e1')
    assert held, 'what comes before is still from the gate that was killed'
    since, sent = len(rig.states), len(rig.commands)
    rig.spin_for(0.5)
    assert {s.mode for s in rig.states[since:]} == {Mode.HOLD}
    assert {c.owner for c in rig.commands[sent:]} == {Owner.NOBODY}
    assert {c.action[3] for c in rig.commands} == {0.02}, 'the gripper stays closed'
    assert rig.call('resume').success
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)


def stopped(rig):
    """Press the emergency stop in an episode."""
    rig.joystick_speaks = True
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rig.press(Press.ESTOP)
    assert rig.spin(lambda: rig.mode is Mode.ESTOP)


def test_a_gate_that_died_in_an_emergency_stop_comes_back_in_it(gate):
    rig = gate()
    stopped(rig)
    rig.restart()
    assert rig.spin(lambda: len(rig.states) > 5)
    assert {s.mode for s in rig.states} == {Mode.ESTOP}
    assert 'gate/reset_estop' in rig.call('resume').message
    assert rig.call('reset_estop').success
    assert rig.spin(lambda: rig.mode is Mode.HOLD)
    rig.restart()
    assert rig.spin(lambda: len(rig.states) > 5)
    assert {s.mode for s in rig.states} == {Mode.HOLD}


@pytest.mark.parametrize('gone', ['crashed, and the joystick began anew', 'cleaned up'])
def test_an_emergency_stop_that_is_pressed_while_no_gate_listens_is_not_lost(gate, gone):
    rig = gate()
    rig.joystick_speaks = True
    rig.presses[Press.SUCCESS], rig.presses[Press.ESTOP] = 2, 1
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    if gone == 'cleaned up':
        rig.change(OFF, *ANEW)
        rig.spin_for(0.2)
        rig.press(Press.ESTOP)
        rig.press(Press.TAKEOVER)
        rig.spin_for(0.2)
        rig.change(ON)
    else:
        rig.presses = [0, 0, 0, 0, 0, 1]
        rig.restart()
    assert rig.spin(lambda: rig.mode is Mode.ESTOP)
    assert rig.call('reset_estop').success
    assert rig.spin(lambda: rig.mode is Mode.HOLD)


def test_who_ends_a_gate_in_good_order_ends_its_emergency_stop(gate):
    rig = gate()
    stopped(rig)
    assert rig.end(signal.SIGINT) == 0
    rig.restart()
    assert rig.spin(lambda: len(rig.states) > 5)
    assert {s.mode for s in rig.states} == {Mode.HOLD}


@pytest.mark.parametrize('between', [(), ANEW], ids=['deactivated', 'cleaned up'])
def test_a_gate_that_is_cycled_in_mid_episode_knows_it_and_keeps_an_emergency_stop(gate, between):
    rig = gate()
    rig.joystick_speaks = True
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rig.change(OFF, *between, ON)
    assert rig.spin(lambda: rig.states and rig.states[-1].episode_id == 'e1')
    rig.spin_for(0.3)
    assert {s.mode for s in rig.states} == {Mode.HOLD}
    assert all(s.stamp_ns for s in rig.states), 'its first word, too, is of a time'
    resumed = rig.call('resume')
    assert resumed.success, resumed.message
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rig.press(Press.ESTOP)
    assert rig.spin(lambda: rig.mode is Mode.ESTOP)
    rig.change(OFF, *between, ON)
    rig.spin_for(0.3)
    assert {s.mode for s in rig.states} == {Mode.ESTOP}
    assert 'gate/reset_estop' in rig.call('resume').message
    assert rig.call('reset_estop').success
    assert rig.spin(lambda: rig.mode is Mode.HOLD)
    rig.change(OFF, *between, ON)
    rig.spin_for(0.3)
    assert {s.mode for s in rig.states} == {Mode.HOLD}


def test_a_gate_hears_of_episodes_while_it_is_not_active(gate):
    rig = gate()
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rig.change(OFF)
    rig.event(EventKind.ENDED)
    rig.change(ON)
    assert rig.spin(lambda: rig.states and not rig.states[-1].episode_id)
    assert 'no episode is running' in rig.call('resume').message
    rig.change(OFF)
    rig.event(EventKind.STARTED, 'e2')
    rig.change(ON)
    assert rig.spin(lambda: rig.states and rig.states[-1].episode_id == 'e2')
    rig.spin_for(0.3)
    assert {s.mode for s in rig.states} == {Mode.HOLD}


def test_a_robot_gets_ten_commands_in_nine_periods_however_often_a_policy_speaks(gate, tmp_path):
    robot = (ROOT / 'config/robots/panda.yaml').read_text() + 'real: true\n'
    (tmp_path / 'panda.yaml').write_text(robot)
    task = (ROOT / 'config/tasks/reach.yaml').read_text()
    (tmp_path / 'reach.yaml').write_text(task.replace('robot: panda', 'robot: panda.yaml'))
    rig = gate(task=str(tmp_path / 'reach.yaml'))
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    first, begun = len(rig.commands), time.monotonic()
    while time.monotonic() < begun + 2.0:
        rig.speak()
        rig.executor.spin_once(PERIOD_S / 10)
    rig.spin_for(0.1)
    periods = (time.monotonic() - begun) / PERIOD_S
    count = len(rig.commands) - first
    assert 0.5 * periods < count <= periods / 0.9 + 2
    assert rig.mode is Mode.AUTONOMOUS


def test_a_policy_of_another_checkpoint_never_acts(gate, tmp_path):
    checkpoint, _, _ = fitted(tmp_path, load_spec('reach'))
    rig = gate(gate='novelty', checkpoint=str(checkpoint))
    rig.variance = np.zeros(4)
    rig.started()
    assert rig.spin(lambda: rig.cause is Cause.CHECKPOINT_MISMATCH)
    rig.spin_for(0.3)
    assert {s.mode for s in rig.states} == {Mode.HOLD}
    assert all(c.action[:3].tolist() == [0.0, 0.0, 0.0] for c in rig.commands)
    assert 'policy abc' in rig.states[-1].detail


@pytest.mark.parametrize(
    ('params', 'words'),
    [
        ({'gate': 'novelti'}, 'did you mean novelty'),
        ({'gate': 'novelty'}, 'gate.json'),
        ({'gate': 'novelty', 'checkpoint': '/nowhere'}, '/nowhere'),
        ({'gate_params': '{alpha: 1}'}, 'has no parameters'),
        ({'handover': 'instant', 'latency_s': 40.0}, 'latency_s'),
    ],
)
def test_what_cannot_work_ends_with_a_reason(gate, params, words):
    rig = gate(**params)
    _, err = rig.process.communicate(timeout=20)
    assert rig.process.returncode == 2
    assert words in err


def test_the_budget_of_a_running_gate_can_be_set(gate, tmp_path):
    checkpoint, _, _ = fitted(tmp_path, load_spec('reach'))
    rig = gate(gate='thrifty_dagger', checkpoint=str(checkpoint))
    rig.variance = np.zeros(4)
    assert rig.spin(lambda: rig.states and 'novelty' in rig.states[-1].thresholds)
    before = rig.states[-1].thresholds['novelty']
    client = rig.hand.create_client(SetBudget, 'gate/set_budget')
    assert rig.spin(client.service_is_ready)
    for alpha, words in ((0.5, 'at the next tick'), (1.5, 'alpha is 1.5: must be 0 to 1')):
        answer = client.call_async(SetBudget.Request(alpha=alpha))
        assert rig.spin(answer.done)
        assert words in answer.result().message
        assert answer.result().success is (alpha <= 1)
    assert rig.spin(lambda: rig.states[-1].thresholds['novelty'] < before)


@pytest.mark.parametrize(
    ('elsewhere', 'words'), [(False, 'another gate on this machine'), (True, 'command by /gate')]
)
def test_a_gate_that_finds_another_refuses_to_start_and_disturbs_nobody(
    gate, tmp_path, elsewhere, words
):
    """Two machines do not share the folder of temporary files."""
    rig = gate()
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    since = len(rig.states)
    second = rig.another(TMPDIR=str(tmp_path) if elsewhere else tempfile.gettempdir())
    assert rig.spin(lambda: second.poll() is not None, 20.0)
    assert second.returncode == 2
    assert words in second.communicate()[0]
    assert {s.mode for s in rig.states[since:]} == {Mode.AUTONOMOUS}


def test_a_writer_that_comes_later_makes_a_running_gate_hold_until_it_is_gone(gate):
    rig = gate()
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rogue = rig.hand.create_publisher(Command, 'command', 10)
    assert rig.spin(lambda: rig.mode is Mode.HOLD, 5.0)
    assert rig.cause is Cause.RIVAL
    assert '/command by /hand' in rig.states[-1].detail
    count = len(rig.commands)
    assert rig.call('resume').success
    rig.spin_for(0.5)
    assert len(rig.commands) > count
    assert {c.mode for c in rig.commands[count:]} == {Mode.HOLD}
    rig.hand.destroy_publisher(rogue)
    rig.spin_for(0.5)
    assert rig.call('resume').success
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
