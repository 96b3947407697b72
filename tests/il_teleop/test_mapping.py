"""Mistakes in a mapping file are refused with the key and the choices."""

from __future__ import annotations

from pathlib import Path

import pytest

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.share import names
from il_teleop.joystick import JoystickMapper
from il_teleop.mapping import load_joystick
from tests.il_teleop.specs import mapping, spec_of

X = {'action': 'x', 'joy_axis': 0}
# Tasks for statistics, which nobody plays by hand.
SCRIPTED_ONLY = ('chooser', 'pivot')


@pytest.mark.parametrize('name', names('joysticks'))
@pytest.mark.parametrize('robot', names('robots'))
def test_every_shipped_mapping_loads_and_says_what_it_is(name, robot):
    layout = load_joystick(name)
    assert layout.name == name
    assert layout.description
    if robot in SCRIPTED_ONLY and name not in ('scripted', 'keyboard'):
        return
    tasks = [load_spec(task) for task in names('tasks')]
    for spec in (s for s in tasks if s.robot.name == robot):
        JoystickMapper(layout, spec)


@pytest.mark.parametrize('kinds', [('x', 'v'), ('arm',), ('gear',), ('gripper', 'gear', 'x')])
@pytest.mark.parametrize('name', ['scripted', 'keyboard'])
def test_virtual_joysticks_fit_any_robot(name, kinds):
    JoystickMapper(load_joystick(name), spec_of(*kinds))


@pytest.mark.parametrize(
    ('keys', 'words'),
    [
        ({'joy_axis': 0, 'dead_zone': 1.0}, 'axes: x: dead_zone is 1.0: must be at least 0 and'),
        ({'joy_axis': 0, 'dead_zone': -0.1}, 'axes: x: dead_zone is -0.1'),
        ({'joy_axis': 0, 'expo': 1.5}, 'axes: x: expo is 1.5: must be within 0..1'),
        ({'joy_axis': 0, 'scale': 0.0}, 'axes: x: scale is 0.0'),
        ({'joy_axis': 0, 'sign': 2}, 'axes: x: sign is 2: not known; choices: -1, 1'),
        ({'joy_axis': -1}, 'axes: x: joy axis is -1: must be 0 or above'),
        ({'joy_axis': 0, 'toggle_button': 1}, 'must be driven in exactly one way; choices: joy_a'),
        ({}, 'axes: x is 0: must be driven in exactly one way'),
        ({'minus_button': 1}, 'needs both keys; choices: minus_button, plus_button'),
        ({'minus_button': 1, 'plus_button': 1}, 'axes: x: button is 1: is axes: x already'),
        ({'minus_button': 1, 'plus_button': 9}, 'button is 9: is dead_man: hold already'),
        ({'joy_axis': 0, 'threshold': 1.0}, 'axes: x: threshold is 1.0'),
        ({'joy_axsi': 0}, 'did you mean joy_axis?'),
    ],
)
def test_a_bad_binding_is_refused(keys, words):
    with pytest.raises(UserError, match=r'.*') as caught:
        mapping({'action': 'x', **keys})
    assert words in str(caught.value)


def test_numbers_beyond_the_device_are_refused_with_the_choices():
    with pytest.raises(UserError, match='joy axis is 2: the joystick has 2; choices: 0, 1'):
        mapping({'action': 'x', 'joy_axis': 2}, device_axes=2)
    with pytest.raises(UserError, match='takeover: button is 12: the joystick has 11'):
        mapping(X, device_buttons=11, buttons={'takeover': 12})


@pytest.mark.parametrize(
    ('bindings', 'axes', 'words'),
    [
        ([X, {'action': 'yy', 'joy_axis': 1}], ['x'], "'yy': no such action axis; choices: x"),
        ([X], ['x', 'v'], "axes is 'v': nothing drives this action axis"),
        ([{'action': 'arm', 'minus_button': 0, 'plus_button': 1}], ['arm'], 'velocity, delta'),
        ([{'action': 'x', 'toggle_button': 0}], ['x'], 'cannot be driven by a latch toggle'),
        (
            [{'action': 'gear', 'minus_button': 0, 'plus_button': 1, 'idle': 7}],
            ['gear'],
            'idle is 7: must be within 0..3',
        ),
        (
            [{'action': 'gear', 'idle': 0, 'values': [{'button': 0, 'value': 4}]}],
            ['gear'],
            'values is 4: must be within 0..3',
        ),
    ],
)
def test_a_mapping_that_does_not_fit_the_robot_is_refused(bindings, axes, words):
    with pytest.raises(UserError) as caught:
        mapping(*bindings).bind(spec_of(*axes))
    assert words in str(caught.value)


def test_an_optional_binding_is_left_out_where_the_robot_lacks_the_axis():
    layout = mapping(X, {'action': 'yaw', 'joy_axis': 3, 'optional': True})
    assert len(layout.bind(spec_of('x'))) == 1


@pytest.mark.parametrize(
    ('keys', 'words'),
    [
        ({'dead_man': {'hold': {}}}, 'needs either a button or an axis'),
        ({'dead_man': {'hold': {'button': 1, 'axis': 1}}}, 'needs either a button or an axis'),
        ({'dead_man': {'mode': 'toggle', 'hold': {'button': 1}}}, 'toggle_button is None'),
        ({'dead_man': {'hold': {'button': 1}, 'toggle_button': 2}}, 'goes with mode toggle'),
        ({'dead_man': {'mode': 'latch', 'hold': {'button': 1}}}, 'choices: hold, toggle'),
        ({'rest': {'toggle_button': 4}}, 'must be above every other button in use (9)'),
        ({'rest': {'joy_axis': -2}}, 'rest: joy_axis is -2'),
        ({'buttons': {'take_over': 1}}, 'did you mean takeover?'),
    ],
)
def test_bad_keys_of_the_whole_mapping_are_refused(keys, words):
    with pytest.raises(UserError) as caught:
        mapping(X, **keys)
    assert words in str(caught.value)


def test_errors_of_a_file_name_the_file(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('dead_man: {hold: {button: 0}}\naxes: [{action: x, joy_axis: 0, expo: 2}]')
    with pytest.raises(UserError, match=r'mine\.yaml: axes: x: expo is 2'):
        load_joystick(str(path))
    path.write_text('dead_man: [')
    with pytest.raises(UserError, match=r'mine\.yaml .* is not YAML'):
        load_joystick(str(path))
    with pytest.raises(UserError, match=r"joystick is 'xbix': .*did you mean xbox"):
        load_joystick('xbix')


def test_the_example_in_the_reference_is_a_valid_mapping(tmp_path):
    page = (Path(__file__).parents[2] / 'docs' / 'reference' / 'joysticks.md').read_text()
    path = tmp_path / 'example.yaml'
    path.write_text(page.partition('```yaml')[2].partition('```')[0])
    with pytest.raises(UserError, match="action is 'y': no such action axis"):
        load_joystick(str(path)).bind(spec_of('x', 'gripper', 'gear'))
    assert load_joystick(str(path)).rest is not None
