"""The questions asked on cheap tasks, each run whole and small: what is counted adds up."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace

import doubt_region
import driving
import ensemble_fronts
import mountain_car
import numpy as np
import pytest
from gates_methods import METHODS

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


@pytest.mark.parametrize(('task', 'episodes'), [('pendulum', 2), ('drive', 1)])
def test_looser_rules_of_ensemble_dagger_leave_more_to_the_novice(
    monkeypatch, tmp_path, task, episodes
):
    monkeypatch.setattr(ensemble_fronts, 'QUANTILES', (0.2, 0.6, 0.95))
    sizes = ('--task', task, '--seeds', '1', '--episodes', str(episodes))
    found = run(monkeypatch, ensemble_fronts, tmp_path, *sizes)
    shares = {
        (p['rule'], p['tau'], p['chi']): sum(p['novice_steps']) / sum(p['steps'])
        for p in found['points']
    }
    strict, _, loose = ensemble_fronts.QUANTILES
    assert len(shares) == 3 * 3 + 3 + 3
    assert shares['both', strict, strict] < shares['both', loose, loose]
    assert shares['discrepancy', strict, None] < shares['discrepancy', loose, None]
    assert 'always' in found['human']


def test_every_fair_start_is_inside_of_tau_or_outside(tmp_path):
    small = replace(doubt_region.TASKS['drive'], demos=1, steps=60, rounds=1, epochs=3)
    row = doubt_region.learn(make_world(load_spec('drive')), 0, 20, tmp_path, small, wanted=2)
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


def test_what_goes_wrong_on_the_road_is_counted_by_kind(tmp_path):
    sizes = replace(driving.SIZES, steps=60, rounds=1, epochs=5)
    row = driving.learn(make_world(load_spec('drive')), 0, sizes, 30.0, tmp_path)
    assert row['labels'] > row['demonstrated']
    for name in ('hg_dagger', 'bc'):
        assert row[name]['seconds'] >= 30.0
        assert row[name]['first_100_s'] == sum(row[name][kind] for kind in driving.COUNTED)
    found = driving.summary([row])['bc']
    assert found['per_100_s']['failures']['value'] > 0, 'five passes teach nobody to drive'
    assert found['seeds_clean_for_100_s'] == 0


def test_rows_of_more_seeds_are_kept(monkeypatch, tmp_path):
    row = {'inside': 9, 'outside': 9, 'inside_failed': 1, 'outside_failed': 5}
    rows = [{'seed': seed, **row} for seed in range(3)]
    sizes, human = asdict(doubt_region.TASKS['reach']), METHODS[doubt_region.METHOD].human
    about = {'task': 'reach', 'starts': 20, 'sizes': sizes, 'human': human}
    (tmp_path / 'result.json').write_text(json.dumps({**about, 'rows': rows}))
    found = run(monkeypatch, doubt_region, tmp_path, '--seeds', '2', '--starts', '20')
    assert found['rows'] == rows
    assert found['ratio']['n'] == 3
