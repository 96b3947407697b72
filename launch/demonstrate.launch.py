"""The operator drives alone, for demonstrations; in the simulator, or on a robot.

ros2 launch interactive_il demonstrate.launch.py run:=runs/first
"""

from launch.actions import OpaqueFunction

from il_ros.launching import declare_arguments, graph_actions
from launch import LaunchDescription

ARGUMENTS = (
    'task',
    'robot',
    'operator',
    'style',
    'joystick',
    'joystick_driver',
    'run',
    'simulate',
    'seed',
    'speed',
    'gui',
    'camera',
    'namespace',
    'hosts',
    'params',
    'set',
)


def generate_launch_description() -> LaunchDescription:
    start = OpaqueFunction(function=graph_actions, args=[ARGUMENTS, 'demonstrate'])
    return LaunchDescription([*declare_arguments(*ARGUMENTS), start])
