"""The numbers of a simulated world: a task has those of the task that ships under its name."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from il_core import share
from il_core.errors import UserError
from il_core.load import read_yaml
from il_core.spec import TaskSpec


def check_params(task: TaskSpec) -> None:
    """Make sure that a world finds every number that it reads, and reads every one that it gets.

    A world without a shipped task of its name (any of Gymnasium's) looks for itself.

    Raises:
        UserError: a key of `params` is missing or not known, or a value is of another kind or size
            than in the shipped task.
    """
    if task.world in share.names('tasks'):
        shipped = read_yaml(share.find('tasks', task.world))
        params = shipped.get('params', {}) if isinstance(shipped, Mapping) else {}
        _check(f'task {task.name}: params', params, task.params)


def _check(where: str, shipped: object, found: object) -> None:
    """Raise UserError where `found` is not of the kind of `shipped`."""
    if isinstance(shipped, Mapping):
        _check_mapping(where, shipped, found)
    elif isinstance(shipped, list):
        if not isinstance(found, list) or len(found) != len(shipped):
            raise UserError(where, found, f'must be a list of {len(shipped)} numbers')
        for i, (value, own) in enumerate(zip(shipped, found, strict=True)):
            _check(f'{where}[{i}]', value, own)
    elif not (_is_number(found) and (isinstance(found, int) or isinstance(shipped, float))):
        kind = 'a number' if isinstance(shipped, float) else 'a whole number'
        raise UserError(where, found, f'must be {kind}')


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _check_mapping(where: str, shipped: Mapping[str, object], found: object) -> None:
    if not isinstance(found, Mapping):
        raise UserError(where, found, 'must be a mapping')
    for key in found:
        if key not in shipped:
            raise UserError(f'{where}: key', key, 'not known', shipped)
    for key, value in shipped.items():
        if key not in found:
            raise UserError(where, sorted(found), f'needs the key {key!r}')
        _check(f'{where}: {key}', value, found[key])
    crossed = {'low', 'high'} == set(found) and np.any(np.greater(found['low'], found['high']))
    if crossed:
        raise UserError(f'{where}: low', found['low'], f'must not be above high ({found["high"]})')
