"""Specs from YAML files, from code (`gym:`) and from what a checkpoint or manifest holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import yaml

from il_core import share
from il_core.errors import UserError
from il_core.registry import Registry
from il_core.spec import RobotSpec, Spec, TaskSpec
from il_core.structure import structure

T = TypeVar('T')

# Task names `kind:rest` whose spec is made by code (`gym:MountainCar-v0`): kind to a function
# rest -> Spec.
SPEC_SOURCES = Registry('kind of generated task', {'gym': 'il_sim.gym_task:make_spec'})


def load_spec(task: str, robot: str = '') -> Spec:
    """Load a task and its robot by name or by path of a YAML file.

    Args:
        task: name in config/tasks, a .yaml path, or a generated one (`gym:MountainCar-v0`). The
            robot that a file names is looked up in the folder of the file first.
        robot: name or path of another robot than the task's own.

    Raises:
        UserError: no such file, or a rule of the spec is broken; names file and key. Or a robot
            for a generated task, which has its own.
    """
    kind, colon, rest = task.partition(':')
    if colon and not task.endswith(share.ENDINGS):
        if robot:
            raise UserError('robot', robot, f'goes with a task of a file; {task} makes its own')
        spec: Spec = SPEC_SOURCES.load(kind)(rest)
        return spec
    path = share.find('tasks', task)
    task_spec = structured(TaskSpec, read_yaml(path), path)
    found = share.find('robots', robot) if robot else _robot_of(path, task_spec.robot)
    return Spec(structured(RobotSpec, read_yaml(found), found), task_spec)


def _robot_of(task: Path, robot: str) -> Path:
    """Return the file of a task's own robot: one beside the task's, or one that is shipped. A task
    of that name is no robot."""
    beside = task.parent / (robot if robot.endswith(share.ENDINGS) else f'{robot}.yaml')
    data = read_yaml(beside) if beside.is_file() else {'robot': ''}
    is_task = isinstance(data, Mapping) and 'robot' in data
    return share.find('robots', robot) if is_task else beside


def spec_from_plain(data: object, where: str) -> Spec:
    """Rebuild a Spec from what `structure.plain` made of it (checkpoints and manifests hold
    one)."""
    return structure(Spec, data, where)


def read_yaml(path: Path) -> object:
    """Return what a YAML file holds. Raises UserError where it is none, or where a key is there
    twice: YAML would take the last one and say nothing."""
    try:
        text = path.read_text()
        tree, data = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(path.name, str(error), 'is not YAML') from error
    for key in _keys_met_again(tree):
        line = key.start_mark.line + 1
        raise UserError(f'{path.name}: key', key.value, f'is there twice, again in line {line}')
    return data


def _keys_met_again(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """Yield the keys below `node` that their mapping has already."""
    if isinstance(node, yaml.MappingNode):
        met: set[object] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in met:
                yield key
            met.add(key.value if isinstance(key, yaml.ScalarNode) else None)
            yield from _keys_met_again(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _keys_met_again(item)


def structured(kind: type[T], data: object, path: Path) -> T:
    """Make a value of what `path` holds. Raises UserError that names the file and the key."""
    try:
        return structure(kind, data, path.name)
    except UserError as error:
        if error.what.startswith(path.name):
            raise
        what = f'{path.name}: {error.what}'
        raise UserError(what, error.value, error.rule, error.choices) from error
