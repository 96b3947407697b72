"""The recorder beside a fast robot and a camera, and killed: recorder_load.py in small."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.house import ROOT

pytestmark = [pytest.mark.ros, pytest.mark.slow]
# 200 Hz of joint states, 6 images, ten ticks of everything else per second.
SHORT = ['--share', '0.2', '--seconds', '4', '--kills', '1', '--stall', '3']


def measure(out, *parts):
    command = [sys.executable, str(ROOT / 'benchmarks' / 'recorder_load.py'), *SHORT]
    done = subprocess.run(
        [*command, '--parts', *parts, '--out', str(out)],
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text())


@pytest.fixture(scope='module')
def measured(tmp_path_factory):
    return measure(tmp_path_factory.mktemp('load') / 'load.json', 'load', 'killed')


def test_nothing_is_lost_beside_a_camera(measured):
    load = measured['load']
    assert load['lost'] == 0
    assert load['verdict'] != 'BAD'
    assert load['equal']
    assert load['topics']['/load/image_raw']['recorded'] > 10
    assert load['topics']['/load/joint_states']['recorded'] > 400


@pytest.mark.parametrize('what', ['everything', 'little'])
def test_kill_9_takes_no_more_than_half_a_second(measured, what):
    (run,) = measured['killed'][what]
    assert run['verdict'] != 'BAD'
    assert len(run['missing_s']) > 10
    assert max(run['missing_s'].values()) <= 0.55


def test_a_recorder_held_up_for_seconds_misses_nothing_that_is_reliable(tmp_path):
    """Publishers keep 64 messages for it, and send ten a second for three seconds; latched topics
    keep one message only, sensors are best effort."""
    stalled = measure(tmp_path / 'load.json', 'stalled')['stalled']
    assert stalled['equal']
    lost = {
        name.removeprefix('/stalled/'): row['missing'] for name, row in stalled['topics'].items()
    }
    assert lost['joint_states'] > 0
    kept = ('policy/proposal', 'command', 'servo/twist', 'teleop/action', 'joy')
    assert {name: lost[name] for name in kept} == dict.fromkeys(kept, 0)
