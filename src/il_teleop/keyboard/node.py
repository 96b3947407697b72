"""A keyboard as a node: its own terminal in, joystick messages out."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rclpy.publisher import Publisher

from il_core.types import GateState
from il_ros.build import build_joy
from il_ros.health import Health
from il_ros.lifecycle import IlNode
from il_ros.messages import command_from_msg, state_from_msg
from il_ros.params import CommonParams, param
from il_ros.run import run
from il_teleop.api import JoyState
from il_teleop.findings import KeyboardFindings
from il_teleop.keyboard.core import Keyboard, KeyboardConfig
from il_teleop.keyboard.screen import status_line
from il_teleop.keyboard.terminal import Terminal
from il_teleop.mapping import load_joystick

DEFAULT = KeyboardConfig()


@dataclass(frozen=True)
class KeyboardParams(CommonParams):
    joystick: str = param(
        'keyboard',
        'layout that teleop reads: a name in config/joysticks or a .yaml',
    )
    rate_hz: float = param(30.0, 'joystick messages per second', low=1, high=200)
    terminal: str = param('/dev/tty', 'terminal to read keys from')
    speed: float = param(
        DEFAULT.speed, "share of an axis' limit that a key gives", low=0.01, high=1
    )
    dead_man_timeout_s: float = param(
        DEFAULT.dead_man_timeout_s,
        'the dead-man ends so long after the last key',
        low=0.1,
        high=60,
    )


class KeyboardNode(IlNode):
    """Publishes what the keys make of a joystick, at a fixed rate, until `q`."""

    node_name = 'keyboard'
    params_type = KeyboardParams
    findings = KeyboardFindings

    def setup(self) -> None:
        p = self.params
        config = KeyboardConfig(speed=p.speed, dead_man_timeout_s=p.dead_man_timeout_s)
        self.fresh = functools.partial(
            Keyboard, self.load_spec(), load_joystick(p.joystick), config
        )
        self.keyboard = self.fresh()
        self.joy = self.publisher('joy')
        self.subscribe('command', self.on_command)
        self.subscribe('gate/status', self.on_status)
        self.terminal = Terminal(p.terminal)

    def start(self) -> None:
        """What was typed before, as during a pause, does nothing."""
        self.keyboard = self.fresh()
        self.gate_state: GateState | None = None
        self.terminal.forget()
        self.terminal.show(self.keyboard.layout.help(self.keyboard.spec))
        self.timer(1 / self.params.rate_hz, self.on_timer)

    def teardown(self) -> None:
        if hasattr(self, 'terminal'):
            self.terminal.close()

    def last_words(self) -> Iterable[Publisher]:
        """Let go of the dead-man before going."""
        self.keyboard.quit_now()
        self.publish(self.keyboard.joy(self.steady_ns(), self.now_ns()))
        return (self.joy,)

    def health(self) -> Health:
        engaged = self.keyboard.engaged(self.steady_ns())
        return Health.of(KeyboardFindings.ON() if engaged else KeyboardFindings.OFF())

    def on_timer(self) -> None:
        now_ns = self.steady_ns()
        self.keyboard.feed(self.terminal.read(), now_ns)
        self.publish(self.keyboard.joy(now_ns, self.now_ns()))
        line = status_line(self.keyboard, self.gate_state, now_ns, self.terminal.width)
        self.terminal.status(line)
        if self.keyboard.quit:
            self.request_exit(0)

    def on_command(self, message: Any) -> None:
        self.keyboard.sync(command_from_msg(message))

    def on_status(self, message: Any) -> None:
        self.gate_state = state_from_msg(message)

    def publish(self, joy: JoyState) -> None:
        self.joy.publish(build_joy(joy.stamp_ns, joy.axes, joy.buttons))


def main() -> None:
    run(KeyboardNode)


if __name__ == '__main__':
    main()
