"""The watchdog and the gate as processes: the gate is killed, the driver is told to stop."""

from __future__ import annotations

import subprocess
import sys

import pytest
import rclpy
from geometry_msgs.msg import TwistStamped
from rclpy.qos import QoSProfile

from il_core.types import Mode
from il_gating.watchdog.node import WatchdogNode
from tests.nodes.gate_rig import GateProcess

pytestmark = pytest.mark.ros


@pytest.fixture
def rig():
    rclpy.init()
    made = GateProcess()
    yield made
    made.close()
    rclpy.try_shutdown()


def test_a_driver_without_time_out_is_stopped_when_the_gate_is_killed(rig):
    heard = []
    rig.hand.create_subscription(TwistStamped, 'driver/servo/twist', heard.append, 100)
    watchdog = subprocess.Popen([sys.executable, '-m', 'il_gating.watchdog.node'])
    try:
        rig.started()
        assert rig.spin(lambda: rig.mode is Mode.AUTONOMOUS)
        assert rig.spin(lambda: heard and heard[-1].twist.linear.x == pytest.approx(0.04))
        rig.process.kill()
        assert rig.spin(lambda: heard[-1].twist.linear.x == 0.0, 5.0)
        count = len(heard)
        assert rig.spin(lambda: len(heard) > count + 5, 5.0), 'the stop is repeated'
        assert heard[-1].twist.linear.x == 0.0
    finally:
        watchdog.terminate()
        assert watchdog.wait(10) == 0


def test_a_watchdog_that_is_deactivated_stops_the_robot_and_forgets_what_it_heard(stand):
    heard = []
    stand.hand.create_subscription(TwistStamped, 'driver/servo/twist', heard.append, 100)
    speaker = stand.hand.create_publisher(TwistStamped, 'servo/twist', QoSProfile(depth=1))
    node = stand.add(WatchdogNode, task='reach')
    assert node.autostart()
    moving = TwistStamped()
    moving.twist.linear.x = 0.04

    def passed():
        speaker.publish(moving)
        return heard and heard[-1].twist.linear.x == 0.04

    assert stand.spin(passed, every_s=0.05)
    node.trigger_deactivate()
    assert stand.spin(lambda: heard[-1].twist.linear.x == 0.0), 'its last words'
    count = len(heard)
    node.trigger_activate()
    stand.spin(lambda: False, 0.5)
    assert len(heard) == count, 'nobody said anything since'
    assert stand.spin(passed, every_s=0.05)
