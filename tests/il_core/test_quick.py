"""A quick value is a frozen dataclass in everything but the time it takes to make one."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from dataclasses import dataclass, field

import pytest

from il_core.quick import quick


@quick
@dataclass(frozen=True, slots=True)
class Place:
    x: int
    name: str = 'here'
    notes: dict[str, int] = field(default_factory=dict)


def test_arguments_and_defaults() -> None:
    assert (Place(1).x, Place(1).name, Place(1).notes) == (1, 'here', {})
    assert Place(1, notes={'a': 1}, name='b') == Place(1, 'b', {'a': 1})
    assert list(inspect.signature(Place).parameters) == ['x', 'name', 'notes']
    with pytest.raises(TypeError, match='x'):
        Place()


def test_a_factory_is_called_for_every_value() -> None:
    assert Place(1).notes is not Place(1).notes


def test_it_cannot_be_changed() -> None:
    place = Place(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        place.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del place.x
    with pytest.raises((AttributeError, TypeError)):
        place.other = 2
    assert place.x == 1


def test_it_is_what_it_says() -> None:
    place = Place(1)
    assert type(place) is Place
    assert repr(place) == "Place(x=1, name='here', notes={})"
    assert [f.name for f in dataclasses.fields(place)] == ['x', 'name', 'notes']


def test_copies() -> None:
    place = Place(1, 'a', {'b': 2})
    assert dataclasses.replace(place, x=2) == Place(2, 'a', {'b': 2})
    assert copy.copy(place) == copy.deepcopy(place) == place
    assert dataclasses.asdict(place) == {'x': 1, 'name': 'a', 'notes': {'b': 2}}
