"""Names that a user types: registries, files in config/, specs and subcommands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from il_core import cli, share
from il_core.errors import InternalError, UserError
from il_core.load import load_spec
from il_core.registry import Registry
from il_core.spec import RobotSpec
from il_core.structure import structure

ROBOT = """
name: cart
rate_hz: 10
axes: [{name: v, kind: velocity, low: -1, high: 1}]
streams: [{name: odom, codec: odometry, fields: [x, vx]}]
"""
TASK = 'name: drive\nrobot: {robot}\nhorizon_s: 5\n'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / 'cart.yaml').write_text(ROBOT)
    (tmp_path / 'drive.yaml').write_text(TASK.format(robot=tmp_path / 'cart.yaml'))
    return tmp_path


def test_a_registry_loads_on_first_use_only() -> None:
    registry = Registry('shape', {'round': 'collections:OrderedDict', 'gone': 'no_module:X'})
    assert registry.names() == ('gone', 'round')
    assert registry.load('round').__name__ == 'OrderedDict'


def test_a_registry_refuses_unknown_and_taken_names() -> None:
    registry = Registry('shape', {'round': 'collections:OrderedDict'})
    with pytest.raises(UserError, match=r"shape is 'rond': not known.*did you mean round\?"):
        registry.load('rond')
    with pytest.raises(UserError, match="'round': already stands for collections:OrderedDict"):
        registry.register('round', 'json:loads')
    registry.register('new', 'json:loads')
    assert registry.load('new')('1') == 1


def test_a_registry_line_that_points_nowhere_is_our_defect() -> None:
    with pytest.raises(InternalError, match='json:nothing does not exist'):
        Registry('shape', {'round': 'json:nothing'}).load('round')


def test_a_spec_of_two_files_anywhere(files: Path) -> None:
    spec = load_spec(str(files / 'drive.yaml'))
    assert (spec.robot.name, spec.task.name, spec.horizon) == ('cart', 'drive', 50)


def test_a_task_runs_on_another_robot_than_its_own(files: Path) -> None:
    (files / 'other.yaml').write_text(ROBOT.replace('cart', 'van'))
    assert load_spec(str(files / 'drive.yaml'), str(files / 'other.yaml')).robot.name == 'van'


@pytest.mark.parametrize(
    ('text', 'says'),
    [
        ('name: [', 'cart.yaml is .*: is not YAML'),
        ('', 'cart.yaml is None: must be a mapping'),
        (ROBOT.replace('odometry', 'odo'), "cart.yaml: .*codec is 'odo': not known"),
        (ROBOT.replace('low: -1', 'low: 2'), 'cart.yaml: axis v: low is 2.0: must be below high'),
        (
            ROBOT.replace('high: 1', 'high: 1, low: -9'),
            "cart.yaml: key is 'low': is there twice, again in line 4",
        ),
        (f'{ROBOT}rate_hz: 50', "cart.yaml: key is 'rate_hz': is there twice, again in line 6"),
        (ROBOT.replace('velocity', 'speed'), r"cart.yaml: axes\[0\]: kind is 'speed': not known"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name(files: Path, text: str, says: str) -> None:
    (files / 'cart.yaml').write_text(text)
    with pytest.raises(UserError, match=says):
        load_spec(str(files / 'drive.yaml'))


def test_unknown_names_list_what_is_shipped() -> None:
    with pytest.raises(UserError, match="robot is 'r2d2': not known; choices: ") as caught:
        share.find('robots', 'r2d2')
    assert caught.value.choices == share.names('robots') != ()
    with pytest.raises(UserError, match=r"task file is 'no.yaml': no such file"):
        load_spec('no.yaml')
    with pytest.raises(UserError, match=r"kind of generated task is 'gum': not known.*mean gym"):
        load_spec('gum:MountainCar-v0')


@pytest.mark.parametrize('name', share.names('tasks'))
def test_every_shipped_task_loads_with_its_robot(name: str) -> None:
    spec = load_spec(name)
    assert spec.task.name == name
    assert spec.task.description
    assert spec.robot.description


@pytest.mark.parametrize('name', share.names('robots'))
def test_every_shipped_robot_is_named_like_its_file(name: str) -> None:
    path = share.find('robots', name)
    assert structure(RobotSpec, yaml.safe_load(path.read_text()), path.name).name == name


def il(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', 'import il_core.cli as c, sys; sys.exit(c.main())', *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_subcommand_has_a_summary() -> None:
    assert set(cli.SUMMARIES) == set(cli.COMMANDS.names())


def test_il_without_arguments_says_how_to_use_it() -> None:
    asked, bare = il('--help'), il()
    assert (asked.returncode, bare.returncode) == (0, 2)
    assert asked.stdout == bare.stdout
    for name in cli.COMMANDS.names():
        assert f'\n  {name} ' in asked.stdout


def test_a_mistyped_subcommand_is_one_line_and_no_traceback() -> None:
    run = il('evalute')
    assert run.returncode == 2
    assert run.stdout == ''
    assert run.stderr.count('\n') == 1
    assert 'did you mean evaluate?' in run.stderr
