"""The questions asked on cheap tasks, each run whole and small: what is counted adds up."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import doubt_region
import ensemble_fronts
import mountain_car
import numpy as np
import pytest

from il_core.load import load_spec
from il_sim.api import make_world


def run(monkeypatch, benchmark, tmp_path, *options):
    """Run a benchmark's main; return what it wrote."""
    out = tmp_path / 'result.json'
    monkeypatch.setattr(sys, 'argv', [benchmark.__name__, *options, '--out', str(out)])
    benchmark.main()
    return json.loads(out.read_text())


def test_one_demonstration_gets_the_car_out_of_the_valley(monkeypatch, tmp_path):
    monkeypatch.setattr(mountain_car, 'DEMOS', (1,))
    found = run(monkeypatch, mountain_car, tmp_path, '--seeds', '1')
    few, many = found['rows']
    assert [few['steps'], many['steps']] == [100, 1000]
    for row in found['rows']:
        (lengths,) = row['lengths']
        assert len(lengths) == 6
        assert row['return']['value'] == pytest.approx(-np.mean(lengths))
        assert row['escapes']['value'] == pytest.approx(np.mean(np.array(lengths) < 200))
        assert row['seeds_with_an_escape'] == 1
    assert many['return']['value'] >= max(-130, few['return']['value'])


def test_looser_rules_of_ensemble_dagger_leave_more_to_the_novice(monkeypatch, tmp_path):
    monkeypatch.setattr(ensemble_fronts, 'QUANTILES', (0.2, 0.6, 0.95))
    found = run(monkeypatch, ensemble_fronts, tmp_path, '--seeds', '1', '--episodes', '2')
    shares = {
        (p['rule'], p['tau'], p['chi']): sum(p['novice_steps']) / sum(p['steps'])
        for p in found['points']
    }
    strict, _, loose = ensemble_fronts.QUANTILES
    assert len(shares) == 3 * 3 + 3 + 3
    assert shares['both', strict, strict] < shares['both', loose, loose]
    assert shares['discrepancy', strict, None] < shares['discrepancy', loose, None]
    assert 'always' in found['human']


def test_every_fair_start_is_inside_of_tau_or_outside(monkeypatch, tmp_path):
    small = replace(doubt_region.TASKS['reach'], demos=2, steps=60, rounds=1, epochs=3)
    monkeypatch.setitem(doubt_region.TASKS, 'reach', small)
    monkeypatch.setattr(doubt_region, 'WANTED', 2)
    row = doubt_region.learn(make_world(load_spec('reach')), 0, 20, tmp_path)
    assert row['takeovers'] >= 2 or row['rounds'] == 1
    assert row['tau'] > 0
    assert row['inside'] + row['outside'] + row['left_out'] == 20
    for where in ('inside', 'outside'):
        assert 0 <= row[f'{where}_failed'] <= row[where]
    assert row['outside'] > 0, 'half of the starts were carried away'


def test_half_of_the_starts_are_the_task_s_own():
    plain, carried = (make_world(load_spec('reach')) for _ in range(2))
    carried = doubt_region.Carried(carried)
    for seed, same in ((4, True), (3, False)):
        plain.reset(seed)
        carried.reset(seed)
        own, other = plain.observe(), carried.observe()
        assert all(np.array_equal(own[name], other[name]) for name in own) == same
