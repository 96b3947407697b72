"""Collecting episodes: totals, interruption, and graphs that do not work."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from interactive_il.srv import StartEpisode, StopEpisode
from std_srvs.srv import Trigger

from il_core import cli
from il_core.errors import UserError
from il_core.types import (
    NOBODY_CAME,
    Cause,
    EpisodeEvent,
    EventKind,
    GateState,
    Mode,
    Outcome,
    Owner,
    is_finished,
)
from il_gating.transitions import Event
from il_ros import collect as collecting
from il_ros.collect import Plan, collect, parse_seeds
from il_ros.collect_cli import say_result
from il_ros.collected import Collected, check_folder, check_recorded, missing_seeds, present
from il_ros.graph_args import GraphArgs
from il_ros.messages import state_to_msg
from il_ros.session import reason_of
from il_ros.topics import TOPICS, create_publisher

IL = [sys.executable, '-m', 'il_core.cli']
DEMONSTRATE = ['--mode', 'demonstrate', '--operator', 'scripted', '--lockstep']


def finished(run, name, seed, outcome='success', verdict='OK', reason=''):
    folder = run / 'bags' / name
    folder.mkdir(parents=True)
    manifest = {'episode_id': name, 'seed': seed, 'outcome': outcome, 'verdict': verdict}
    manifest['reason'] = reason
    (folder / 'manifest.json').write_text(json.dumps(manifest))


def test_a_damaged_manifest_is_named_with_what_mends_it(tmp_path, capsys):
    finished(tmp_path, 'a', 1)
    manifest = tmp_path / 'bags' / 'a' / 'manifest.json'
    for damage in ('{', '[]', '{"seed": "x"}'):
        manifest.write_text(damage)
        assert cli.main(['collect', '--run', str(tmp_path), '--seeds', '1']) == 2
        said = capsys.readouterr().err
        assert f"manifest is '{manifest}': is damaged" in said
        assert f'il bags repair {manifest.parent}' in said


def test_targets_are_totals_of_episodes_that_can_be_used(tmp_path):
    finished(tmp_path, 'a', 1)
    finished(tmp_path, 'b', 2, outcome='failure')
    finished(tmp_path, 'c', 3, verdict='BAD')
    finished(tmp_path, 'd', 4, outcome='aborted')
    (tmp_path / 'bags' / 'cut_off').mkdir()
    finished(tmp_path / 'bags' / '.trash', 'e', 5)
    finished(tmp_path, 'f', 6, 'unknown', 'SUSPECT', 'recovered')
    finished(tmp_path, 'g', 7, 'aborted', reason=Event.REQUEST_TIMEOUT.value)
    assert missing_seeds(range(1, 9), tmp_path) == [3, 4, 5, 6, 8]


def test_the_newest_of_a_seed_is_the_one_recorded_last_though_the_clock_was_set_back(tmp_path):
    finished(tmp_path, '20261122T210000_0001', 1, outcome='failure')
    finished(tmp_path, '20261022T210000_0002', 1)
    assert present(tmp_path)[1].outcome == 'success'


def test_the_newest_of_a_seed_in_a_folder_of_two_runs_is_the_one_of_the_later_time(tmp_path):
    finished(tmp_path, '20261122T210000_0001', 1)
    finished(tmp_path, '20261022T210000_0001', 2)
    finished(tmp_path, '20261022T210100_0002', 1, outcome='failure')
    assert present(tmp_path)[1].outcome == 'success'


def test_nothing_to_do_needs_no_graph(tmp_path):
    finished(tmp_path, 'a', 1)
    report = collect(Plan(tmp_path, (1,)))
    assert report.complete
    assert [e.episode_id for e in report.episodes] == ['a']


class Sessions:
    """A graph whose recorder gives episodes of certain outcomes, by seed."""

    def __init__(self, run, outcomes):
        self.run, self.outcomes = run, outcomes

    def __call__(self, plan, args, look):
        self.node = rclpy.create_node('fake')
        return self

    def wait_for_graph(self, waiting):
        pass

    def episode(self, seed, operator, step, holding):
        outcome, verdict = self.outcomes[seed]
        name = f'new_{seed}'
        finished(self.run, name, seed, outcome, verdict)
        counts = is_finished(verdict, Outcome[outcome.upper()], '')
        return Collected(name, '', seed, outcome, verdict, counts=counts)


def test_what_does_not_count_is_not_complete(tmp_path, monkeypatch, capsys):
    finished(tmp_path, 'a', 1)
    said = {1: ('aborted', 'OK'), 2: ('success', 'OK'), 3: ('failure', 'BAD')}
    monkeypatch.setattr(collecting, '_session', Sessions(tmp_path, said))
    plan = Plan(tmp_path, (1, 2, 3))
    report = collect(plan)
    assert (report.lacking, report.complete) == ((3,), False)
    say_result(report, plan)
    assert 'no episode that counts of seeds 3: collect again' in capsys.readouterr().err
    again = Plan(tmp_path / 'b', (1, 2), again=True)
    monkeypatch.setattr(collecting, '_session', Sessions(again.run, said))
    finished(again.run, 'a', 1)
    assert collect(again).lacking == (1,), 'the one from before was not asked for'


def test_what_another_computer_recorded_counts_by_what_its_recorder_said(tmp_path, monkeypatch):
    said = {1: ('success', 'OK'), 2: ('aborted', 'OK')}
    monkeypatch.setattr(collecting, '_session', Sessions(tmp_path / 'elsewhere', said))
    report = collect(Plan(tmp_path / 'here', (1, 2), hosts='many'))
    assert (report.lacking, report.complete) == ((2,), False)
    assert [e.seed for e in report.episodes] == [1, 2]
    report.save(tmp_path / 'made' / 'out.json')
    assert json.loads((tmp_path / 'made' / 'out.json').read_text())['lacking'] == [2]


def test_why_an_episode_ended_is_what_the_first_outcome_after_its_start_says():
    def event(kind, name='', detail='', outcome=Outcome.UNKNOWN):
        return EpisodeEvent(0, kind, name, outcome=outcome, detail=detail)

    before = event(EventKind.OUTCOME, detail='pressed', outcome=Outcome.FAILURE)
    timeout = event(EventKind.OUTCOME, detail=NOBODY_CAME, outcome=Outcome.ABORTED)
    began, ended = event(EventKind.STARTED, 'e1'), event(EventKind.ENDED, 'e1')
    events = [before, began, timeout, before, ended]
    assert reason_of('e1', events) == NOBODY_CAME
    assert reason_of('e1', [before, began, ended]) == reason_of('e2', events) == ''


@pytest.mark.parametrize('text', ['x', '1-', '3,,4', '-2', '²', '1-²', '9' * 5000])
def test_seeds_are_read_or_refused_with_the_form(text):
    assert parse_seeds('7,0-2,1') == (7, 0, 1, 2)
    with pytest.raises(UserError, match='must look like 1,5,10-13'):
        parse_seeds(text)


@pytest.mark.parametrize('text', ['0-99999999999', str(2**64)])
def test_more_seeds_than_fit_are_refused(text):
    with pytest.raises(UserError, match=r'must be below 2\*\*64, and at most 1000000 in a row'):
        parse_seeds(text)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--seeds', '5-2'], "seeds is '5-2': must go up, as in 2-5"),
        (['--seeds', '1', '--stall', '-1'], 'stall is -1.0: must be 0.1 to 86400 s'),
        (['--seeds', '1', '--stall', 'nan'], 'stall is nan: must be'),
        (['--seeds', '1', '--namespace', '1robot'], "namespace is '1robot': must be parts of"),
        (['--seeds', '1', '--out', '/proc/x/y.json'], "--out is '/proc/x/y.json': cannot be"),
        (['--seeds', '1', '--run', '/proc/x', '--start-graph'], 'cannot be written: No such file'),
    ],
)
def test_what_cannot_be_collected_is_refused_before_a_graph_is_looked_for(
    tmp_path, capsys, options, words
):
    assert cli.main(['collect', '--run', str(tmp_path), *options]) == 2
    assert words in capsys.readouterr().err


def test_a_recorders_relative_folder_is_another_one_only_where_that_is_sure(tmp_path, monkeypatch):
    """It may run in another directory."""
    monkeypatch.chdir(tmp_path)
    for name in ('g1', 'runs/g2'):
        (tmp_path / name / 'bags').mkdir(parents=True)
    (tmp_path / 'latest').symlink_to('g1')
    same = [('g1/bags', 'g1'), ('g1/bags', 'latest'), (f'{tmp_path}/g1/bags', 'g1')]
    perhaps = [('', 'g3'), ('g2/bags', 'runs/g2'), ('newest/bags', 'g1')]
    for told, run in (*same, *perhaps):
        check_folder(told, Path(run))
    for told, run in (('g1/bags', 'g3'), ('g1/bags', 'runs/g2'), ('/nowhere/g1/bags', 'g1')):
        with pytest.raises(UserError, match=f"run is '{run}': the recorder .* into {told}; give"):
            check_folder(told, Path(run))
    with pytest.raises(UserError, match=r'episode a is not there: the recorder .*another folder'):
        check_recorded('a', '', Path('g1'))


@pytest.fixture(scope='module')
def running(tmp_path_factory):
    """A whole graph in one process; gives the run folder it records into."""
    run = tmp_path_factory.mktemp('run')
    command = [*IL, 'run', '--composed', *DEMONSTRATE, '--handover', 'instant', '--run', str(run)]
    graph = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    yield run
    graph.send_signal(signal.SIGINT)
    error = graph.communicate(timeout=20)[1]
    assert graph.returncode == 0, error
    assert 'Traceback' not in error


def manifests(run):
    return sorted(run.glob('bags/*/manifest.json'))


@pytest.mark.ros
def test_episodes_are_recorded_on_a_graph_in_one_process(running):
    report = collect(Plan(running, (0, 1), 'tester'))
    assert report.complete
    assert [e.outcome for e in report.episodes] == ['success', 'success']
    data = [json.loads(path.read_text()) for path in manifests(running)]
    assert [(d['seed'], d['operator']) for d in data] == [(0, 'tester'), (1, 'tester')]


@pytest.mark.ros
def test_another_run_folder_than_the_recorders_is_refused_before_an_episode(running):
    other, before = running.with_name('other'), manifests(running)
    command = [*IL, 'collect', '--run', str(other), '--seeds', '1']
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"run is '{other}': the recorder" in done.stderr
    assert f'writes into {running}/bags; give both the same --run' in done.stderr
    assert manifests(running) == before
    assert not other.exists()


@pytest.mark.ros
def test_who_waits_for_a_graph_is_told_what_for(tmp_path):
    command = [*IL, 'collect', '--run', str(tmp_path), '--seeds', '1', '--namespace', 'nobody']
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said = [process.stderr.readline() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert said[0] == '0 of 1 present, 1 to go\n'
    names = 'gate/status with an observation, sim/reset, episode/start, episode/stop'
    assert said[1].startswith(f'waiting for {names}')
    assert said[1].endswith('; is `il run` up?\n')


@pytest.mark.ros
def test_ctrl_c_keeps_what_is_finished_and_the_next_call_goes_on(running):
    command = [*IL, 'collect', '--run', str(running), '--seeds', '10-60']
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    before, end = len(manifests(running)), time.monotonic() + 30
    while len(manifests(running)) < before + 2 and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert '0 of 51 present, 51 to go' in error
    done = len(manifests(running)) - before
    assert done >= 2
    bags = [path for path in (running / 'bags').iterdir() if not path.name.startswith('.')]
    assert all((path / 'manifest.json').exists() for path in bags)
    rest = missing_seeds(range(10, 61), running)
    assert len(rest) == 51 - done
    assert collect(Plan(running, (rest[0],))).complete


@pytest.mark.ros
def test_a_graph_in_which_nobody_drives_is_said_not_waited_for(tmp_path):
    args = GraphArgs(
        gate='policy_only', operator='none', lockstep=True, namespace='left', run=str(tmp_path)
    )
    with pytest.raises(UserError, match='nobody acted for 2 s; the gate is HOLD, POLICY_FAULT'):
        collect(Plan(tmp_path, (0,), stall_s=2.0), args)
    assert not manifests(tmp_path)
    assert 'gate | ' in (tmp_path / 'graph.log').read_text()


@pytest.mark.ros
def test_a_node_that_cannot_be_configured_ends_it_with_its_words(tmp_path):
    nowhere = str(tmp_path / 'none')
    args = GraphArgs(checkpoint=nowhere, operator='none', namespace='left', run=str(tmp_path))
    with pytest.raises(UserError, match=r"(policy|gate): .*checkpoint is '.*none': no such"):
        collect(Plan(tmp_path, (0,)), args)


@pytest.fixture
def robot_graph(context, executor):
    """A node that answers as a robot's graph without a simulator does, and stands still."""
    node = rclpy.create_node('graph', namespace='robot')  # beside the other graph

    def agree(request, response):
        response.success = True
        return response

    for kind, name in (
        (StartEpisode, 'episode/start'),
        (StopEpisode, 'episode/stop'),
        (Trigger, 'episode/discard'),
    ):
        node.create_service(kind, name, agree)
    waiting = GateState(0, 1, Mode.HOLD, Owner.NOBODY, Cause.START, observation_age_s=0.01)
    create_publisher(node, TOPICS['gate/status']).publish(state_to_msg(waiting))
    executor.add_node(node)
    yield executor
    node.destroy_node()


@pytest.mark.ros
def test_a_running_robot_graph_has_no_simulator_to_wait_for(robot_graph, tmp_path):
    """And it is given up after as long as was asked for."""
    options = ['--run', str(tmp_path), '--seeds', '0', '--mode', 'robot', '--stall', '1.5']
    options += ['--namespace', 'robot']
    process = subprocess.Popen([*IL, 'collect', *options], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        robot_graph.spin_once(0.05)
    process.kill()
    assert 'nobody acted for 1.5 s; the gate is HOLD' in process.communicate()[1]
    assert process.returncode == 2
