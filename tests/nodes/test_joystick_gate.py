"""From the device to the gate: what an unplugged joystick does to the robot."""

from __future__ import annotations

import subprocess
import sys

import pytest
import rclpy

from il_core.types import Cause, Mode
from il_ros.messages import expert_from_msg
from il_ros.topics import TOPICS, create_subscription
from tests.nodes.gate_rig import GateProcess
from tests.nodes.teleop_stand import start

pytest.importorskip('pygame')
pytestmark = pytest.mark.ros


@pytest.fixture
def rig():
    rclpy.init()
    rig = GateProcess(gate='hg_dagger')
    pad = subprocess.Popen(
        [sys.executable, '-m', 'tests.virtual_pad'],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    teleop = start('il_teleop.node', joystick='playstation')
    rig.do = lambda *lines: print(*lines, sep='\n', file=pad.stdin, flush=True)
    yield rig
    for process in (pad, teleop):
        process.kill()
        process.communicate()
    rig.close()
    rclpy.try_shutdown()


def test_an_unplugged_joystick_holds_the_robot_until_the_human_is_there_again(rig):
    presses = []
    create_subscription(
        rig.hand, TOPICS['teleop/action'], lambda m: presses.append(expert_from_msg(m).presses)
    )
    assert rig.spin(lambda: presses, 30)
    rig.started()
    assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
    rig.do('press 5')
    assert rig.spin(lambda: rig.mode is Mode.SUPERVISOR), 'R1 takes over'
    rig.do('unplug')
    assert rig.spin(lambda: rig.mode is Mode.HOLD)
    assert rig.cause is Cause.STALE_JOYSTICK
    count = len(rig.states)
    rig.do('plug', 'press 5', 'press 4')  # the hand is on the stick while it comes back
    rig.spin_for(2.0)
    assert {state.mode for state in rig.states[count:]} == {Mode.HOLD}
    rig.do('let 5', 'press 5')
    assert rig.spin(lambda: rig.mode is Mode.SUPERVISOR), 'let go and held again'
    assert not any(presses[-1]), 'no press was made up'
