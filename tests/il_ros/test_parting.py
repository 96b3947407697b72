"""A process leaves ROS with its code, also where its transport does not let it go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import rclpy

pytestmark = pytest.mark.ros

STUCK = """
import time, rclpy
from il_ros import parting
parting.LET_GO_S, parting._finish = 0.2, lambda nodes: time.sleep(99)
rclpy.init()
node = rclpy.create_node('stuck')
node.create_publisher(__import__('std_msgs.msg').msg.String, 'words', 1)
parting.let_go([node])
print('said', end='', flush=True)
"""
# As `il_ros.parting` says of the transport: Python's own end waits for it.
WAITS = 'import atexit\natexit.register(time.sleep, 99)\n'


@pytest.mark.parametrize(
    ('end', 'code'), [('raise SystemExit(parting.parted(3))', 3), ('raise SystemExit(3)', 1)]
)
def test_where_the_transport_keeps_a_process_it_leaves_all_the_same(end, code):
    """What it printed is not lost."""
    begun_s = time.monotonic()
    command = [sys.executable, '-c', WAITS.replace('import', 'import time,', 1) + STUCK + end]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, 'said'), done.stderr
    assert time.monotonic() - begun_s < 60.0


def test_a_node_that_went_is_out_of_the_graph_at_once():
    """Others do not wait until its lease is over (20 s), and it had nothing to complain of."""
    command = [sys.executable, '-m', 'tests.il_ros.stopping_node', 'stop']
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    rclpy.init()
    watcher = rclpy.create_node('watcher')

    def seen():
        return 'stopping' in watcher.get_node_names()

    try:
        assert soon(seen, 20.0)
        assert soon(lambda: watcher.count_publishers('command') == 1, 5.0)
        process.send_signal(signal.SIGTERM)
        error = process.communicate(timeout=20)[1]
        assert process.returncode == 0
        assert soon(lambda: not seen(), 3.0)
        assert [line for line in error.splitlines() if '[INFO]' not in line] == []
    finally:
        process.kill()
        rclpy.try_shutdown()


def soon(true, limit_s):
    end_s = time.monotonic() + limit_s
    while not true() and time.monotonic() < end_s:
        time.sleep(0.02)
    return true()
