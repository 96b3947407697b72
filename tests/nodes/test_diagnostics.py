"""What running nodes say about themselves when something is wrong: cause and remedy."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist
from sensor_msgs.msg import Joy

from il_core.types import Mode, Press
from il_gating.node import GateNode
from il_policy.node import PolicyNode
from il_ros.topics import TOPICS, create_publisher, stream_topic
from il_sim.node import SimNode
from il_teleop.experts.node import OperatorNode
from il_teleop.node import TeleopNode
from tests.nodes.gate_rig import GateProcess

pytestmark = pytest.mark.ros


class Listener:
    """Keeps the newest diagnostics of every node."""

    def __init__(self, hand, spin):
        self.spin, self.said = spin, {}
        hand.create_subscription(DiagnosticArray, 'diagnostics', self._hear, 50)

    def _hear(self, message):
        for status in message.status:
            self.said[status.name] = (status.level[0], status.message)

    def expect(self, node, level, *words, each=lambda: None):
        """Wait until `node` says all `words` at `level`; `each` is called all the while."""

        def heard():
            each()
            found, text = self.said.get(node, (None, ''))
            return found == level and all(word in text for word in words)

        assert self.spin(heard, 20.0), self.said.get(node)


@pytest.fixture
def listener(stand):
    return Listener(stand.hand, functools.partial(stand.spin, every_s=0.05))


OK, WARN, ERROR = 0, 1, 2


def test_a_node_that_is_not_active_says_how_to_make_it_so(stand, listener):
    stand.add(PolicyNode)
    listener.expect('policy', WARN, 'unconfigured; `ros2 lifecycle set /policy configure`')


def test_a_node_that_could_not_be_configured_says_why(stand, listener):
    node = stand.add(GateNode, gate='novelty', checkpoint='/nowhere')
    assert not node.autostart()
    listener.expect('gate', ERROR, '/nowhere', 'put that right, then `ros2 lifecycle set /gate')


def test_a_policy_without_observations_names_the_topics(stand, listener):
    assert stand.add(PolicyNode, tick_on='observations').autostart()
    listener.expect(
        'policy', ERROR, 'no message yet', 'see that it comes at its rate: `ros2 topic hz`'
    )


def test_a_policy_that_has_not_ticked_names_the_topics(stand, listener):
    assert stand.add(PolicyNode, lockstep=True).autostart()
    listener.expect('policy', WARN, 'no tick yet', '`ros2 topic hz` of /', 'ee_pose')


def test_a_topic_with_two_types_is_an_error(stand, listener):
    node = stand.add(PolicyNode)
    assert node.autostart()
    topic = stream_topic(node.spec.observed[0])
    other = rclpy.Context()  # of the same, rclpy would refuse
    rclpy.init(context=other)
    stranger = rclpy.create_node('stranger', context=other)
    stranger.create_publisher(Twist, topic.name, 1)
    listener.expect('policy', ERROR, f'/{topic.name} carries', '`ros2 topic info --verbose`')
    rclpy.shutdown(context=other)


def test_an_operator_without_a_simulator_says_so(stand, listener):
    assert stand.add(OperatorNode).autostart()
    listener.expect('operator', WARN, 'no advice on sim/supervisor', 'see the diagnostics of sim')


def test_a_simulator_says_that_it_stands_still(stand, listener):
    assert stand.add(SimNode).autostart()
    listener.expect('sim', OK, 'reach stands still')


def test_a_joystick_that_is_not_there_too_slow_or_of_another_layout(stand, listener):
    assert stand.add(TeleopNode, joystick='xbox', joystick_timeout_s=1.0).autostart()
    listener.expect('teleop', WARN, 'no joystick message yet', 'il doctor --only joystick')
    joy = create_publisher(stand.hand, TOPICS['joy'])

    def short():
        joy.publish(Joy(axes=[0.0], buttons=[0]))

    listener.expect('teleop', WARN, 'parameter joystick', each=short)
    listener.expect('teleop', WARN, 'joystick silent for', 'plug it in')


@pytest.fixture
def gate():
    rclpy.init()
    made = []

    def make(**params):
        made.append(GateProcess(**params))
        return made[-1], Listener(made[-1].hand, made[-1].spin)

    yield make
    for rig in made:
        rig.close()
    rclpy.try_shutdown()


def test_the_gate_says_what_it_lacks_and_how_to_go_on(gate):
    rig, listener = gate()
    rig.policy_speaks = False
    listener.expect('gate', WARN, 'no proposal yet', '`ros2 topic hz policy/proposal`')
    rig.policy_speaks = True
    listener.expect('gate', OK, 'HOLD: start')
    rig.started()
    listener.expect('gate', OK, 'AUTONOMOUS')
    rig.policy_speaks = False
    listener.expect('gate', ERROR, 'HOLD', 'none for', 'then `il call gate/resume`')


def test_an_emergency_stop_says_how_to_reset_it(gate):
    rig, listener = gate()
    rig.joystick_speaks = True
    rig.started()
    rig.press(Press.ESTOP)
    listener.expect('gate', ERROR, 'ESTOP', '`il call gate/reset_estop`, then')


def test_a_request_says_how_to_answer_it_and_a_missed_one_what_to_do(gate):
    rig, listener = gate(gate='expert_only', timeout_s=3.0)
    rig.started()
    listener.expect('gate', WARN, 'REQUESTING', 'hold the dead-man')
    listener.expect('gate', ERROR, 'nobody came', 'raise timeout_s')


def test_a_joystick_lost_while_its_human_drives_says_what_to_do(gate):
    rig, listener = gate()
    rig.joystick_speaks = rig.engaged = True
    rig.started()
    assert rig.call('takeover').success
    assert rig.spin(lambda: rig.mode is Mode.SUPERVISOR)
    rig.joystick_speaks = False
    listener.expect('gate', ERROR, 'no message from the joystick for', '`ros2 topic hz joy`')


def test_a_policy_that_gives_nothing_usable_is_said_with_what_to_do(gate):
    rig, listener = gate()
    rig.mean = np.array([np.nan, 0.0, 0.0, 0.08])
    rig.started()
    listener.expect('gate', ERROR, 'axis x is nan', '`il swap`')


def test_the_log_says_all_about_a_change_of_control(gate):
    rig, _ = gate()
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rig.joystick_speaks = rig.engaged = True
    assert rig.spin(lambda: rig.states[-1].joystick_age_s < 1.0)
    assert rig.call('takeover').success
    assert rig.spin(lambda: rig.mode is Mode.SUPERVISOR)
    rig.end()
    lines = [line for line in rig.process.stderr.read().splitlines() if ' -> ' in line]
    first, second, third = (line.partition(']: ')[2] for line in lines)
    assert first.startswith('UNKNOWN -> HOLD (START): start; episode none step 0 tick ')
    assert second.startswith('HOLD -> AUTONOMOUS (START): the policy may begin; episode e1 step 0')
    assert third.startswith('AUTONOMOUS -> SUPERVISOR (HUMAN_REQUEST): the human gets control')
    assert re.search(
        r'; episode e1 step [1-9]\d* tick \d+ stamp \d+\.\d{3} s; no scores; observation '
        r'0\.\d{3} s old, joystick 0\.\d{3} s old; gate policy_only, checkpoint none$',
        third,
    )
