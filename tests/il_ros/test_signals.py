"""A node that is told to go says its last words first, and leaves with an honest exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from interactive_il.msg import Command

pytestmark = pytest.mark.ros


@pytest.fixture
def start():
    processes = []

    def start(*args):
        command = [sys.executable, '-m', 'tests.il_ros.stopping_node', *args]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def heard(executor):
    """Return (list of ticks heard, wait(tick))."""
    node = rclpy.create_node('listener')
    ticks = []
    node.create_subscription(Command, 'command', lambda m: ticks.append(m.tick), 10)
    executor.add_node(node)

    def wait(tick, limit_s=10.0):
        end = time.monotonic() + limit_s
        while tick not in ticks and time.monotonic() < end:
            executor.spin_once(0.05)
        return tick in ticks

    return wait


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures('at_a_terminal')
def test_a_signal_lets_the_stop_command_out_and_exits_0(start, heard, number):
    process = start('stop')
    assert heard(1)
    process.send_signal(number)
    assert heard(999, 3.0)
    assert process.wait(5) == 0


def test_a_node_that_is_to_outlive_its_terminal_does(start, heard):
    """As `nohup` starts it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start('stop')
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard(1)
    process.send_signal(signal.SIGHUP)
    assert not heard(999, 1.0)
    assert process.poll() is None


def test_a_node_that_something_does_not_let_go_leaves_all_the_same_and_says_where_it_was(
    start, heard
):
    """Its last words are out by then."""
    process = start('stuck')
    assert heard(1)
    process.send_signal(signal.SIGINT)
    assert heard(999, 3.0)
    process.send_signal(signal.SIGTERM)
    error = process.communicate(timeout=10)[1]
    assert process.returncode == 1
    assert 'in teardown' in error


def test_a_callback_that_raises_is_logged_stops_the_robot_and_exits_1(start, heard):
    process = start('raise')
    error = process.communicate(timeout=10)[1]
    assert process.returncode == 1
    assert 'ZeroDivisionError: in a callback' in error


def test_a_wrong_configuration_is_one_line_and_exit_2(start):
    process = start('unhappy')
    error = process.communicate(timeout=10)[1]
    assert process.returncode == 2
    assert "gate is 'moon': not known; choices: hg_dagger" in error
    assert 'Traceback' not in error


def test_a_wrong_parameter_is_one_line_and_exit_2(start):
    process = start('stop', '--ros-args', '-p', 'lockstep:=7')
    error = process.communicate(timeout=10)[1]
    assert process.returncode == 2
    assert 'parameter lockstep is 7: must be true or false' in error
    assert 'Traceback' not in error


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        (['--params-file', 'nowhere.yaml'], "file: '--params-file nowhere.yaml'. Error: Error op"),
        (['--params-file', 'mixed.yaml'], 'Sequence should be of same type'),
        (['-r', '__node:=1st'], "parse remap rule: '-r __node:=1st'"),
        (['--moon'], "it does not take what it was given: ['--moon']"),
    ],
)
def test_arguments_that_ros_does_not_take_are_said_and_exit_2(start, tmp_path, args, words):
    (tmp_path / 'mixed.yaml').write_text('/**: {ros__parameters: {task: [1, reach]}}')
    args = [str(tmp_path / a) if a == 'mixed.yaml' else a for a in args]
    process = start('stop', '--ros-args', *args)
    error = process.communicate(timeout=10)[1]
    assert process.returncode == 2
    assert words in error
    assert 'Traceback' not in error
    assert '/project' not in error.splitlines()[-1]


def catches(pid, number):
    status = Path('/proc', str(pid), 'status').read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith('SigCgt'))
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_without_autostart_it_waits_and_still_leaves_with_0(start):
    process = start('stop', '--ros-args', '-p', 'autostart:=false')
    end_s = time.monotonic() + 20
    while not catches(process.pid, signal.SIGTERM) and time.monotonic() < end_s:
        time.sleep(0.05)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
