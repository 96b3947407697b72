"""Specs from YAML files, from code (`gym:`) and from what a checkpoint or manifest holds."""

from __future__ import annotations

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
        task: name in config/tasks, a .yaml path, or a generated one (`gym:MountainCar-v0`).
        robot: name or path of another robot than the task's own.

    Raises:
        UserError: no such file, or a rule of the spec is broken; names file and key.
    """
    kind, colon, rest = task.partition(':')
    if colon and not task.endswith(('.yaml', '.yml')):
        spec: Spec = SPEC_SOURCES.load(kind)(rest)
        return spec
    task_spec = _load(TaskSpec, 'tasks', task)
    return Spec(_load(RobotSpec, 'robots', robot or task_spec.robot), task_spec)


def spec_from_plain(data: object, where: str) -> Spec:
    """Rebuild a Spec from what `structure.plain` made of it (checkpoints and manifests hold
    one)."""
    return structure(Spec, data, where)


def _load(kind: type[T], folder: str, name: str) -> T:
    path: Path = share.find(folder, name)
    try:
        data = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise UserError(path.name, str(error), 'is not YAML') from error
    try:
        return structure(kind, data, path.name)
    except UserError as error:
        raise error if error.what.startswith(path.name) else _located(error, path.name) from error


def _located(error: UserError, where: str) -> UserError:
    rule = str(error).partition(f'{error.value!r}: ')[2].partition('; choices')[0]
    return UserError(f'{where}: {error.what}', error.value, rule, error.choices)
