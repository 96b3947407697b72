"""What a parameter or option may be: a rule beside every field of a frozen dataclass. No rclpy
here."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from il_core.errors import UserError

KINDS = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'a text'}
Choices = Iterable[str] | Callable[[], Iterable[str]]


class Change(enum.Enum):
    """When a parameter may change: at START of the node only (the whole graph has to agree on it),
    before CONFIGURE reads it, or at any time (LIVE: it takes effect at once)."""

    START = 'start'
    CONFIGURE = 'configure'
    LIVE = 'live'


@dataclass(frozen=True)
class Rule:
    """What a parameter means and which values it takes. `low` and `high` are inclusive."""

    description: str
    low: float | None = None
    high: float | None = None
    choices: Choices = ()
    change: Change = Change.CONFIGURE

    def names(self) -> tuple[str, ...]:
        return tuple(self.choices() if callable(self.choices) else self.choices)

    def text(self) -> str:
        """Return the rule in words, empty where every value of the type is allowed."""
        low, high = (None if v is None else _number(v) for v in (self.low, self.high))
        if low is not None and high is not None:
            return f'must be {low} to {high}'
        if low is not None:
            return f'must be at least {low}'
        if high is not None:
            return f'must be at most {high}'
        return f'one of {", ".join(self.names())}' if self.names() else ''


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f'{value:g}'


def param(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Choices = (),
    live: bool = False,
    at_start: bool = False,
) -> Any:
    """Return a dataclass field that is a ROS parameter.

    Whoever declares a parameter `live` acts on a change in `params_changed`, or reads it at every
    use. One that is neither `live` nor `at_start` is refused while the node is configured.
    `choices` may be a function, so that a registry is read only when a node starts. An empty
    string is always a valid choice where it is the default.
    """
    change = Change.LIVE if live else Change.START if at_start else Change.CONFIGURE
    rule = Rule(description, low, high, choices, change)
    return dataclasses.field(default=default, metadata={'rule': rule})


def live(default: Any, description: str, **more: Any) -> Any:
    """Return a `param` that is live."""
    return param(default, description, live=True, **more)


def arguments(values: Mapping[str, Any]) -> list[str]:
    """Return `-p name:=value` arguments; strings are quoted, so `1` stays a string and empty is
    possible."""
    out: list[str] = []
    for name, value in values.items():
        out += ['-p', f'{name}:={_yaml(value)}']
    return out


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def checked(field: dataclasses.Field[Any], value: Any) -> Any:
    rule: Rule = field.metadata['rule']
    what = f'parameter {field.name}'
    value = _typed(what, field.default, value)
    if rule.names() and value != field.default and value not in rule.names():
        raise UserError(what, value, 'not known', rule.names())
    if isinstance(value, int | float) and not isinstance(value, bool):
        low = float('-inf') if rule.low is None else rule.low
        high = float('inf') if rule.high is None else rule.high
        if not low <= value <= high:
            raise UserError(what, value, rule.text() or 'must be a number')
    return value


def _typed(what: str, default: Any, value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, float) and number:
        return float(value)
    if type(value) is not type(default):
        raise UserError(what, value, f'must be {KINDS[type(default)]}')
    return value
