"""The launch files under the real launch package; skipped where there is none (a pip venv)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

launch = pytest.importorskip('launch', reason='the launch package is not installed')
pytest.importorskip('launch_ros', reason='the launch_ros package is not installed')

from ament_index_python.packages import (  # noqa: E402
    PackageNotFoundError,
    get_package_prefix,
)
from launch.launch_description_sources import (  # noqa: E402
    get_launch_description_from_python_launch_file as load,
)
from launch_ros.actions import Node  # noqa: E402

FOLDER = Path(__file__).parents[2] / 'launch'
NAMES = sorted(path.name for path in FOLDER.glob('*.launch.py'))


@pytest.mark.parametrize('name', NAMES)
def test_every_argument_says_what_it_is(name):
    arguments = load(str(FOLDER / name)).get_launch_arguments()
    assert {'task', 'operator', 'run'} <= {a.name for a in arguments}
    assert all(a.description for a in arguments)
    operator = next(a for a in arguments if a.name == 'operator')
    assert set(operator.choices) == {'joy', 'keyboard', 'scripted', 'none'}


def nodes(name, **arguments):
    """Return the executables that a launch file would start."""
    context = launch.LaunchContext()
    description = load(str(FOLDER / name))
    for argument in description.get_launch_arguments():
        default = ''.join(s.perform(context) for s in argument.default_value)
        context.launch_configurations[argument.name] = default
    context.launch_configurations.update(arguments)
    made = [entity.execute(context) or [] for entity in description.entities[-1:]]
    return [action.node_executable for action in made[0] if isinstance(action, Node)]


def test_they_translate_the_graph():
    assert nodes('sim.launch.py', operator='none') == ['sim_node', 'policy_node', 'gate_node']
    assert nodes('robot.launch.py', operator='none') == ['policy_node', 'gate_node']
    assert 'recorder_node' in nodes('demonstrate.launch.py', operator='keyboard', run='somewhere')
    with pytest.raises(RuntimeError, match=re.escape("operator is 'scripted': asks the sim")):
        nodes('robot.launch.py', operator='scripted')


def test_joy_node_needs_the_package_joy():
    """Said before any node has started: launch would leave those that have."""
    try:
        get_package_prefix('joy')
    except PackageNotFoundError:
        with pytest.raises(RuntimeError, match='package joy is not installed: install it'):
            nodes('robot.launch.py', joystick_driver='joy_node')
        assert nodes('robot.launch.py')[-1] == 'joystick_node', 'our own reader takes its place'
    else:
        wanted = ['policy_node', 'gate_node', 'teleop_node', 'joy_node']
        assert nodes('robot.launch.py') == wanted
