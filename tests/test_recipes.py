"""The recipes of CONTRIBUTING.md: as many files as they say, and they run. The example of
robot_file.md: it loads, and its tables have every key."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.spec import Axis, CommandTopic, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import Outcome, Owner
from il_gating.api import GATES
from il_gating.config import GateConfig
from il_loop.cast import Cast, make_loop
from il_policy.api import POLICIES
from il_sim.api import WORLDS, make_world
from il_teleop.joystick import JoystickMapper
from il_teleop.keyboard.keys import layout
from il_teleop.mapping import load_joystick
from tests.house import ROOT
from tests.toy import ToyWorld

TEXT = (ROOT / 'CONTRIBUTING.md').read_text()
ROBOT_FILE = (ROOT / 'docs' / 'reference' / 'robot_file.md').read_text()
NUMBERS = {'one': 1, 'two': 2}
REGISTRIES = {'GATES': GATES, 'POLICIES': POLICIES, 'WORLDS': WORLDS}


class Recipe:
    """One section: its files, and its lines for registries."""

    def __init__(self, title: str) -> None:
        found = re.search(rf'^## {title}: (.*?)\n(.*?)(?=^## |\Z)', TEXT, re.DOTALL | re.MULTILINE)
        assert found, title
        self.claim, text = found.groups()
        blocks = re.findall(r'^```\w+\n(# (\S+)\n.*?)^```', text, re.DOTALL | re.MULTILINE)
        self.files = {path: body for body, path in blocks}
        self.lines = re.findall(
            r"^Line in `(\w+)` of `(\S+)`:\n\n```python\n'(\w+)': '(\S+)',\n", text, re.MULTILINE
        )

    def cook(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
        """Write the files, import the modules, register the names until the test ends."""
        paths = {}
        for name, body in self.files.items():
            path = paths[Path(name).name] = folder / Path(name).name
            path.write_text(body)
            if path.suffix == '.py':
                module = '.'.join(Path(name).with_suffix('').parts[1:])
                monkeypatch.setitem(sys.modules, module, imported(module, path))
        for registry, file, name, target in self.lines:
            assert f'{registry} = Registry(' in (ROOT / file).read_text()
            known = REGISTRIES[registry]
            monkeypatch.setattr(known, '_targets', dict(known._targets))
            known.register(name, target)
        return paths


def imported(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('title', ['A gate', 'A policy', 'A task', 'A robot'])
def test_a_recipe_needs_what_its_title_says(title: str) -> None:
    recipe = Recipe(title)
    files, _, line = recipe.claim.partition(' and ')
    number = NUMBERS[files.split(' ')[0]]
    assert len(recipe.files) - (title == 'A robot') == number  # the task of a robot is said below
    assert len(recipe.lines) == (1 if line else 0)
    assert not [path for path in recipe.files if (ROOT / path).exists()]


def test_the_gate_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Recipe('A gate').cook(tmp_path, monkeypatch)
    cast = Cast(
        'warm_up', {'ticks': 5}, GateConfig(auto_start=True, auto_return=True), {'style': 'always'}
    )
    world = ToyWorld()
    Recipe('A policy').cook(tmp_path, monkeypatch)
    steady = POLICIES.load('steady')(world.spec, None)
    owners = [s.command.owner for s in make_loop(world, cast, policy=steady).episode(1, 'a').steps]
    assert owners[:5] == [Owner.HUMAN] * 5
    assert Owner.POLICY in owners[5:]
    with pytest.raises(UserError, match='choices: ticks'):
        GATES.load('warm_up').build(world.spec, None, {'tick': 5})


def test_the_policy_proposes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Recipe('A policy').cook(tmp_path, monkeypatch)
    world = ToyWorld()
    steps = make_loop(world, Cast(policy='steady')).episode(1, 'a').steps
    middle = ((world.spec.low + world.spec.high) / 2).tolist()
    assert steps[-1].command.action.tolist() == pytest.approx(middle)
    assert {s.command.owner for s in steps} == {Owner.POLICY}


def test_the_task_can_be_solved_and_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_spec(str(Recipe('A task').cook(tmp_path, monkeypatch)['lift.yaml']))
    world = make_world(spec)
    lengths = []
    for seed in (0, 1, 0):
        world.reset(seed)
        outcome = Outcome.UNKNOWN
        while outcome is Outcome.UNKNOWN:
            outcome = world.step(world.supervisor())
        assert outcome is Outcome.SUCCESS
        lengths.append(world.observe()['ee_pose'].tolist())
    world.close()
    assert lengths[0] == lengths[2] != lengths[1]


@pytest.fixture
def rover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    paths = Recipe('A robot').cook(tmp_path, monkeypatch)
    assert paths['roam.yaml'].parent == paths['rover.yaml'].parent
    (tmp_path / 'panda.yaml').write_text('{name: panda, robot: panda}')  # a task
    (tmp_path / 'mine.yaml').write_text('{name: mine, robot: panda, horizon_s: 1.0}')
    assert load_spec(str(tmp_path / 'mine.yaml')).robot.name == 'panda'
    return load_spec(str(paths['roam.yaml']))


def test_the_robot_is_driven_by_gamepad_and_keyboard(rover: Spec) -> None:
    assert rover.robot.real
    assert rover.frame_fields == ('odom/x', 'odom/y', 'odom/vx', 'odom/vrz')
    for name in ('xbox', 'keyboard', 'scripted'):
        JoystickMapper(load_joystick(name), rover)
    assert len(layout(rover).pairs) == 2


def test_the_robots_command_arrives_in_its_message(rover: Spec) -> None:
    pytest.importorskip('rclpy')
    from il_ros.build import build_commands

    [message] = build_commands(rover, np.array([0.5, -1.0]), 7)
    assert (message.twist.linear.x, message.twist.angular.z) == (0.5, -1.0)


@pytest.fixture
def arm(tmp_path: Path) -> Spec:
    blocks = re.findall(r'^```yaml\n# (\S+)\n(.*?)^```', ROBOT_FILE, re.DOTALL | re.MULTILINE)
    for name, body in blocks:
        (tmp_path / name).write_text(body)
    return load_spec(str(tmp_path / 'pick.yaml'))


def test_the_example_of_the_robot_file_loads_and_is_driven(arm: Spec) -> None:
    assert arm.robot.real
    assert arm.frame_fields[-1] == arm.axes[-1].measured == 'joint_states/finger_joint'
    for name in ('xbox', 'playstation', 'keyboard'):
        JoystickMapper(load_joystick(name), arm)


def test_the_arms_step_arrives_as_a_speed_beside_the_gripper(arm: Spec) -> None:
    pytest.importorskip('rclpy')
    from il_ros.build import build_commands

    twist, gripper = build_commands(arm, np.array([0.005, 0.0, 0.0, 0.08]), 7)
    assert twist.twist.linear.x == pytest.approx(0.1)
    assert twist.header.frame_id == 'base_link'
    assert list(gripper.data) == [0.08]


@pytest.mark.parametrize('kind', [RobotSpec, Axis, Stream, CommandTopic, TaskSpec])
def test_the_robot_files_tables_have_every_key_and_its_default(kind: type) -> None:
    titles = {'RobotSpec': 'file as a whole', 'CommandTopic': 'command', 'TaskSpec': 'task'}
    title = titles.get(kind.__name__, kind.__name__.lower())
    section = re.search(rf'^## (?:The|An?) {title}\n(.*?)(?=^## |\Z)', ROBOT_FILE, re.M | re.S)
    assert section
    rows = dict(re.findall(r'^\| `(\w+)`(?:, `\w+`)? \| (.*?) \|', section[1], re.MULTILINE))
    for field in dataclasses.fields(kind):
        if field.name == 'high':
            continue  # in the row of low
        told = rows[field.name]
        if field.default is dataclasses.MISSING:
            needed = field.default_factory is dataclasses.MISSING
            assert told == ('needed' if needed else 'none'), field.name
        elif field.default in ('', ()):
            assert told in ('empty', 'none', 'the name'), field.name
        else:
            assert told == f'`{str(field.default).lower()}`', field.name
