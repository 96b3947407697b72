"""The graph as data: who runs when, with which parameters, and what does not go together."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from il_core.errors import UserError
from il_ros import collect_cli, run_cli
from il_ros.graph import TABLE, graph
from il_ros.graph_args import GraphArgs, args_from_text
from il_ros.launching import strangers
from il_ros.run_cli import main

ROOT = Path(__file__).parents[2]


def names(**args):
    return [node.name for node in graph(GraphArgs(**args))]


def params(node, **args):
    (found,) = [n for n in graph(GraphArgs(**args)) if n.name == node]
    return found.params


def test_each_mode_runs_what_it_needs():
    assert names(joystick_driver='joy_node') == ['sim', 'policy', 'gate', 'teleop', 'joy']
    assert names(mode='robot', operator='none') == ['policy', 'gate']
    assert names(mode='demonstrate', operator='keyboard', run='r') == [
        'sim',
        'policy',
        'gate',
        'teleop',
        'keyboard',
        'recorder',
    ]
    assert 'sim' not in names(mode='demonstrate', simulate=False)


def test_joy_node_reads_the_gamepad_only_where_nothing_else_can(tmp_path, monkeypatch):
    """To it an unplugged one has let go of the dead-man: with a policy that is said."""
    joy = tmp_path / 'lib' / 'joy' / 'joy_node'
    joy.parent.mkdir(parents=True)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert names()[-1] == 'joystick'
    assert params('joystick')['autorepeat_rate'] == 50.0
    joy.touch()
    assert names()[-1] == 'joystick'
    monkeypatch.setattr(sys, 'path', [])
    monkeypatch.delitem(sys.modules, 'pygame', raising=False)
    assert names()[-1] == 'joy'
    driven = {'mode': 'robot', 'checkpoint': 'c', 'run': 'r'}
    assert 'let go' in GraphArgs(**driven).warning
    assert not GraphArgs(**driven, joystick_driver='joystick_node').warning
    assert not GraphArgs(mode='demonstrate', run='r').warning
    assert names(joystick_driver='joystick_node')[-1] == 'joystick'
    script = tmp_path / 'lib' / 'interactive_il' / 'joystick_node'
    script.parent.mkdir()
    for code, chosen in ((0, 'joystick'), (1, 'joy')):  # of the nodes' Python, not of this one
        python = tmp_path / f'python{code}'
        python.write_text(f'#!/bin/sh\nexit {code}\n')
        python.chmod(0o755)
        script.write_text(f'#!{python}\nimport os\n')
        assert names()[-1] == chosen
    with pytest.raises(UserError, match='did you mean joy_node'):
        GraphArgs(joystick_driver='joynode')


def test_il_run_asks_its_own_python_for_sdl_which_its_nodes_run_on(tmp_path, monkeypatch, capsys):
    for name in ('joy/joy_node', 'interactive_il/joystick_node'):  # a colcon install without SDL
        path = tmp_path / 'lib' / name
        path.parent.mkdir(parents=True)
        path.write_text('#!/bin/false\n')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert names()[-1] == 'joy', 'as ros2 launch would'
    assert main(['--print-graph']) == 0
    assert '| joystick | `il_teleop.device.node`' in capsys.readouterr().out
    assert main(['--print-graph', '--joystick-driver', 'joy_node']) == 0
    assert '`joy/joy_node`' in capsys.readouterr().out
    monkeypatch.setattr('il_ros.options.has_own_sdl', lambda: False)
    assert main(['--print-graph']) == 0
    assert '`joy/joy_node`' in capsys.readouterr().out


def test_one_process_reads_the_gamepad_itself(tmp_path, monkeypatch, capsys):
    """joy_node of another package cannot be in it, and must not be dropped without a word."""
    joy = tmp_path / 'lib' / 'joy' / 'joy_node'
    joy.parent.mkdir(parents=True)
    joy.touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    monkeypatch.setattr('il_ros.options.has_own_sdl', lambda: False)
    assert main(['--print-graph', '--composed']) == 0
    assert '| joystick | `il_teleop.device.node`' in capsys.readouterr().out
    with pytest.raises(UserError, match=r'joy/joy_node.*cannot be part of one process'):
        main(['--composed', '--joystick-driver', 'joy_node'])


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (
            ['--joystick-driver', 'joy_node'],
            'package joy is not installed: install it .*; choices: joystick_node',
        ),
        (
            ['--operator', 'none', '--run', '/proc/x'],
            "run is '/proc/x': cannot be written: No such",
        ),
        (['--operator', 'none', '--run', 'file/x'], 'cannot be written: Not a directory .*/file'),
        (
            ['--operator', 'scripted', '--task', 'gym:CartPole-v1'],
            "operator is 'scripted': follows a supervisor, and CartPole-v1 has none; choices: joy",
        ),
        (['--operator', 'scripted', '--task', 'pole.yaml'], 'and Acrobot-v1 has none'),
        (['--task', 'nowhere'], "task is 'nowhere': not known"),
        (['--task', 'broken.yaml', '--print-graph'], "broken.yaml: horizon_s is 'long'"),
        (['--joystick', 'xbxo', '--print-graph'], "joystick is 'xbxo': .*did you mean xbox"),
        (['--joystick', 'my.yaml'], "joystick file is 'my.yaml': no such file"),
    ],
)
def test_what_could_never_work_is_refused_before_a_node_starts(
    tmp_path, monkeypatch, options, words
):
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').touch()
    task = {'name': 'pole', 'description': '', 'robot': 'point', 'horizon_s': 1.0, 'world': 'gym'}
    (tmp_path / 'pole.yaml').write_text(json.dumps({**task, 'params': {'env': 'Acrobot-v1'}}))
    (tmp_path / 'broken.yaml').write_text(json.dumps({**task, 'horizon_s': 'long'}))
    monkeypatch.setattr(run_cli, 'supervise', lambda bringup: pytest.fail('nodes were started'))
    with pytest.raises(UserError, match=words):
        main(options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['broken.yaml', 'file', 'pole.yaml']


@pytest.mark.parametrize(
    'options',
    [
        ['--operator', 'none', '--run', 'new/run'],
        ['--operator', 'scripted', '--task', 'gym:MountainCar-v0', '--namespace', 'a_1/b'],
        ['--operator', 'scripted', '--namespace', '/a'],
    ],
)
def test_what_can_work_is_started_and_nothing_is_left_behind(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_cli, 'supervise', lambda bringup: 7)
    assert main(options) == 7
    assert not list(tmp_path.iterdir())


def test_empty_arguments_become_what_suits_the_mode():
    assert params('policy')['policy'] == 'none'
    assert params('policy', checkpoint='c')['policy'] == 'bc'
    assert params('gate', mode='demonstrate')['gate'] == 'expert_only'
    assert params('gate', mode='demonstrate')['checkpoint'] == ''
    assert params('teleop', operator='scripted')['joystick'] == 'scripted'
    assert params('policy', mode='robot')['tick_on'] == 'timer'
    assert params('gate')['auto_start'] is True
    assert params('gate', mode='robot')['auto_start'] is False
    assert params('gate', operator='none')['expect_expert'] is False


@pytest.mark.parametrize('node', ['gate', 'teleop'])
def test_a_scripted_human_in_a_slow_world_is_not_lost_before_his_next_word(node):
    """He speaks once per tick, and time-outs are on the clock of the wall."""
    slow = {'operator': 'scripted', 'speed': 0.5}
    assert params(node, **slow)['joystick_timeout_s'] == 0.6
    assert params(node, **{**slow, 'speed': 0.01})['joystick_timeout_s'] == 10.0
    for other in ({'speed': 1.0}, {'operator': 'keyboard'}):
        assert 'joystick_timeout_s' not in params(node, **{**slow, **other})


def test_only_the_simulated_graph_in_real_time_uses_its_clock():
    assert params('gate')['use_sim_time'] is True
    assert params('sim')['use_sim_time'] is False
    assert params('gate', mode='robot')['use_sim_time'] is False
    assert params('gate', lockstep=True, operator='none')['use_sim_time'] is False


def test_a_setting_goes_to_its_node_and_wins():
    nodes = graph(GraphArgs(set='gate.hand_back_ticks=5 policy.tick_on=timer', namespace='left'))
    by_name = {node.name: node for node in nodes}
    assert by_name['gate'].overrides == {'hand_back_ticks': 5}
    args = by_name['policy'].ros_args()
    assert "tick_on:='timer'" in args
    assert "tick_on:='observations'" not in args, 'rcl keeps one of each type, and may use that'
    assert '__ns:=/left' in args


@pytest.mark.parametrize(
    ('key', 'namespace', 'given'),
    [
        ('gate', '', True),
        ('/gate', '', True),
        ('/**', 'left', True),
        ('/**/gate', 'left', True),
        ('/left/gate', 'left', True),
        ('/*/gate', 'left', True),
        ('/*/gate', '', False),
        ('/gate', 'left', False),
        ('policy', '', False),
    ],
)
def test_a_default_gives_way_to_a_params_file(tmp_path, key, namespace, given):
    file = tmp_path / 'p.yaml'
    file.write_text(f'{key}:\n  ros__parameters:\n    latency_s: 2\n')
    args = GraphArgs(params=str(file), namespace=namespace)
    (gate,) = [node for node in graph(args) if node.name == 'gate']
    assert ('latency_s' not in gate.params) is given
    assert 'handover' in gate.params


@pytest.mark.parametrize('text', ['gate: [', 'latency_s: 2\n', '', '- a\n'])
def test_a_params_file_that_is_none_is_refused_with_its_name(tmp_path, text):
    file = tmp_path / 'p.yaml'
    file.write_text(text)
    with pytest.raises(UserError, match=r"params is '.*p.yaml': (cannot be read|must hold NODE)"):
        graph(GraphArgs(params=str(file)))


def test_simulated_graphs_in_namespaces_keep_their_time_to_themselves():
    """A clock of somebody else's simulator, beside a graph for a robot, is for all."""
    for node in graph(GraphArgs(namespace='left', operator='none')):
        assert '/clock:=/left/clock' in node.ros_args()
    for args in (GraphArgs(), GraphArgs(mode='robot', namespace='left')):
        assert not any('/clock' in word for node in graph(args) for word in node.ros_args())


def test_the_parameters_of_a_gate_reach_it_as_text():
    nodes = graph(GraphArgs(set="'gate.gate_params={novelty: 0.1}'"))
    gate = next(node for node in nodes if node.name == 'gate')
    assert gate.overrides == {'gate_params': '{novelty: 0.1}'}
    assert "gate_params:='{novelty: 0.1}'" in gate.ros_args()


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        ({'gate': 'hg_daggr'}, 'did you mean hg_dagger?'),
        ({'operator': 'nobody'}, 'choices: joy, keyboard, scripted, none'),
        ({'lockstep': True}, "lockstep is 'joy': a human and a robot do not wait"),
        ({'mode': 'robot', 'operator': 'scripted'}, 'a robot has none'),
        ({'mode': 'demonstrate', 'operator': 'none'}, 'somebody must demonstrate'),
        ({'speed': 0.0}, 'must be 0.01 to 100'),
        ({'namespace': '1robot'}, "namespace is '1robot': must be parts of letters"),
        ({'namespace': 'a b'}, 'must be parts of letters, digits and underscores'),
        ({'namespace': 'left/'}, 'must be parts of letters'),
        ({'jobs': True}, 'jobs is True: retrains from the bags of a run folder: give run'),
        ({'set': 'gate'}, 'must look like'),
        (
            {'mode': 'demonstrate', 'checkpoint': 'c'},
            r"checkpoint is 'c': does nothing in mode demonstrate.*choices: sim, robot",
        ),
        ({'mode': 'demonstrate', 'policy': 'bc'}, "policy is 'bc': does nothing in mode demonst"),
        (
            {'policy': 'none', 'checkpoint': 'c'},
            "checkpoint is 'c': does nothing with policy none",
        ),
        ({'simulate': False}, r'simulate is False: is for mode .*choices: demonstrate, robot'),
        ({'mode': 'robot', 'gui': True}, 'gui is True: is for the simulator, .* none on a robot'),
        ({'mode': 'robot', 'seed': 3}, 'seed is 3: is for the simulator'),
        ({'mode': 'demonstrate', 'simulate': False, 'speed': 2.0}, 'speed is 2.0: is for the sim'),
        ({'operator': 'none', 'lockstep': True, 'speed': 2.0}, 'does nothing in lockstep'),
        ({'style': 'always'}, r"style is 'always': is that of a scripted .*choices: scripted"),
        ({'operator': 'none', 'joystick': 'xbox'}, "joystick is 'xbox': does nothing with oper"),
        ({'operator': 'keyboard', 'joystick_driver': 'joy_node'}, 'reads a gamepad: leave it out'),
        ({'handover': 'instant', 'latency_s': 0.5}, 'latency_s is 0.5: does nothing with hand'),
        ({'set': "gate.gate='"}, 'set is .*: cannot be read: No closing quotation'),
    ],
)
def test_what_does_not_go_together_is_refused(args, words):
    with pytest.raises(UserError, match=words):
        GraphArgs(**args)


def test_a_setting_for_a_node_that_is_not_there_lists_the_nodes():
    with pytest.raises(UserError, match='choices: policy, gate'):
        graph(GraphArgs(mode='robot', operator='none', set='sim.gui=true'))


@pytest.mark.parametrize(
    ('text', 'words'),
    [({'gui': 'yes'}, 'must be true or false'), ({'seed': 'x'}, 'must be a number')],
)
def test_texts_of_a_launch_file_are_checked(text, words):
    assert args_from_text({'gui': 'True', 'seed': '4', 'gate': 'novelty'}).seed == 4
    with pytest.raises(UserError, match=words):
        args_from_text(text)


OURS = [row.node for row in TABLE if row.node.module]


@pytest.mark.parametrize('node', OURS, ids=lambda node: node.name)
def test_every_node_of_ours_is_where_the_table_says(node):
    path = ROOT / 'src' / (node.module.replace('.', '/') + '.py')
    classes = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ClassDef)]
    assert node.cls in [c.name for c in classes]


def test_print_graph_is_a_table_with_a_line_per_node(capsys):
    assert main(['--print-graph', '--operator', 'none']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(' | ')[0] for line in lines[2:]] == ['| sim', '| policy', '| gate']


def test_a_graph_in_which_nobody_can_act_is_said(capsys):
    begins = ['--checkpoint', 'c'], ['--style', 'always'], ['--mode', 'demonstrate']
    for operator, other, said in (
        ('scripted', [], True),
        ('none', [], True),
        ('keyboard', [], False),
        *(('scripted', words, False) for words in begins),
    ):
        assert main(['--print-graph', '--run', 'r', '--operator', operator, *other]) == 0
        assert ('nobody will ever act' in capsys.readouterr().err) is said, (operator, other)


def test_a_human_without_a_policy_is_told_what_moves_the_robot(capsys):
    """As where `--mode demonstrate` was left out: the dead-man alone does nothing, unless a gate
    looks at it, in an episode."""
    own = ['--gate', 'expert_only'], ['--mode', 'demonstrate'], ['--checkpoint', 'c']
    for other, said in (([], True), *((words, False) for words in own)):
        assert main(['--print-graph', '--run', 'r', '--operator', 'keyboard', *other]) == 0
        assert ('until the take-over button' in capsys.readouterr().err) is said, other
    for run, where in (([], 'policy: the robot'), (['--run', 'r'], 'outside an episode')):
        assert main(['--print-graph', '--operator', 'keyboard', *run]) == 0
        assert where in capsys.readouterr().err


def test_help_says_what_is_taken_where_nothing_is_given(capsys):
    for command, taken in ((main, 'joy'), (collect_cli.main, 'scripted')):
        with pytest.raises(SystemExit):
            command(['--help'])
        said = ' '.join(capsys.readouterr().out.split())
        assert f'joy, keyboard, scripted, none; default: {taken})' in said
        assert 'default: true' in said
        assert 'default: )' not in said


def test_a_policy_that_can_never_act_is_said(capsys):
    """Only the recorder begins episodes."""
    assert main(['--print-graph', '--checkpoint', 'c', '--operator', 'none']) == 0
    assert 'policy bc will never act' in capsys.readouterr().err
    for other in (['--checkpoint', 'c', '--run', 'r'], ['--mode', 'demonstrate']):
        assert main(['--print-graph', '--operator', 'keyboard', *other]) == 0
        assert not capsys.readouterr().err


def test_who_has_read_enough_of_what_is_printed_ends_it_in_silence():
    """As in `il run --print-graph | head -1`."""
    command = [sys.executable, '-m', 'il_core.cli', 'run', '--print-graph', '--operator', 'none']
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    said = process.stderr.read().decode()
    assert process.wait(30) == 141
    assert [line for line in said.splitlines() if not line.startswith('warning: ')] == []


def test_arguments_of_other_launch_files_are_nobodys_business():
    names = ('task', 'operator', 'run')
    given = ('task', 'opertor', 'checkpoint', 'use_sim_time', 'robot_name')
    assert strangers(given, names) == [
        'argument checkpoint does nothing in this launch file',
        'argument opertor is not known here (did you mean operator?)',
    ]
