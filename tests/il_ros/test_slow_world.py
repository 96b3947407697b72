"""A simulation at half of real time, over processes: what acts, what is recorded, what is said."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray

from il_core.load import load_spec
from il_core.types import Mode, Owner
from il_data.manifest import Verdict
from il_data.read import read_episodes
from tests.il_gating.test_gates import fitted

SEEDS = 2
pytestmark = [pytest.mark.ros, pytest.mark.slow]


@pytest.fixture(scope='module')
def watched(tmp_path_factory):
    """Two episodes of a random policy, and how often each node said each line about itself."""
    run = tmp_path_factory.mktemp('run')
    checkpoint = fitted(run, load_spec('point_insert'))[0]
    command = [sys.executable, '-m', 'il_core.cli', 'collect', '--start-graph', '--run', str(run)]
    command += ['--seeds', f'0-{SEEDS - 1}', '--task', 'point_insert', '--speed', '0.5']
    command += ['--checkpoint', str(checkpoint), '--gate', 'policy_only']
    said = Counter[tuple[str, str]]()

    def hear(message):
        said.update((status.name, status.message) for status in message.status)

    rclpy.init()
    node = rclpy.create_node('listener')
    node.create_subscription(DiagnosticArray, 'diagnostics', hear, 100)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        end_s = time.monotonic() + 90
        while process.poll() is None and time.monotonic() < end_s:
            rclpy.spin_once(node, timeout_sec=0.1)
        assert process.wait(1) == 0, process.stderr.read()
    finally:
        process.kill()
        rclpy.try_shutdown()
    return read_episodes(run / 'bags'), said


def test_the_policy_acts_at_every_step_of_a_slow_world(watched):
    episodes, _ = watched
    assert [e.manifest.seed for e in episodes] == list(range(SEEDS))
    assert {e.verdict for e in episodes} == {Verdict.OK}
    for episode in episodes:
        acts = episode.owners == Owner.POLICY
        begun = int(acts.argmax())
        assert acts[begun:].mean() > 0.8, 'it lost the robot to HOLD'
        assert set(episode.steps['mode'][begun:]) <= {Mode.AUTONOMOUS, Mode.HOLD}
        apart_s = np.diff(episode.steps['stamp_ns'][begun:]) * 1e-9
        assert np.median(apart_s) == pytest.approx(0.05), 'a step is a period of simulated time'


@pytest.mark.parametrize('name', ['sim', 'policy', 'gate', 'teleop', 'recorder'])
def test_its_pace_is_no_reason_to_warn(watched, name):
    lines = {line: n for (node, line), n in watched[1].items() if node == name}
    bad = {line: n for line, n in lines.items() if 'late' in line or 'Hz' in line}
    assert sum(bad.values()) <= 0.3 * sum(lines.values()), bad
