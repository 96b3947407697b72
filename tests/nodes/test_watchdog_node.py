"""The watchdog and the gate as processes: the gate is killed, the driver is told to stop."""

from __future__ import annotations

import subprocess
import sys

import pytest
import rclpy
from geometry_msgs.msg import TwistStamped

from il_core.types import Mode
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
