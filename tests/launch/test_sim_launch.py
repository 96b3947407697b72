"""`ros2 launch interactive_il sim.launch.py`, for real: needs a ROS 2 install with this package
built."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

launch_pytest = pytest.importorskip(
    'launch_pytest', reason='the launch_pytest package is not installed'
)

import rclpy  # noqa: E402
from interactive_il.msg import GateStatus  # noqa: E402
from launch.actions import IncludeLaunchDescription  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402

import launch  # noqa: E402
from il_ros.topics import TOPICS, profile  # noqa: E402

FILE = str(Path(__file__).parents[2] / 'launch' / 'sim.launch.py')


@launch_pytest.fixture
def sim():
    source = PythonLaunchDescriptionSource(FILE)
    arguments = [('operator', 'none'), ('gate', 'policy_only')]
    include = IncludeLaunchDescription(source, launch_arguments=arguments)
    return launch.LaunchDescription([include, launch_pytest.actions.ReadyToTest()])


@pytest.mark.launch(fixture=sim)
def test_the_gate_holds_on_a_simulated_robot_without_a_policy(sim):
    rclpy.init()
    node = rclpy.create_node('listener')
    heard = []
    status = TOPICS['gate/status']
    node.create_subscription(GateStatus, status.name, heard.append, profile(status))
    end = time.monotonic() + 30
    while not heard and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_node()
    rclpy.try_shutdown()
    assert heard
    assert heard[-1].mode == GateStatus.MODE_HOLD
