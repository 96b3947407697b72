"""A policy, a gate and an operator at work on a real robot, whose drivers run already.

ros2 launch interactive_il robot.launch.py task:=my_task.yaml checkpoint:=my_policy run:=runs/real

Drivers on the robot's own computer need hosts:=many: else nodes talk within one computer only.
The policy acts in episodes, which the recorder begins (run:=...) when `episode/start` is called.
"""

from launch.actions import OpaqueFunction

from il_ros.launching import declare_arguments, graph_actions
from launch import LaunchDescription

ARGUMENTS = (
    'task',
    'robot',
    'policy',
    'checkpoint',
    'gate',
    'operator',
    'joystick',
    'joystick_driver',
    'run',
    'jobs',
    'handover',
    'latency_s',
    'timeout_s',
    'namespace',
    'hosts',
    'params',
    'set',
)


def generate_launch_description() -> LaunchDescription:
    start = OpaqueFunction(function=graph_actions, args=[ARGUMENTS, 'robot'])
    return LaunchDescription([*declare_arguments(*ARGUMENTS), start])
