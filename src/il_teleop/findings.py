"""What the nodes of an operator find about themselves."""

from __future__ import annotations

import enum

from il_core.findings import Findings


@enum.unique
class TeleopFindings(Findings):
    """What teleop finds about the joystick."""

    UNHEARD = (
        'WARN',
        'no joystick message yet',
        'nobody publishes joy',
        'start a driver (`ros2 run interactive_il joystick_node`, or `il run --operator '
        'keyboard`); `il doctor --only joystick` looks for the device',
    )
    SILENT = (
        'WARN',
        'joystick silent for {age_s:.1f} s',
        'the device or its driver went away',
        'plug it in and see that its driver runs: `ros2 topic hz joy`',
    )
    SLOW = (
        'WARN',
        'joystick at {rate_hz:.1f} Hz: the time-out of {timeout_s:g} s needs {needed_hz:.1f} Hz '
        'or more',
        'a single late message would count as loss',
        'raise autorepeat_rate of the driver, or joystick_timeout_s of gate and teleop',
    )
    UNREADABLE = (
        'WARN',
        '{fault}',
        'the messages do not fit the layout: nobody can take over',
        'give teleop the layout of this joystick: parameter joystick, a file in config/joysticks',
    )
    HEARD = ('OK', 'joystick heard', 'the joystick is there, fast enough, and understood')


@enum.unique
class JoystickFindings(Findings):
    """What the reader of a joystick finds about its device."""

    GONE = (
        'ERROR',
        '{fault}',
        'there is no joystick to read: nobody can take over',
        'plug it in, it is found again by itself; `il joystick list` shows what is there',
    )
    READS = ('OK', 'reads {device}', 'the joystick is there')


@enum.unique
class OperatorFindings(Findings):
    """What the scripted operator finds about itself."""

    UNADVISED = (
        'WARN',
        'no advice on sim/supervisor in the last second',
        'the simulator is not there, not active, or stands still',
        'see the diagnostics of sim; `ros2 topic hz sim/supervisor`',
    )
    OPERATES = ('OK', 'operates', 'it moves the joystick')


@enum.unique
class KeyboardFindings(Findings):
    """What the keyboard finds about itself."""

    ON = ('OK', 'dead-man on', 'the keys act')
    OFF = ('OK', 'dead-man off', 'the keys do not act')
