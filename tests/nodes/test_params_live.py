"""`ros2 param set` on running nodes: it takes effect at once, or is refused with the reason."""

from __future__ import annotations

import time

import pytest
import rclpy
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

from il_core.types import Cause, Mode
from il_data.node import RecorderNode
from il_loop.node import JobsNode
from il_policy.node import PolicyNode
from il_sim.node import SimNode
from il_teleop.node import TeleopNode
from tests.nodes.gate_rig import GateProcess

pytestmark = pytest.mark.ros


@pytest.fixture
def gate():
    rclpy.init()
    rig = GateProcess()
    yield rig
    rig.close()
    rclpy.try_shutdown()


def ask(hand, spin, node, **values):
    """Call the service behind `ros2 param set`. Returns the reason, empty where it was done."""
    client = hand.create_client(SetParameters, f'/{node}/set_parameters')
    assert spin(client.service_is_ready)
    wanted = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
    future = client.call_async(SetParameters.Request(parameters=wanted))
    assert spin(future.done)
    hand.destroy_client(client)
    return '; '.join(r.reason for r in future.result().results if not r.successful)


def set_gate(rig, **values):
    return ask(rig.hand, rig.spin, 'gate', **values)


def test_a_longer_joystick_time_out_holds_from_the_next_tick_on(gate):
    gate.joystick_speaks = gate.engaged = True
    gate.started()
    assert gate.call('takeover').success
    assert gate.spin(lambda: gate.mode is Mode.SUPERVISOR)
    assert set_gate(gate, joystick_timeout_s=5.0) == ''
    gate.joystick_speaks, since = False, len(gate.states)
    gate.spin_for(2.0)  # the rig's own time-out is 1 s
    assert {s.mode for s in gate.states[since:]} == {Mode.SUPERVISOR}
    assert {s.joystick_timeout_s for s in gate.states[since:]} == {5.0}, 'readers go by it'
    assert set_gate(gate, joystick_timeout_s=0.5) == ''
    assert gate.spin(lambda: gate.mode is Mode.HOLD, 2.0)
    assert gate.cause is Cause.STALE_JOYSTICK


def test_a_shorter_observation_time_out_and_auto_resume_hold_at_once(gate):
    gate.started()
    assert gate.spin(lambda: gate.mode is Mode.AUTONOMOUS)
    assert set_gate(gate, observation_timeout_s=0.3, auto_resume=True) == ''
    gate.policy_speaks, silent_s = False, time.monotonic()
    assert gate.spin(lambda: gate.mode is Mode.HOLD, 5.0)
    assert time.monotonic() - silent_s < 0.9  # the rig's own time-out is 1 s
    gate.policy_speaks = True
    assert gate.spin(lambda: gate.mode is Mode.AUTONOMOUS, 5.0)


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'joystick_timeout_s': 'long'}, "joystick_timeout_s is 'long': must be a number"),
        ({'joystick_timeout_s': 99.0}, 'joystick_timeout_s is 99.0: must be 0.02 to 10'),
        ({'handover': 'instand'}, 'choices: instant, request (did you mean instant?)'),
        ({'hand_back_ticks': 2.5}, 'must be a whole number'),
        ({'latency_s': 40.0}, 'latency_s is 40.0: must be 0 to timeout_s 30.0'),
        ({'gate': 'hg_dagger'}, 'is read when the node is configured, and the node is active'),
        ({'task': 'peg_insert'}, 'is fixed when the node starts, for the whole graph'),
        ({'joystick_timeout': 1.0}, 'did you mean joystick_timeout_s?'),
    ],
)
def test_a_refusal_names_value_rule_and_what_to_do(gate, values, words):
    gate.started()
    assert words in set_gate(gate, **values)
    assert gate.spin(lambda: gate.mode is Mode.AUTONOMOUS)


def test_every_other_node_takes_live_changes_and_refuses_the_rest(stand):
    sim, teleop = stand.add(SimNode, task='reach'), stand.add(TeleopNode, joystick='scripted')
    policy, jobs = stand.add(PolicyNode), stand.add(JobsNode)
    for node in (sim, teleop, policy, jobs):
        assert node.autostart()

    def told(node, **values):
        return ask(stand.hand, stand.spin, node.get_name(), **values)

    assert told(sim, speed=10.0) == ''
    assert sim.ticking.timer_period_ns == sim.spec.period_ns / 10
    assert 'speed is 0.0: must be 0.01 to 100' in told(sim, speed=0.0)
    assert 'is read when the node is configured' in told(sim, seed=4)
    assert told(teleop, joystick_timeout_s=2.0) == ''
    assert teleop.pulse.timeout_s == 2.0
    assert 'is read when' in told(teleop, joystick='xbox')
    assert 'is read when' in told(policy, checkpoint='somewhere')
    assert told(jobs, epochs=3.0) == ''
    assert 'choices:' in told(jobs, gate='moon')


@pytest.fixture
def recorder(tmp_path):
    rclpy.init()
    node = RecorderNode(cli_args=['--ros-args', '-p', f'folder:={tmp_path}'])
    assert node.autostart()
    yield node
    node.close()
    rclpy.try_shutdown()


def test_a_recorder_takes_other_limits_of_its_disk_while_it_runs(recorder):
    health = recorder.health()
    assert (health.level.name, health.message[:12]) == ('WARN', 'waiting for ')
    more = [Parameter('reserve_mb', value=1e9)]
    assert recorder.set_parameters_atomically(more).successful
    health = recorder.health()
    assert health.level.name == 'ERROR'
    assert 'the disk is full' in health.message
    assert 'lower reserve_mb of recorder' in health.message
    moved = recorder.set_parameters_atomically([Parameter('folder', value='/tmp')])
    assert 'is read when' in moved.reason
