"""Cells on a Ray cluster of two nodes say what the same cells say here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
GATES = Path(__file__).parents[2] / 'benchmarks' / 'gates.py'
METHODS = ('bc', 'thrifty', 'random')  # random needs to know thrifty's cell
SMALL = '--demos 2 --rounds 1 --steps 60 --critic-steps 50 --evaluations 4 --epochs 5 --probes 2'


def cells(folder, *options):
    words = [*options, '--task', 'point_insert', '--seeds', '0', '--methods', *METHODS]
    done = subprocess.run(
        [sys.executable, str(GATES), '--folder', str(folder), *words, *SMALL.split()],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = {path.name: json.loads(path.read_text()) for path in folder.glob('*.json')}
    for cell in found.values():
        del cell['seconds'], cell['machine']
    return found


def test_a_cluster_of_two_nodes_gives_the_same_cells(tmp_path):
    cluster_utils = pytest.importorskip('ray.cluster_utils', reason='ray is not installed')
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={'num_cpus': 1})
    try:
        cluster.add_node(num_cpus=1)
        far = cells(tmp_path / 'far', '--ray', cluster.address)
    finally:
        cluster.shutdown()
    assert set(far) == {f'{name}_0.json' for name in METHODS}
    assert far == cells(tmp_path / 'here')
