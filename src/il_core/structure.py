"""Plain mappings (YAML, JSON) to frozen dataclasses and back, with errors that name the key."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from il_core.errors import UserError

T = TypeVar('T')
E = TypeVar('E', bound=enum.Enum)


def structure(kind: type[T], data: object, where: str) -> T:
    """Build the dataclass `kind` from `data`, checking every key and type.

    Args:
        kind: a dataclass whose fields are str, int, float, bool, Enum, dataclass, Mapping[str, X],
        tuple[X, ...] or X | None. data: what YAML or JSON gave.
        where: file (and key) for error messages.

    Raises:
        UserError: an unknown or missing key, or a value of the wrong type; names key, value and
        choices.
    """
    if not isinstance(data, Mapping):
        raise UserError(where, data, 'must be a mapping')
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, kind)) if f.init}
    hints = typing.get_type_hints(kind)
    for key in data:
        if key not in fields:
            raise UserError(f'{where}: key', key, 'not known', sorted(fields))
    missing = [name for name, f in fields.items() if name not in data and _required(f)]
    if missing:
        raise UserError(where, sorted(map(str, data)), f'needs the key {missing[0]!r}')
    return kind(
        **{key: _value(hints[key], value, f'{where}: {key}') for key, value in data.items()}
    )


def plain(value: object) -> Any:
    """Turn dataclasses, enums and tuples into what JSON and YAML can hold; the inverse of
    `structure`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        fields = [f.name for f in dataclasses.fields(value) if f.init]
        return {name: _plain_field(hints[name], getattr(value, name)) for name in fields}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def check_plain(where: str, value: object) -> None:
    """Raise UserError where a value is not what every JSON reader can hold: YAML makes dates, and
    has numbers that are not finite."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            check_plain(f'{where}: {key}', item)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            check_plain(f'{where}[{i}]', item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise UserError(where, value, 'must be finite')
    elif value is not None and not isinstance(value, str | int | float):
        rule = 'must be text (in quotes), a number, true or false, a list or a mapping'
        raise UserError(where, str(value), rule)


def differences(old: object, new: object, where: str = '') -> list[str]:
    """Return one line per leaf that differs between two plain values: `axes[0].low: -1.0 ->
    -2.0`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new})
        dot = f'{where}.' if where else ''
        return [line for k in keys for line in differences(old.get(k), new.get(k), f'{dot}{k}')]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f'{where}[{i}]')]
    return [] if old == new else [f'{where}: {old!r} -> {new!r}']


def member(kind: type[E], value: object, what: str) -> E:
    """Return the member of an enum that a file, message or service names by its value.

    Raises:
        UserError: there is none; lists those there are.
    """
    try:
        return kind(value)
    except ValueError:
        numbered = issubclass(kind, enum.IntEnum)
        known = [f'{m.value} {m.name}' if numbered else str(m.value) for m in kind]
        raise UserError(what, value, 'not known', known) from None


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _plain_field(hint: Any, value: object) -> Any:
    """An int where a float is declared becomes one, as `structure` does, so that 1 and 1.0 hash
    alike."""
    return float(value) if hint is float and isinstance(value, int) else plain(value)


def _required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = next(a for a in args if a is not type(None))
        return None if value is None else _value(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise UserError(where, value, 'must be a list')
        return tuple(_value(args[0], item, f'{where}[{i}]') for i, item in enumerate(value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise UserError(where, value, 'must be a mapping')
        return {key: _value(args[1], item, f'{where}: {key}') for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return structure(typing.cast(Any, hint), value, where)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return member(hint, value, where)
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and number:
        return float(value)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise UserError(where, value, f'must be {_words(hint, value)}')


def _words(hint: type, value: object) -> str:
    if hint not in (int, float):
        return hint.__name__
    kind = 'a whole number' if hint is int else 'a number'
    try:
        known = isinstance(value, str) and math.isfinite(float(value)) and 'e' in value.lower()
    except ValueError:
        known = False
    return f'{kind}; YAML needs a dot and a sign in it, as in 1.0e-3' if known else kind
