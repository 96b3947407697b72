"""The launch files under the real launch package; skipped where there is none (a pip venv)."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

launch = pytest.importorskip('launch', reason='the launch package is not installed')
pytest.importorskip('launch_ros', reason='the launch_ros package is not installed')

from ament_index_python.packages import (  # noqa: E402
    PackageNotFoundError,
    get_package_prefix,
)
from launch.actions import ExecuteProcess, LogInfo, RegisterEventHandler  # noqa: E402
from launch.events import Shutdown  # noqa: E402
from launch.events.process import ProcessExited  # noqa: E402
from launch.launch_description_sources import (  # noqa: E402
    get_launch_description_from_python_launch_file as load,
)
from launch_ros.actions import Node  # noqa: E402

from il_ros.launching import stop_where_it_ends  # noqa: E402

FOLDER = Path(__file__).parents[2] / 'launch'
NAMES = sorted(path.name for path in FOLDER.glob('*.launch.py'))


@pytest.mark.parametrize('name', NAMES)
def test_every_argument_says_what_it_is(name):
    arguments = load(str(FOLDER / name)).get_launch_arguments()
    assert {'task', 'operator', 'run'} <= {a.name for a in arguments}
    assert all(a.description for a in arguments)
    operator = next(a for a in arguments if a.name == 'operator')
    assert set(operator.choices) == {'joy', 'keyboard', 'scripted', 'none'}


def actions(name, **arguments):
    """Return the actions of a launch file."""
    context = launch.LaunchContext()
    description = load(str(FOLDER / name))
    for argument in description.get_launch_arguments():
        default = ''.join(s.perform(context) for s in argument.default_value)
        context.launch_configurations[argument.name] = default
    context.launch_configurations.update(arguments)
    return description.entities[-1].execute(context) or []


def nodes(name, **arguments):
    """Return the executables that a launch file would start."""
    return [a.node_executable for a in actions(name, **arguments) if isinstance(a, Node)]


def test_an_argument_that_does_nothing_is_named():
    given = {'operator': 'keyboard', 'run': 'somewhere', 'checkpoint': 'x', 'opertor': 'joy'}
    made = actions('demonstrate.launch.py', **given)
    assert [a.msg[0].text for a in made if isinstance(a, LogInfo)] == [
        'warning: argument checkpoint does nothing in this launch file',
        'warning: argument opertor is not known here (did you mean operator?)',
    ]


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
    else:
        wanted = ['policy_node', 'gate_node', 'teleop_node', 'joy_node']
        assert nodes('robot.launch.py', joystick_driver='joy_node') == wanted
    assert nodes('robot.launch.py', joystick_driver='joystick_node')[-1] == 'joystick_node'


@pytest.mark.parametrize(('command', 'terminal'), [('exit 0', True), ('exit 2', False)])
def test_a_user_who_leaves_or_errs_ends_the_launch(command, terminal):
    """As under `il run`: `q` at the keyboard ends the graph."""
    first = ExecuteProcess(cmd=['sh', '-c', command])
    other = ExecuteProcess(cmd=['sleep', '60'])
    handler = stop_where_it_ends([first] if terminal else [])
    service = launch.LaunchService(argv=[])
    service.include_launch_description(launch.LaunchDescription([handler, first, other]))
    begun_s = time.monotonic()
    code = service.run()
    assert time.monotonic() - begun_s < 30
    assert code == (0 if terminal else 1), 'a script sees that it did not run'


def test_a_node_that_takes_the_terminal_ends_the_launch_with_it():
    made = actions('sim.launch.py', operator='keyboard', run='somewhere')
    (keyboard,) = [a for a in made if isinstance(a, Node) and a.node_executable == 'keyboard_node']
    (handler,) = [a.event_handler for a in made if isinstance(a, RegisterEventHandler)]
    left = ProcessExited(
        action=keyboard, name='keyboard', cmd=[], cwd='', env={}, pid=1, returncode=0
    )
    (answer,) = handler.handle(left, launch.LaunchContext())
    assert isinstance(answer.event, Shutdown)


def test_a_policy_that_can_never_act_is_said():
    (said,) = [a for a in actions('robot.launch.py', checkpoint='c') if isinstance(a, LogInfo)]
    assert 'policy bc will never act' in said.msg[0].text
