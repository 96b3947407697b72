"""The campaign of hand-overs, small: it counts, and it keeps every limit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_small_campaign_keeps_every_limit_and_says_how_long_it_takes(tmp_path: Path) -> None:
    out = tmp_path / 'handover.json'
    command = [sys.executable, 'benchmarks/handover.py', '--n', '48', '--out', str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(out.read_text())
    assert (found['violations'], found['hand_overs'], found['moving']) == (0, 48, 48)
    assert '48 hand-overs' in done.stdout
    assert len(found['cells']) == 12
    for name, cell in found['cells'].items():
        shares = cell['step_share_at_switch']
        assert 0.99 < max(shares.values()) <= 1 + 1e-6, 'opposite ends ask for all there is'
        for to in ('to_human', 'to_policy'):
            ramp, marked = cell[to]['ramp'], cell[to]['marked']
            assert ramp['max_ticks'] > 0
            assert marked == (ramp if 'request' in name else dict.fromkeys(ramp, 0.0))
    by_human = found['cells']['panda, request, by human']
    assert by_human['to_human']['control']['max_ticks'] == 0, 'in the tick of the press'


def test_the_campaign_counts_what_breaks_a_limit() -> None:
    code = (
        'import sys; sys.path.insert(0, "benchmarks")\n'
        'import numpy as np, handover\n'
        'from il_core.types import Command, Mode, Owner\n'
        'spec = handover.SPECS["panda"]\n'
        'path = ([0, 0, 0, 0], [0.005, 0, 0, 0], [0.005, 0.006, 0, 0], [0.005, 0.006, 0, 0.1])\n'
        'sent = [Command(0, 0, np.array(a), Mode.HOLD, Owner.NOBODY) for a in path]\n'
        'print(handover.judged(spec, sent)[1])\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # y steps by 0.006 where 0.005 is allowed; the gripper by 0.1, to beyond its range
    assert done.stdout.strip() == '3'
