"""The short version of benchmarks/faults.py: the most telling faults, once each, in the real
graph."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.house import ROOT

pytestmark = pytest.mark.ros
KINDS = (
    'kill_gate',
    'kill_recorder',
    'delay_proposals',
    'joystick_unplugged',
    'rogue_writer',
    'disk_write_fails',
    'checkpoint_mismatch',
)


# In one process, where nodes hand messages over and only some topics come over the wire.
TOGETHER = ('lose_proposals', 'joystick_unplugged', 'stop_gate', 'not_a_number', 'rogue_writer')


def campaign(out, kinds, *options):
    """Inject each kind once; returns the rows by kind."""
    command = [sys.executable, str(ROOT / 'benchmarks' / 'faults.py'), '--out', str(out)]
    options = ['--n', str(len(kinds)), '--only', ','.join(kinds), '--seed', '3', *options]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(out.read_text())
    rows = {row['fault']: row for row in result['rows']}
    assert set(rows) >= set(kinds) - {'disk_write_fails'}  # no small disk without mount
    assert result['totals']['unsafe'] == 0, [row['unsafe'] for row in rows.values()]
    assert result['totals']['lost'] == 0, [row['lost'] for row in rows.values()]
    assert all(row['recovered'] for row in rows.values()), done.stdout
    return rows


@pytest.mark.timeout(300)  # 35 s on an idle machine
def test_no_fault_makes_an_unsafe_command_or_loses_a_finished_episode(tmp_path):
    rows = campaign(tmp_path / 'faults.json', KINDS)
    assert sum(len(row['ended']) for row in rows.values()) >= 2
    assert rows['joystick_unplugged']['cause'] in ('STALE_JOYSTICK', 'STALE_OBSERVATION')
    assert rows['joystick_unplugged']['hold_s'] < 3.0
    assert rows['rogue_writer']['cause'] in ('RIVAL', 'STALE_OBSERVATION')


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_fault_makes_an_unsafe_command_in_a_graph_of_one_process(tmp_path):
    rows = campaign(tmp_path / 'faults.json', TOGETHER, '--composed')
    assert rows['lose_proposals']['cause'] == 'STALE_OBSERVATION'
    assert rows['joystick_unplugged']['cause'] in ('STALE_JOYSTICK', 'STALE_OBSERVATION')
    assert rows['rogue_writer']['cause'] in ('RIVAL', 'STALE_OBSERVATION')
    assert rows['stop_gate']['cause'] == 'STALE_OBSERVATION'
    assert rows['not_a_number']['cause'] in ('POLICY_FAULT', 'STALE_OBSERVATION')
