"""YAML and JSON to dataclasses: every key and type is checked, and the key is named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from il_core.errors import UserError
from il_core.structure import differences, plain, structure
from il_core.types import AxisKind


@dataclass(frozen=True)
class Wheel:
    radius_m: float
    kind: AxisKind = AxisKind.VELOCITY


@dataclass(frozen=True)
class Car:
    name: str
    wheels: tuple[Wheel, ...] = ()
    seats: int = 4
    electric: bool = False
    owner: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    doors_m: Mapping[str, float] = field(default_factory=dict)


GOOD: dict[str, Any] = {'name': 'c', 'wheels': [{'radius_m': 1}], 'extras': {'a': [1, None]}}


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        ({'seat': 2}, r"car.yaml: key is 'seat': not known; .*\(did you mean seats\?\)"),
        ({'seats': '4'}, r"car.yaml: seats is '4': must be a whole number$"),
        ({'seats': True}, r'car.yaml: seats is True: must be a whole number'),
        ({'seats': 2.5}, r'car.yaml: seats is 2.5: must be a whole number'),
        (
            {'wheels': [{'radius_m': '1e-3'}]},
            r"radius_m is '1e-3': must be a number; YAML needs a dot and a sign in it",
        ),
        ({'name': 7}, r'car.yaml: name is 7: must be str'),
        ({'electric': 'yes'}, r"car.yaml: electric is 'yes': must be bool"),
        ({'wheels': 3}, r'car.yaml: wheels is 3: must be a list'),
        ({'wheels': [{'radius_m': 'big'}]}, r"car.yaml: wheels\[0\]: radius_m is 'big'"),
        ({'wheels': [{}]}, r"car.yaml: wheels\[0\] is \[\]: needs the key 'radius_m'"),
        (
            {'wheels': [{'radius_m': 1, 'kind': 'velocty'}]},
            r"car.yaml: wheels\[0\]: kind is 'velocty': not known.*did you mean velocity\?",
        ),
        ({'extras': [1]}, r'car.yaml: extras is \[1\]: must be a mapping'),
        ({'doors_m': {'left': '1'}}, r"car.yaml: doors_m: left is '1': must be a number"),
    ],
)
def test_a_wrong_value_is_named_by_file_and_key(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        structure(Car, GOOD | change, 'car.yaml')


@pytest.mark.parametrize('data', [None, [], 'name: c', 3])
def test_something_else_than_a_mapping_is_refused(data: object) -> None:
    with pytest.raises(UserError, match=r'car.yaml is .*: must be a mapping'):
        structure(Car, data, 'car.yaml')


def test_defaults_nested_values_and_null() -> None:
    car = structure(Car, GOOD | {'owner': None}, 'car.yaml')
    assert car == Car('c', (Wheel(1.0),), extras={'a': [1, None]})
    assert isinstance(car.wheels[0].radius_m, float)


cars = st.builds(
    Car,
    name=st.text(),
    wheels=st.lists(
        st.builds(Wheel, st.floats(allow_nan=False), st.sampled_from(AxisKind)), max_size=3
    ).map(tuple),
    seats=st.integers(),
    electric=st.booleans(),
    owner=st.none() | st.text(),
)


@given(cars)
def test_json_gives_back_what_it_was_given(car: Car) -> None:
    assert structure(Car, json.loads(json.dumps(plain(car))), 'car.json') == car


@given(cars, cars)
def test_differences_are_empty_exactly_for_equal_values(a: Car, b: Car) -> None:
    assert bool(differences(plain(a), plain(b))) == (plain(a) != plain(b))


def test_differences_name_the_leaf() -> None:
    a = Car('c', (Wheel(1.0), Wheel(2.0)))
    b = dataclasses.replace(a, wheels=(Wheel(1.0), Wheel(3.0)), seats=5)
    assert differences(plain(a), plain(b)) == ['seats: 4 -> 5', 'wheels[1].radius_m: 2.0 -> 3.0']
