"""How TeleopNode alarms the operator: topic, rumble, bell."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest

from il_core.types import Cause, GateState, Mode, Owner
from il_ros.build import build_joy
from il_ros.messages import state_to_msg
from il_ros.run_cli import Printer
from il_ros.topics import TOPICS, create_publisher, create_subscription
from il_teleop.node import TeleopNode
from tests.nodes.teleop_stand import Others

pytestmark = pytest.mark.ros
REST, REQUEST, LOSS = [0.0] * 8, 1, 2


@pytest.fixture
def others():
    others = Others()
    yield others
    others.close()


def test_a_request_is_told_felt_and_heard(others):
    process = others.start('il_teleop.node', 'joy')
    alarms, felt = others.heard['teleop/alarm'], others.heard['joy/set_feedback']

    def ask():
        others.status(9, Mode.REQUESTING)

    assert others.spin(lambda: alarms and alarms[-1] == (REQUEST, 'NONE'), every=ask)
    assert others.spin(lambda: felt[-2:] == [1.0, 0.0], every=ask)
    assert any(line == '\a\n' for line in process.stdout)
    assert others.spin(lambda: alarms[-1] == (0, ''), every=lambda: others.status(9, Mode.HOLD))


def test_a_lost_joystick_is_told_while_the_robot_acts(others):
    others.start('il_teleop.node', 'joy')
    alarms = others.heard['teleop/alarm']

    def drive():
        others.status(9, Mode.AUTONOMOUS)

    def both():
        drive()
        others.joystick(REST)

    heard = others.heard['teleop/action']
    assert others.spin(lambda: len(heard) > 5, every=both)
    assert alarms in ([], [(0, '')])
    assert others.spin(lambda: alarms and alarms[-1] == (LOSS, 'JOYSTICK'), every=drive)
    assert others.spin(lambda: alarms[-1] == (0, ''), every=both)
    assert others.spin(lambda: alarms[-1] == (LOSS, 'GATE'), every=lambda: others.joystick(REST))


def test_a_pause_of_teleop_is_no_loss(stand):
    """While it is not active it hears nobody, which says nothing about them."""
    teleop = stand.add(TeleopNode, task='reach', bell=False)
    state = GateState(1, 1, Mode.AUTONOMOUS, Owner.POLICY, Cause.START)
    status = create_publisher(stand.hand, TOPICS['gate/status'])
    joy = create_publisher(stand.hand, TOPICS['joy'])
    alarms = []
    create_subscription(stand.hand, TOPICS['teleop/alarm'], alarms.append)

    def speak():
        status.publish(state_to_msg(state))
        joy.publish(build_joy(teleop.now_ns(), REST, [0] * 11))

    assert teleop.autostart()
    heard = teleop.pulse
    assert stand.spin(lambda: speak() or heard.rate_hz > 0, every_s=0.05)
    teleop.trigger_deactivate()
    stand.spin(speak, limit_s=1.2, every_s=0.1)
    teleop.trigger_activate()
    stand.spin(speak, limit_s=0.5, every_s=0.1)
    assert [alarm.name for alarm in alarms] == []


def test_each_of_them_can_be_switched_off(others):
    process = others.start('il_teleop.node', 'joy', bell=False, rumble=False, alarm=False)

    def ask():
        others.status(9, Mode.REQUESTING)
        others.joystick(REST)

    reports = others.heard['diagnostics']
    assert others.spin(lambda: others.last('teleop/action'), every=ask)
    reports.clear()
    assert others.spin(lambda: len(reports) >= 3, every=ask), 'it heard the request for a while'
    assert others.heard['teleop/alarm'] == others.heard['joy/set_feedback'] == []
    process.terminate()
    assert '\a' not in process.stdout.read()


def test_il_run_rings_the_bell_of_a_node():
    with redirect_stdout(io.StringIO()) as said:
        printer = Printer(['teleop'])
        printer('teleop', '\a')
        printer('teleop', 'alarm')
    assert said.getvalue() == '\ateleop | alarm\n'
