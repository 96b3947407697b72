"""Cells of gates.py say what they were asked for, and the committed tables are of the cells."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS, RESULTS = ROOT / 'benchmarks', ROOT / 'docs' / 'results'
SMALL = '--task point_insert --demos 2 --epochs 5 --evaluations 4 --rounds 1 --steps 60'


def run(script, *options):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize('task', ['peg_insert', 'point_insert'])
def test_the_committed_table_is_of_the_committed_cells(tmp_path, task):
    shutil.copytree(RESULTS / f'gates_{task}', tmp_path / f'gates_{task}')
    said = run('gates.py', '--table', '--task', task, '--folder', str(tmp_path / f'gates_{task}'))
    page = (tmp_path / f'gates_{task}.md').read_text()
    assert page in said
    assert page == (RESULTS / f'gates_{task}.md').read_text()


def test_a_method_is_also_judged_from_as_many_labels_as_the_others(tmp_path):
    cells = {}
    for method in ('bc', 'dagger'):
        words = ['0', '--folder', str(tmp_path), '--equal', '30', *SMALL.split()]
        run('gates_cell.py', method, *words)
        cells[method] = json.loads((tmp_path / f'{method}_0.json').read_text())
    demonstrated = cells['bc']['labels']
    for cell in cells.values():
        assert cell['equal']['labels'] == demonstrated + 30
        assert len(cell['equal']['wins']) == 4
    assert cells['dagger']['labels'] > demonstrated + 30
