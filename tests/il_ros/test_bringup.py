"""A graph of processes: comes back after a crash, gives up on a wrong configuration, ends in
order."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

import il_ros.bringup
from il_ros.bringup import Bringup
from il_ros.graph import NodeSpec

pytestmark = pytest.mark.ros


def node(name, rank=2, module='tests.il_ros.stopping_node', **params):
    return NodeSpec(name, module, 'StoppingNode', '', stop_rank=rank, params=params)


@pytest.fixture
def start():
    """Return a function that starts nodes; gives (bringup, lines said so far)."""
    running = []

    def start(*nodes):
        lines = []
        bringup = Bringup(nodes, lambda name, line: lines.append(f'{name} | {line}'))
        running.append(bringup)
        bringup.start()
        return bringup, lines

    yield start
    for bringup in running:
        bringup.stop()


def poll(bringup, until, limit_s=15.0):
    end = time.monotonic() + limit_s
    while not until() and time.monotonic() < end:
        if (code := bringup.poll()) is not None:
            return code
        time.sleep(0.02)
    assert until()
    return None


def said(lines, text):
    return lambda: any(text in line for line in lines)


def test_a_node_that_is_killed_comes_back_and_all_end_in_order(start):
    bringup, lines = start(node('gate', rank=0), node('other'))
    assert poll(bringup, lambda: sum('is active' in line for line in lines) == 2) is None
    (gate, _) = bringup._children
    gate.process.send_signal(signal.SIGKILL)
    assert poll(bringup, said(lines, 'gate | ended with code -9, starts again in 0.5 s')) is None
    assert poll(bringup, lambda: sum('is active' in line for line in lines) == 3) is None
    assert bringup.stop() == 0
    gone = [line.split(' | ')[0] for line in lines if 'goes' in line]
    assert gone == ['gate', 'other']


@pytest.mark.parametrize('after_s', [0.1, 0.4, 0.8])
def test_a_graph_that_is_ended_while_it_starts_leaves_no_traceback(start, after_s):
    bringup, lines = start(node('gate', rank=0), node('other'))
    time.sleep(after_s)
    assert bringup.stop() == 0
    assert not said(lines, 'Traceback')()


def test_a_node_is_not_held_up_by_lines_that_nobody_can_take(tmp_path, monkeypatch):
    """As where the disk is full that `il run > log` writes to."""
    (tmp_path / 'chatter.py').write_text(
        f"for _ in range(3000):\n    print('x' * 99)\nopen('{tmp_path}/through', 'w').close()\n"
    )
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))

    def say(name, line):
        raise OSError(errno.ENOSPC, 'No space left on device')

    bringup = Bringup([node('chatter', module='chatter')], say)
    bringup.start()
    end_s = time.monotonic() + 10
    while not (tmp_path / 'through').exists() and time.monotonic() < end_s:
        time.sleep(0.05)
    bringup.stop()
    assert (tmp_path / 'through').exists()


def test_a_node_that_is_deaf_is_killed_and_the_log_says_where_it_was(start, tmp_path, monkeypatch):
    deaf = 'from tests.il_ros.stopping_node import DeafNode, run\nrun(DeafNode)\n'
    (tmp_path / 'deaf.py').write_text(deaf)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), os.environ['PYTHONPATH']]))
    monkeypatch.setattr(il_ros.bringup, 'GRACE_S', 0.2)
    bringup, lines = start(node('deaf', module='deaf'))
    assert poll(bringup, said(lines, 'is active')) is None
    assert bringup.stop() == 1
    assert said(lines, 'Fatal Python error: Aborted')()
    assert said(lines, 'in _live')()  # where it spins, or soon would


def test_messages_of_an_older_build_end_the_graph_with_2_and_their_line(
    start, tmp_path, monkeypatch
):
    """Not a traceback of every node, again and again."""
    (tmp_path / 'stale.py').write_text('from interactive_il.srv import OfTomorrow\n')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), os.environ['PYTHONPATH']]))
    bringup, lines = start(node('gate', module='stale'))
    assert poll(bringup, lambda: False) == 2
    bringup.stop()
    (line,) = lines
    assert 'gate | stale: messages of interactive_il is "cannot import name' in line
    assert 'colcon build' in line


def test_a_wrong_configuration_ends_the_graph_with_2_and_its_line(start):
    bringup, lines = start(node('gate', lockstep=7))
    assert poll(bringup, lambda: False) == 2
    bringup.stop()
    assert said(lines, 'parameter lockstep is 7: must be true or false')()


def test_a_missing_package_of_somebody_else_is_said_and_the_rest_runs(start):
    joy = NodeSpec('joy', '', '', '', package='joy', executable='no_such_node')
    bringup, lines = start(joy, node('other'))
    assert said(lines, 'joy | package joy is not installed here')()
    assert poll(bringup, said(lines, 'is active')) is None


@pytest.mark.parametrize('until', ['', 'is active'], ids=['starting', 'active'])
def test_no_child_outlives_its_killed_parent(until):
    """Neither where it dies before its nodes have begun to look whether it does."""
    code = (
        'import time; from il_ros.bringup import Bringup; '
        'from tests.il_ros.test_bringup import node; '
        "b = Bringup([node('n')], lambda n, l: print(l, flush=True)); b.start(); "
        'print(b._children[0].process.pid, flush=True); time.sleep(60)'
    )
    parent = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert not until or any(until in line for line in parent.stdout)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 15
    while alive(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(child)


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return stat.read().split()[2] != 'Z'
    except FileNotFoundError:
        return False


def test_il_run_ends_with_2_on_a_wrong_argument():
    il = [sys.executable, '-m', 'il_core.cli']
    bad = subprocess.run([*il, 'run', '--gate', 'moon'], capture_output=True, text=True)
    assert bad.returncode == 2
    assert "gate is 'moon': not known" in bad.stderr


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP])
@pytest.mark.usefixtures('at_a_terminal')
def test_il_run_ends_with_0_on_ctrl_c_and_where_its_terminal_closes(number):
    il = [sys.executable, '-m', 'il_core.cli']
    env = {**os.environ, 'PYTHONUNBUFFERED': '1'}
    run = [*il, 'run', '--operator', 'none']
    process = subprocess.Popen(run, stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert any('is active' in line for line in process.stdout)
        process.send_signal(number)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
