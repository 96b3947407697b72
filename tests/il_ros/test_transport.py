"""The profile of the transport is really used by the processes of a graph."""

from __future__ import annotations

import subprocess
import sys

import pytest

from il_ros import environment

pytestmark = pytest.mark.ros

PICTURES, BYTES = 30, 640 * 480 * 3
SENDER = f"""
import time, rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('camera')
out = node.create_publisher(Image, 'image_raw', qos_profile_sensor_data)
while not out.get_subscription_count():
    time.sleep(0.05)
time.sleep(0.5)
for _ in range({PICTURES}):
    out.publish(Image(data=bytes({BYTES})))
    time.sleep(0.04)
time.sleep(1.0)
rclpy.try_shutdown()
"""
RECEIVER = f"""
import time, rclpy
from rclpy.experimental import EventsExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node, executor, seen = rclpy.create_node('eye'), EventsExecutor(), []
node.create_subscription(Image, 'image_raw', lambda m: seen.append(1), qos_profile_sensor_data)
executor.add_node(node)
end = time.monotonic() + 20
while len(seen) < {PICTURES} and time.monotonic() < end:
    executor.spin_once(0.1)
print(len(seen))
rclpy.try_shutdown()
"""


def test_a_camera_of_640x480_without_acknowledgement_loses_nothing(monkeypatch):
    """With the default transport half of the images arrive, or none."""
    for name in environment.PROFILES:
        monkeypatch.delenv(name, raising=False)
    env = environment.of_children()
    camera = subprocess.Popen([sys.executable, '-c', SENDER], env=env)
    try:
        seen = subprocess.run(
            [sys.executable, '-c', RECEIVER], env=env, capture_output=True, text=True, timeout=60
        )
    finally:
        camera.kill()
        camera.wait()
    assert int(seen.stdout.split()[-1]) >= PICTURES - 1, seen.stderr
