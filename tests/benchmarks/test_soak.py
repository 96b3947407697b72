"""The soak in small: it comes to its end, and says of every process what became of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.house import ROOT

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def test_half_a_minute_of_the_whole_graph_loses_nothing(tmp_path):
    out = tmp_path / 'soak.json'
    command = [sys.executable, str(ROOT / 'benchmarks' / 'soak.py'), '--minutes', '0.5']
    done = subprocess.run(
        [*command, '--out', str(out)], capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(out.read_text())
    assert set(told['processes']) == {'sim', 'policy', 'gate', 'teleop', 'operator', 'recorder'}
    assert not told['troubles']
    assert told['episodes']['n'] > 5
    assert (told['episodes']['lost'], told['episodes']['unfinished']) == (0, 0)
    assert 'BAD' not in told['episodes']['verdicts']
