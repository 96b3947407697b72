"""The profile of the transport is really used by the processes of a graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from il_ros import environment
from il_ros.bringup import Bringup
from il_ros.doctor import graph as doctor
from il_ros.doctor.api import Settings
from il_ros.doctor.probing import Done
from il_ros.graph import graph
from il_ros.graph_args import GraphArgs

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
    env = environment.of_children(images=True)
    camera = subprocess.Popen([sys.executable, '-c', SENDER], env=env)
    try:
        seen = subprocess.run(
            [sys.executable, '-c', RECEIVER], env=env, capture_output=True, text=True, timeout=60
        )
    finally:
        camera.kill()
        camera.wait()
    assert int(seen.stdout.split()[-1]) >= PICTURES - 1, seen.stderr


TALKER = """
import sys, time, rclpy
from std_msgs.msg import Header
rclpy.init()
node = rclpy.create_node('talker')
out = node.create_publisher(Header, 'said', 10)
while not sys.stdin.closed:
    out.publish(Header())
    time.sleep(0.05)
"""
LISTENER = """
import time, rclpy
from pathlib import Path
from rclpy.experimental import EventsExecutor
from std_msgs.msg import Header
rclpy.init()
node, executor, seen = rclpy.create_node('listener'), EventsExecutor(), []
node.create_subscription(Header, 'said', seen.append, 10)
executor.add_node(node)
end = time.monotonic() + 20
while len(seen) < 3 and time.monotonic() < end:
    executor.spin_once(0.1)
shared = [p for p in Path('/proc/self/fd').iterdir() if '/dev/shm/fastrtps' in str(p.resolve())]
print(len(seen), len(shared))
rclpy.try_shutdown()
"""


@pytest.mark.parametrize('writer', [False, True])
def test_a_node_without_images_shares_no_memory_and_hears_everybody(monkeypatch, writer):
    """A reader that is killed or stands still can hold up only those who share memory with it."""
    for name in environment.PROFILES:
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, '-c']
    talker = subprocess.Popen(
        [*command, TALKER], env=environment.of_children(writer), stdin=subprocess.PIPE
    )
    try:
        heard = subprocess.run(
            [*command, LISTENER],
            env=environment.of_children(),
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        talker.kill()
        talker.wait()
    assert heard.stdout.split() == ['3', '0'], heard.stderr


def test_only_who_sends_or_takes_images_shares_memory(tmp_path):
    run = str(tmp_path)
    assert not any(node.images for node in graph(GraphArgs(run=run)))
    for args in (GraphArgs(run=run, camera=True), GraphArgs(run=run, set='sim.camera=true')):
        assert {node.name for node in graph(args) if node.images} == {'sim', 'recorder'}
    robot = graph(GraphArgs(mode='robot', run=run))
    assert {node.name for node in robot if node.images} <= {'recorder'}


def test_our_own_profile_in_the_environment_does_not_bind_the_children(monkeypatch):
    """`il collect` talks without images; the simulator that it starts may send some."""
    for name in environment.PROFILES:
        monkeypatch.setenv(name, environment.profile(images=False))
    found = environment.of_children(images=True)
    assert {Path(found[name]).name for name in environment.PROFILES} == {'fastdds_local.xml'}


def _looked(monkeypatch, settings):
    """Return the environment in which `il doctor` looks at a graph."""
    seen = []
    done = Done(1, '', '', 0.0)
    monkeypatch.setattr(doctor, 'run_python', lambda args, env, limit_s: seen.append(env) or done)
    list(doctor.check(settings))
    return seen[0]


def test_on_many_hosts_nodes_use_the_transport_that_the_user_has(monkeypatch):
    """Ours keeps to 127.0.0.1, where drivers on the robot's computer hear nothing."""
    for name in environment.PROFILES:
        monkeypatch.delenv(name, raising=False)
    for hosts, there in (('one', set(environment.PROFILES)), ('many', set())):
        (node, _) = graph(GraphArgs(mode='robot', operator='none', hosts=hosts))
        said = []
        bringup = Bringup([node], lambda name, line, said=said: said.append(line))
        bringup.start()
        try:
            pid = bringup._children[0].process.pid
            found = Path(f'/proc/{pid}/environ').read_text().split('\0')
        finally:
            bringup.stop()
        assert {v.split('=')[0] for v in found} & set(environment.PROFILES) == there
    assert set(environment.PROFILES) <= _looked(monkeypatch, Settings()).keys()
    assert not set(environment.PROFILES) & _looked(monkeypatch, Settings(hosts='many')).keys()
    monkeypatch.setenv(environment.PROFILES[0], '/own.xml')
    assert environment.of_children(hosts='many')[environment.PROFILES[0]] == '/own.xml'
    assert environment.of_children()[environment.PROFILES[0]] == '/own.xml'
