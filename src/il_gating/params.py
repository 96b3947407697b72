"""Parameters of gates: checked by name and type when a gate is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from il_core.errors import UserError
from il_core.structure import structure

T = TypeVar('T')


def no_params(gate: str, params: Mapping[str, object]) -> None:
    """Raise UserError where a gate without parameters is given some."""
    for name in params:
        raise UserError(f'parameter of gate {gate}', name, 'this gate has no parameters')


def check_limits(limits: Mapping[str, float | None], where: str = '') -> None:
    """Raise UserError for a threshold that is NaN: no score is above it. `where`: before its
    name."""
    for name, limit in limits.items():
        if limit is not None and limit != limit:
            raise UserError(where + name, limit, 'must be a number')


def gate_params(kind: type[T], gate: str, params: Mapping[str, object]) -> T:
    """Return the dataclass `kind` from parameters. Raises UserError that lists the known ones."""
    return structure(kind, params, f'parameters of gate {gate}')
