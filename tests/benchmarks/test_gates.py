"""Cells of gates.py say what they were asked for, and the committed tables are of the cells."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import dagger_best
import doubt_region
import gates
import gates_cell
import gates_numbers
import pytest
from gates_methods import METHODS

from il_core.errors import UserError

ROOT = Path(__file__).parents[2]
BENCHMARKS, RESULTS = ROOT / 'benchmarks', ROOT / 'docs' / 'results'
SMALL = '--task point_insert --demos 2 --epochs 5 --evaluations 4 --rounds 1 --steps 60'


def cell(method='safe', seed=0, wins=(True, False), rounds=(), **more):
    """A cell as gates_cell.py writes it, with the fields that a table reads."""
    return {
        'method': method,
        'seed': seed,
        'settings': {'task': 'toy', 'demos': 2},
        'labels': 100,
        'autonomous': {'wins': list(wins)},
        'rounds': list(rounds),
        'seconds': {'all': 1.0},
        **more,
    }


def a_round(called, robot, human, episodes):
    """A round in which the human was called so often."""
    steps = robot + human
    rate = called / (robot + called)
    return {
        'episodes': episodes,
        'steps': steps,
        'human_share': human / steps,
        'switch_rate': rate,
    }


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


def test_a_table_has_the_whole_name_of_its_folder(tmp_path, monkeypatch):
    for name in ('run.1', 'run.2'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'safe_0.json').write_text(json.dumps(cell()))
        monkeypatch.setattr('sys.argv', ['gates.py', '--table', '--folder', str(tmp_path / name)])
        with pytest.raises(SystemExit) as ended:
            gates.main()
        assert ended.value.code == 0
        assert (tmp_path / f'{name}.md').is_file()


@pytest.mark.slow
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


def test_every_call_counts_however_the_episode_began_and_ended():
    """Two rounds: 3 calls in 2 episodes, then 1 in 4; 50 and 30 steps of the human."""
    rounds = a_round(3, 40, 50, 2), a_round(1, 80, 30, 4)
    made = cell(rounds=rounds)
    assert gates_numbers.calls(made) == pytest.approx(4 / 6)
    assert gates_numbers.stay(made) == pytest.approx(80 / 4)
    assert gates_numbers.stay(cell(rounds=[a_round(0, 40, 0, 2)])) is None
    cells = {0: made, 1: cell(rounds=[a_round(0, 40, 0, 2)])}
    both = gates.summed('safe', cells, {})
    assert (both['calls']['n'], both['stay']['n']) == (2, 1), 'he stays only where he was called'
    assert both['stay']['value'] == pytest.approx(20)
    said = [{**row, 'asked': 5} for row in rounds]
    assert gates_numbers.calls(cell(rounds=said)) == pytest.approx(10 / 6)
    late = {'human': {'handover': 'request'}}
    assert gates_numbers.calls(cell(rounds=rounds, **late)) is None, 'the robot stood and waited'
    assert gates_numbers.calls(cell(rounds=said, **late)) == pytest.approx(10 / 6)


def test_prices_are_of_calls_and_labels_over_seeds_that_both_have():
    few, many = [a_round(2, 50, 20, 4)], [a_round(8, 50, 20, 4)]
    found = {
        'bc': {0: cell('bc', labels=60), 1: cell('bc', 1, labels=60)},
        'safe': {0: cell(rounds=many, labels=80), 1: cell(seed=1, rounds=many, labels=70)},
        'lazy': {0: cell('lazy', rounds=few, wins=(True, True))},
        'dagger': {0: cell('dagger', labels=160), 1: cell('dagger', 1, labels=160)},
    }
    labels, calls = gates.prices(found)
    assert (labels['of'], labels['over'], labels['seeds']) == ('safe', 'dagger', [0, 1])
    assert labels['price']['value'] == pytest.approx(30 / 200)
    assert (calls['of'], calls['over'], calls['seeds']) == ('lazy', 'safe', [0])
    assert calls['price']['value'] == pytest.approx(0.25)
    assert calls['alone']['value'] == pytest.approx(2.0)


def test_differences_are_paired_by_seed_and_episode():
    found = {
        'thrifty': {0: cell('thrifty', wins=(True, True)), 1: cell('thrifty', 1, (True, False))},
        'safe': {0: cell(wins=(False, True)), 2: cell(seed=2)},
    }
    gaps = gates.differences(found, [('thrifty', 'safe'), ('thrifty', 'hg')])
    (alone,) = [gap for gap in gaps if gap['what'] == 'autonomous']
    assert {gap['minus'] for gap in gaps} == {'safe'}, 'no seed of hg'
    assert (alone['seeds'], alone['pooled_pairs']['n']) == ([0], 2)
    assert alone['pooled_pairs']['value'] == alone['over_seeds']['value'] == 0.5


def test_random_asks_as_often_and_for_as_long_as_its_model(tmp_path):
    model = cell(
        'thrifty', switch_rate=0.02, rounds=[a_round(3, 50, 60, 2), a_round(1, 50, 20, 2)]
    )
    (tmp_path / 'thrifty_0.json').write_text(json.dumps(model))
    made = gates_cell.matched(METHODS['random'], 0, tmp_path)
    assert made.params == {'rate': 0.02, 'duration': 20}


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ('--seeds 3,5', "--seeds is '3,5': must be A or A-B"),
        ('--seeds 5-3', "--seeds is '5-3': must be A or A-B"),
        ('--jobs 0', '--jobs is 0: must be at least 1'),
        ('--rounds 41', '--rounds is 41: must be 1 to 40'),
        ('--evaluations 0', '--evaluations is 0: must be 1 to 100000'),
        ('--task pegg', "task is 'pegg': not known"),
        ('--table --sedes 1', '--table runs nothing and knows no --sedes 1'),
        ('--table', 'holds no cell'),
        ('--methods random', "--methods is 'random': needs the cell of thrifty with seed 0"),
    ],
)
def test_options_that_cannot_be_are_told_at_once(tmp_path, monkeypatch, capsys, words, said):
    folder = ['--folder', str(tmp_path / 'cells'), '--task', 'point_insert']
    monkeypatch.setattr('sys.argv', ['gates.py', *folder, *words.split()])
    with pytest.raises(SystemExit) as ended:
        gates.main()
    assert said in f'{ended.value}{capsys.readouterr().err}'
    assert not (tmp_path / 'cells.json').exists()


def test_a_cell_of_a_method_that_is_another_one_now_is_not_compared(tmp_path):
    about = METHODS['safe'].about
    (tmp_path / 'safe_0.json').write_text(json.dumps(cell(**about)))
    assert list(gates.load(tmp_path)['safe']) == [0]
    late = {**about, 'human': {**about['human'], 'reaction_s': 9.0}}
    (tmp_path / 'safe_1.json').write_text(json.dumps(cell(seed=1, **late)))
    with pytest.raises(UserError, match=r'safe_1.json: human of safe'):
        gates.load(tmp_path)


@pytest.mark.slow
def test_steps_of_the_policy_are_no_labels_of_the_human(tmp_path):
    words = ['0', '--folder', str(tmp_path), *SMALL.split()]
    for method in ('bc', 'hg_iwr'):
        run('gates_cell.py', method, *words)
    found = gates.load(tmp_path)
    weighted = found['hg_iwr'][0]
    assert weighted['demonstrated']['human'] == found['bc'][0]['demonstrated']['human'] != ''
    row = gates.summed('hg_iwr', found['hg_iwr'], found['bc'])
    given = sum(r['human_share'] * r['steps'] for r in weighted['rounds'])
    assert row['new_labels']['value'] == pytest.approx(given)
    assert given > 0
    assert weighted['labels'] > weighted['human_labels']


def test_seeds_of_a_run_that_was_stopped_are_kept_if_its_settings_are_the_same(tmp_path):
    file, about = tmp_path / 'region.json', {'task': 'reach', 'starts': 9}
    assert doubt_region.kept(file, about) == []
    file.write_text(json.dumps({**about, 'rows': [{'seed': 3}]}))
    assert doubt_region.kept(file, about) == [{'seed': 3}]
    assert doubt_region.kept(file, {**about, 'starts': 8}) == []


def test_the_policy_of_dagger_is_the_latest_of_those_that_are_best_on_validation():
    def a_round(validated, alone):
        wins = [True] * alone + [False] * (10 - alone)
        return {'validation': [True] * validated, 'autonomous': {'wins': wins}}

    row = {'seed': 0, 'rounds': [a_round(1, 1), a_round(3, 4), a_round(3, 3), a_round(2, 9)]}
    assert dagger_best.chosen(row) == 2
    found = dagger_best.table([row, {**row, 'seed': 1}])
    assert found['alone']['chosen']['value'] == pytest.approx(0.3)
    assert found['alone']['last']['value'] == pytest.approx(0.9)


def test_cells_of_other_settings_are_not_mixed(tmp_path):
    (tmp_path / 'safe_0.json').write_text(json.dumps(cell()))
    other = cell(seed=1, settings={'task': 'toy', 'demos': 30, 'equal': 500})
    (tmp_path / 'safe_1.json').write_text(json.dumps(other))
    with pytest.raises(UserError, match=r'safe_1.json: demos is 30: must be 2, as the cells'):
        gates.load(tmp_path)
    with pytest.raises(UserError, match=r'safe_0.json: task is .toy.: must be point_insert'):
        gates.check_options('point_insert', ['--demos', '2'], tmp_path)
    (tmp_path / 'safe_1.json').unlink()
    assert gates.wanted(['bc', 'safe'], [0, 1], tmp_path) == [('bc', 0), ('bc', 1), ('safe', 1)]
