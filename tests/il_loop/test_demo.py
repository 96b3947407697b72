"""The demo's bookkeeping: settings that stick, commands that exist, stages that are skipped."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from il_core import cli
from il_core.errors import UserError
from il_loop import demo, demo_cli
from il_loop.demo import Settings
from il_loop.demo_check import check
from il_loop.fits import CALLING
from il_loop.run_folder import RoundFile, RunFolder, write_round
from il_loop.stages_cli import Stages


def test_a_run_is_gone_on_with_only_as_it_was_begun(tmp_path):
    run = RunFolder(tmp_path / 'demo')
    demo.keep_settings(run, Settings(episodes=4))
    demo.keep_settings(run, Settings(episodes=4))
    with pytest.raises(UserError, match=r'episodes: 4 -> 5.*another --name'):
        demo.keep_settings(run, Settings(episodes=5))


HOLDS = """
import subprocess
import sys
from il_loop.run_lock import demonstrating
from pathlib import Path
with demonstrating(Path(sys.argv[1])):
    print('holds it', flush=True)
    sys.stdin.read()
"""


def test_a_demo_in_the_folder_of_one_that_runs_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_cli, '_learn', lambda *_: pytest.fail('it began'))
    words, run = ['--quick', '--runs', str(tmp_path), '--name', 'x'], tmp_path / 'x'
    argv = [sys.executable, '-c', HOLDS, str(run)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b'holds it\n'
        with pytest.raises(UserError, match=f"'{run}': a demo runs in it: process {other.pid} "):
            demo_cli.main(words)
        other.kill()
    monkeypatch.setattr(demo_cli, '_learn', lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert demo_cli.main(words) == 130, 'it began'


@pytest.mark.parametrize('content', [b'{"episodes":', b'\xff'])
def test_settings_that_cannot_be_read_are_named(tmp_path, content):
    (tmp_path / demo.SETTINGS).write_bytes(content)
    with pytest.raises(UserError, match=rf'{tmp_path}/{demo.SETTINGS}.*is not JSON'):
        demo.keep_settings(RunFolder(tmp_path), Settings())


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / 'bags').mkdir()
    with pytest.raises(UserError, match='not of a demo'):
        demo.keep_settings(RunFolder(tmp_path), Settings())
    assert not (tmp_path / demo.SETTINGS).exists()


def test_seeds_of_the_sessions_do_not_meet(tmp_path):
    run, s = RunFolder(tmp_path), Settings(demos=1000, rounds=8, episodes=1000)
    used = [demo.demonstrations(run, s), demo.real_time(run, s), demo.alone(run, s, 0)]
    used += [demo.interactive(run, s, number) for number in range(s.rounds)]
    seeds = [seed for session in used for seed in session.seeds]
    assert len(seeds) == len(set(seeds))
    assert demo.alone(run, s, 0).seeds == demo.alone(run, s, s.rounds).seeds


@pytest.mark.parametrize(('name', 'most'), [('demos', 1000), ('rounds', 8), ('episodes', 1000)])
def test_settings_whose_seeds_would_meet_are_refused(name, most):
    with pytest.raises(UserError, match=f'--{name} is {most + 1}: must be at most {most}'):
        Settings(**{name: most + 1})


def test_evaluations_are_never_trained_on(tmp_path):
    run, s = RunFolder(tmp_path), Settings()
    assert demo.alone(run, s, 0).run.bags != run.bags
    assert demo.real_time(run, s).run.bags != run.bags
    assert demo.interactive(run, s, 0).run.bags == run.bags


def test_commands_are_ones_that_il_collect_takes(tmp_path):
    collect_cli = pytest.importorskip('il_ros.collect_cli')
    options = pytest.importorskip('il_ros.options')
    run, s = RunFolder(tmp_path), Settings()
    sessions = [demo.demonstrations(run, s), demo.interactive(run, s, 0)]
    for session in (*sessions, demo.real_time(run, s), demo.alone(run, s, 0)):
        parsed = collect_cli._parser().parse_args(session.command[1:])
        args = options.graph_args(parsed, run=parsed.run)
        assert args.simulated
        assisted = args.gate == s.gate
        assert args.settings() == (
            {
                'operator': {'reaction_s': s.reaction_s},
                'gate': {'gate_params': s.gate_params},
            }
            if assisted
            else {}
        )
        assert parsed.start_graph


def test_a_failed_command_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match='go on from here'):
        demo.il(('collect', '--run', str(tmp_path), '--seeds', 'x'))


def test_a_command_that_says_much_does_not_wait_for_the_one_before_it(tmp_path, monkeypatch):
    """More than a pipe holds, while the first one waits for the second to end."""
    script, done = tmp_path / 'python', tmp_path / 'done'
    script.write_text(
        f'#!/bin/sh\nif [ "$3" = first ]; then until [ -e {done} ]; do sleep 0.05; done; fi\n'
        f'if [ "$3" = second ]; then head -c 300000 /dev/zero | tr "\\0" x; touch {done}; fi\n'
        'if [ "$3" = fails ]; then echo the last words; exit 3; fi\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(sys, 'executable', str(script))
    demo.il(('first',), ('second',))
    with pytest.raises(UserError, match='the last words'):
        demo.il(('second',), ('fails',))


def test_stages_say_what_they_do_and_skip(capsys):
    out = io.StringIO()
    stages, done = Stages(2, Console(file=out, width=200)), []
    stages.run('Do it', lambda: '', lambda: done.append(1) or '7 things')
    stages.run('Do it again', lambda: '7 things are there', lambda: done.append(2) or '')
    assert done == [1]
    said = out.getvalue()
    assert '1/2 Do it\n    7 things (0.0 s)' in said
    assert '2/2 Do it again\n    skipped: 7 things are there' in said


def test_a_demo_whose_first_round_is_gone_says_so_instead_of_another(tmp_path):
    run = RunFolder(tmp_path)
    for number in (0, 2):
        run.round(number).mkdir()
        write_round(RoundFile(number, 'reach', '', 'c', 9, 9, '', 0, (), {}), run.round(number))
    stages, out = Stages(2, Console(file=io.StringIO())), Settings()
    demo_cli._train(stages, run, out, 0, 'Clone')
    with pytest.raises(UserError, match=r"round_1': is gone, and later rounds are there"):
        demo_cli._train(stages, run, out, 1, 'Retrain')


@pytest.mark.parametrize('name', ['demos', 'rounds', 'episodes', 'evaluations'])
def test_nothing_to_do_is_refused(name):
    with pytest.raises(UserError, match=f'--{name}'):
        Settings(**{name: 0})


def test_settings_survive_json(tmp_path):
    run = RunFolder(tmp_path / 'a')
    demo.keep_settings(run, Settings(alpha=0.1))
    assert json.loads((run.path / demo.SETTINGS).read_text())['alpha'] == 0.1


def test_half_an_option_is_none(tmp_path, capsys):
    with pytest.raises(SystemExit) as done:
        demo_cli.main(['--quic', '--runs', str(tmp_path / 'runs')])
    assert done.value.code == 2
    assert 'unrecognized arguments: --quic' in capsys.readouterr().err
    assert not (tmp_path / 'runs').exists()


def test_help_shows_an_example_and_defaults(capsys):
    with pytest.raises(SystemExit):
        demo_cli.main(['--help'])
    said = capsys.readouterr().out
    assert 'example: il demo' in said
    assert 'default: 50' in said


@pytest.mark.parametrize(
    ('wrong', 'said'),
    [
        (('--handover', 'soon'), "handover is 'soon': not known; choices: instant, request"),
        (('--gate-params', '{x: 1}'), "key is 'x': not known; choices: alpha, calibration"),
        (('--gate-params', '{alpha: 7}'), 'alpha is 7.0: must be 0 to 1'),
        (('--gate-params', '{x'), 'is neither JSON nor YAML'),
        (('--gate-params', '7'), 'must be a mapping'),
        (('--task', 'reech'), "task is 'reech': not known"),
        (('--alpha', '7'), '--alpha is 7.0: is a share'),
        (('--alpha', 'nan'), '--alpha is nan: is a share'),
        (('--seed', '-1'), '--seed is -1: must be 0 or above'),
        (('--epochs', '0'), '--epochs is 0.0: must be a finite number above 0'),
        (('--epochs', 'nan'), '--epochs is nan'),
        (('--reaction-s', '-1'), '--reaction-s is -1.0: must be 0 to 60 seconds'),
        (('--reaction-s', 'nan'), '--reaction-s is nan'),
    ],
)
def test_wrong_settings_are_refused_and_not_kept(tmp_path, capsys, wrong, said):
    assert cli.main(['demo', '--runs', str(tmp_path / 'runs'), *wrong]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / 'runs').exists()


def test_seeds_of_the_probes_are_not_evaluated_on(tmp_path, capsys):
    argv = ['demo', '--runs', str(tmp_path / 'runs'), '--seed', '690000']
    assert cli.main(argv) == 2
    said = capsys.readouterr().err
    assert '--seed is 690000: its episodes would share seeds (700000-700009)' in said
    least, above = re.search(r'choose one up to (\d+), or above (\d+)', said).groups()
    check(Settings(seed=int(least)))
    check(Settings(seed=int(above) + 1))
    check(Settings('reach', 'novelty', '', seed=690_000))
    for seed in (int(least) + 1 + 40, int(above)):
        with pytest.raises(UserError, match='would share seeds'):
            check(Settings(seed=seed))


@pytest.mark.parametrize('gate', CALLING)
def test_gates_that_call_are_taken_before_they_are_fitted(gate):
    check(Settings('reach', gate, ''))


def test_another_gate_does_not_get_the_parameters_of_the_first(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(demo_cli, '_run', lambda run, settings, pictures: taken.append(settings))
    for gate in ('novelty', 'thrifty_dagger'):
        runs = str(tmp_path / gate)
        demo_cli.main(['--runs', runs, '--task', 'reach', '--gate', gate])
    assert [s.gate_params for s in taken] == ['', '{calibration: budget}']


def test_a_task_without_a_scripted_human_is_refused(tmp_path, capsys):
    pytest.importorskip('gymnasium')
    argv = ['demo', '--runs', str(tmp_path / 'runs'), '--task', 'gym:CartPole-v1']
    assert cli.main(argv) == 2
    assert 'scripted supervisor' in capsys.readouterr().err
    assert not (tmp_path / 'runs').exists()


def test_runs_that_cannot_be_written_are_named(tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    argv = ['demo', '--quick', '--runs', str(tmp_path / 'file')]
    assert cli.main(argv) == 2
    said = capsys.readouterr().err
    assert f"--runs is '{tmp_path / 'file' / 'quick'}': cannot be written: Not a directory" in said


@pytest.mark.skipif(not Path('/proc/self').exists(), reason='Linux only')
def test_folders_that_the_system_refuses_are_named(capsys):
    assert cli.main(['demo', '--quick', '--runs', '/proc/x']) == 2
    assert "--runs is '/proc/x/quick': cannot be written: " in capsys.readouterr().err
