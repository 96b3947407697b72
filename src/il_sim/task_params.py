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
        UserError: a key of `params` is missing or not known, or a value is of another kind, size
            or sign than in the shipped task.
    """
    if task.world in share.names('tasks'):
        shipped = read_yaml(share.find('tasks', task.world))
        params = shipped.get('params', {}) if isinstance(shipped, Mapping) else {}
        _check(f'task {task.name}: params', params, task.params)


def _check(where: str, shipped: object, found: object) -> None:
    """Raise UserError where `found` is not of the kind of `shipped`. A number by itself is a size,
    a spread or a count, one in a list may be a place."""
    if isinstance(shipped, Mapping):
        _check_mapping(where, shipped, found)
    elif isinstance(shipped, list):
        if not isinstance(found, list) or len(found) != len(shipped):
            raise UserError(where, found, f'must be a list of {len(shipped)} numbers')
        for i, (value, own) in enumerate(zip(shipped, found, strict=True)):
            _check_number(f'{where}[{i}]', isinstance(value, float), own)
    else:
        least = min(shipped, 1) if isinstance(shipped, int) else 0
        if _check_number(where, isinstance(shipped, float), found) < least:
            raise UserError(where, found, f'must be at least {least}')


def _check_number(where: str, fraction: bool, found: object) -> float:
    """Return `found`. Raises UserError where it is no number; `fraction`: it may have one."""
    kinds = (int, float) if fraction else (int,)
    if isinstance(found, bool) or not isinstance(found, kinds) or not math.isfinite(found):
        raise UserError(where, found, f'must be a {"number" if fraction else "whole number"}')
    return found


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
