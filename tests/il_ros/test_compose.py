"""Nodes in one process: what a crash of one of them means for the others."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import rclpy

from il_core.errors import UserError
from il_core.types import Mode
from il_ros import compose
from il_ros.graph import NodeSpec
from tests.nodes.gate_rig import GateProcess

pytestmark = pytest.mark.ros


class Part:
    """A node that notes with which exit code it was closed."""

    def __init__(self):
        self.exit_code, self.closed_with = None, 'not closed'
        self.params = SimpleNamespace(realtime_priority=0)

    def autostart(self):
        return True

    def request_exit(self, code):
        self.exit_code = code

    def close(self):
        self.closed_with = self.exit_code


@pytest.mark.parametrize('how', ['raises', 'wants to exit', 'crashes beside', 'is told to stop'])
def test_every_node_knows_that_the_process_did_not_end_in_good_order(monkeypatch, how):
    """A gate that ends in good order forgets its emergency stop."""
    parts = [Part(), Part()]
    specs = [SimpleNamespace(executor='events', stop_rank=i) for i in range(2)]

    def spin(nodes, stop, threads):
        if how == 'raises':
            raise RuntimeError('a callback')
        if how == 'crashes beside':
            parts[1].request_exit(1)
        return 2 if how == 'wants to exit' else 0

    made = iter(parts)
    monkeypatch.setattr(compose, '_make', lambda spec, exchange: next(made))
    monkeypatch.setattr(compose, '_spin', spin)
    code = compose._live(specs, [], SimpleNamespace(is_set=False))
    wanted = {'wants to exit': 2, 'is told to stop': 0}.get(how, 1)
    assert code == wanted
    assert [part.closed_with for part in parts] == [wanted or None] * 2


def test_messages_of_an_older_build_are_named(tmp_path, monkeypatch):
    (tmp_path / 'stale.py').write_text('from interactive_il.srv import OfTomorrow\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r'messages of interactive_il .*OfTomorrow.*colcon build'):
        compose._make(NodeSpec('gate', 'stale', 'GateNode', ''), compose.WIRE)


CRASHES = """
import sys
from il_core.types import ExpertAction, Mode, Press
from il_ros.compose import run_composed
from il_ros.graph import NodeSpec
from il_ros.lifecycle import IlNode
from il_ros.messages import expert_to_msg, state_from_msg

class Crasher(IlNode):
    node_name = 'crasher'
    def setup(self):
        self.out, self.count = self.publisher('teleop/action'), 0
        self.subscribe('gate/status', self.on_status)
    def start(self):
        self.timer(0.05, self.press)
    def press(self):
        self.count += 1
        presses = [0] * len(Press)
        presses[Press.ESTOP] = int(self.count > 40)
        expert = ExpertAction(self.now_ns(), None, False, 't', tuple(presses))
        self.out.publish(expert_to_msg(expert))
    def on_status(self, message):
        if state_from_msg(message).mode is Mode.ESTOP:
            raise RuntimeError('a defect')

if __name__ == '__main__':
    params = {'task': 'reach'}
    settings = {**params, 'gate': 'policy_only'}
    gate = NodeSpec('gate', 'il_gating.node', 'GateNode', '', params=settings)
    sys.exit(run_composed([gate, NodeSpec('crasher', 'crashes', 'Crasher', '', params=params)]))
"""


def test_a_gate_whose_process_crashed_in_an_emergency_stop_comes_back_in_it(tmp_path):
    (tmp_path / 'crashes.py').write_text(CRASHES)
    command = [sys.executable, str(tmp_path / 'crashes.py')]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert 'RuntimeError: a defect' in done.stderr
    rclpy.init()
    gate = GateProcess()
    try:
        assert gate.spin(lambda: len(gate.states) > 5)
        assert {state.mode for state in gate.states} == {Mode.ESTOP}
    finally:
        gate.close()
        rclpy.shutdown()


def test_a_parameter_file_that_ros_cannot_read_is_one_line(tmp_path):
    """YAML, but not for rcl."""
    path = tmp_path / 'mixed.yaml'
    path.write_text('/**: {ros__parameters: {task: [1, reach]}}')
    run = [sys.executable, '-m', 'il_core.cli', 'run', '--composed', '--operator', 'none']
    done = subprocess.run([*run, '--params', path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert 'Sequence should be of same type' in done.stderr
    assert 'Traceback' not in done.stderr
