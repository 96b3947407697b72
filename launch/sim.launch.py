"""A policy, a gate and an operator at work on a simulated task.

ros2 launch interactive_il sim.launch.py run:=runs/first checkpoint:=runs/first/round_0/checkpoint
il collect --run runs/first --seeds 100-109

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
    'style',
    'joystick',
    'joystick_driver',
    'run',
    'jobs',
    'lockstep',
    'handover',
    'latency_s',
    'timeout_s',
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
    start = OpaqueFunction(function=graph_actions, args=[ARGUMENTS, 'sim'])
    return LaunchDescription([*declare_arguments(*ARGUMENTS), start])
