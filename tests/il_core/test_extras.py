"""A command, or a node, whose package is not installed says in one line what to install."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

from il_core import extras
from il_core.cli import COMMANDS
from il_core.errors import UserError
from il_core.extras import EXTRAS, how_to_install, refusal
from tests.house import ROOT

# What Python reads first: it finds no package of this name, as where it is not installed.
WITHOUT = """
import os, sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == os.environ['MISSING'] else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.fixture
def without(tmp_path):
    (tmp_path / 'sitecustomize.py').write_text(WITHOUT)

    def run(package, *command, script='il'):
        path = os.pathsep.join([str(tmp_path), os.environ['PYTHONPATH']])
        env = os.environ | {'MISSING': package, 'PYTHONPATH': path}
        module = 'il_core.cli' if script == 'il' else 'il_core.nodes'
        code = f'import sys; sys.argv[0] = "bin/{script}"; from {module} import main; main()'
        code = code.replace('; main()', '; sys.exit(main())')
        args = [sys.executable, '-c', code, *command]
        return subprocess.run(
            args, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.mark.parametrize(
    ('package', 'extra', 'command'),
    [
        ('torch', 'train', ('train', '--out', 'x', 'bags')),
        ('torch', 'train', ('demo',)),
        ('matplotlib', 'train', ('report', '.')),
        ('rclpy', 'ros', ('run',)),
        ('rclpy', 'ros', ('swap', 'x')),
    ],
)
def test_a_command_without_its_package_says_what_to_install(without, package, extra, command):
    done = without(package, *command)
    assert done.returncode == 2
    (said,) = [line for line in done.stderr.splitlines() if not line.startswith('warning')]
    assert said.startswith(f"il {command[0]}: package {package} is 'not installed'")
    assert f'".[{extra}]"' in said


@pytest.mark.parametrize(
    ('part', 'command'),
    [
        ('', ('run',)),
        ('.msg', ('run',)),
        ('.srv', ('run',)),
        ('', ('call', 'gate/resume')),
        ('.srv', ('swap', 'x')),
        ('', ('collect', '--run', 'x', '--seeds', '0')),
    ],
)
def test_a_command_without_our_messages_says_how_to_get_them(without, part, command):
    done = without(f'interactive_il{part}', *command)
    assert done.returncode == 2
    (said,) = [line for line in done.stderr.splitlines() if not line.startswith('warning')]
    assert said.startswith(f'il {command[0]}: messages of interactive_il is "No module named ')
    assert 'source install/setup.bash of the workspace' in said


@pytest.mark.parametrize('node', ['gate_node', 'policy_node', 'sim_node'])
def test_a_node_without_our_messages_says_how_to_get_them(without, node):
    done = without('interactive_il', script=node)
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith(f'{node}: messages of interactive_il is "No module named ')


def test_a_node_without_ros_says_so(without):
    done = without('rclpy', script='teleop_node')
    assert done.returncode == 2
    assert done.stderr.startswith("teleop_node: package rclpy is 'not installed': source your ROS")


@pytest.mark.parametrize('argument', ['-p', '--help', 'task:=reach'])
def test_an_argument_that_ros_would_pass_over_is_refused(without, argument):
    done = without('', argument, 'task:=moon', script='policy_node')
    assert done.returncode == 2
    assert done.stderr.startswith(f"policy_node: argument is '{argument}': must follow --ros-args")


def test_messages_of_an_older_build_are_said(monkeypatch):
    """As after a checkout that adds one."""
    monkeypatch.delattr('interactive_il.srv.StartJob')
    monkeypatch.delitem(sys.modules, 'il_ros.services', raising=False)
    with pytest.raises(UserError, match=r'cannot import name .StartJob.*colcon build'):
        COMMANDS.load('call')


def test_in_a_workspace_numpy_stays_that_of_ros(without, tmp_path):
    """colcon tells of this package without extras; what pip would install brings numpy 2."""
    (tmp_path / 'interactive_il-0.1.0.egg-info').mkdir()
    (tmp_path / 'interactive_il-0.1.0.egg-info' / 'PKG-INFO').write_text('Name: interactive-il\n')
    said = without('torch', 'train', '--out', 'x', 'bags').stderr
    assert '`pip install -r requirements/ros-host-train.txt` from the checkout' in said
    assert without('rclpy', 'run').stderr.endswith("'not installed': source your ROS 2 install\n")


@pytest.mark.ros
def test_a_graph_without_its_simulator_ends_and_says_so(without):
    done = without('pybullet', 'run', '--task', 'reach', '--operator', 'scripted')
    assert done.returncode == 2
    assert "configure failed: package pybullet is 'not installed'" in done.stdout
    assert 'Traceback' not in done.stdout + done.stderr


def test_a_package_of_nobody_is_a_defect(without):
    done = without('mcap', 'train')
    assert 'ModuleNotFoundError' in done.stderr


def test_a_part_that_an_installed_package_lacks_is_a_defect():
    with pytest.raises(ModuleNotFoundError) as raised:
        importlib.import_module('onnx.no_such_part')
    assert refusal(raised.value) is None


def test_what_to_install_is_there_for_wheels_and_for_a_ros_install(monkeypatch):
    text = (ROOT / 'pyproject.toml').read_text()
    for extra in EXTRAS:
        assert f'\n{extra} = [' in text
        assert f'".[{extra}]"' in how_to_install(extra)
    monkeypatch.setattr(extras, 'by_pip', lambda: False)
    for extra in ('sim', 'train'):
        file = f'requirements/ros-host-{extra}.txt'
        assert file in how_to_install(extra)
        assert (ROOT / file).is_file()
