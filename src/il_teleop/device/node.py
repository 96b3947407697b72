"""A joystick as a node, where the package joy is not installed: SDL in, joystick messages out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from il_ros.build import build_joy
from il_ros.health import Health
from il_ros.lifecycle import IlNode
from il_ros.params import CommonParams, param
from il_ros.run import run
from il_teleop.api import JoyState
from il_teleop.device.core import Reader, ReaderConfig, rumble_of
from il_teleop.device.events import Joysticks
from il_teleop.device.sdl import SdlJoysticks
from il_teleop.findings import JoystickFindings

DEFAULT = ReaderConfig()
POLL_S = 0.004
RUMBLE_S = 1.0
FRAME = 'joy'  # as that of the package joy


@dataclass(frozen=True)
class JoystickParams(CommonParams):
    device_id: int = param(
        DEFAULT.device_id, 'number of the joystick', low=0, high=63, at_start=True
    )
    device_name: str = param(DEFAULT.device_name, 'its name; wins over device_id', at_start=True)
    deadzone: float = param(
        DEFAULT.deadzone,
        "share of an axis' way that is its centre",
        low=0,
        high=0.99,
        at_start=True,
    )
    autorepeat_rate: float = param(
        DEFAULT.autorepeat_rate,
        'messages per second while nothing changes',
        low=0,
        high=1000,
        at_start=True,
    )
    sticky_buttons: bool = param(DEFAULT.sticky_buttons, 'a press toggles', at_start=True)
    coalesce_interval_ms: int = param(
        DEFAULT.coalesce_interval_ms,
        'motions of axes within this time make one message',
        low=0,
        high=1000,
        at_start=True,
    )

    def config(self) -> ReaderConfig:
        fields = dataclasses.fields(ReaderConfig)
        return ReaderConfig(**{f.name: getattr(self, f.name) for f in fields})


class JoystickNode(IlNode):
    """Publishes what the joystick does, and nothing while it is unplugged."""

    node_name = 'joystick'
    params_type = JoystickParams
    findings = JoystickFindings

    def setup(self) -> None:
        self.joy = self.publisher('joy')
        self.subscribe('joy/set_feedback', self.on_feedback)

    def start(self) -> None:
        self.reader, self.fault = Reader(self.params.config()), 'not looked yet'
        self.joysticks = self.open_joysticks()
        self.can_rumble = True
        self.timer(POLL_S, self.on_poll)

    def stop(self) -> None:
        if hasattr(self, 'joysticks'):
            self.joysticks.close()

    def open_joysticks(self) -> Joysticks:
        return SdlJoysticks()

    def health(self) -> Health:
        device = self.reader.device
        if device is None:
            return Health.of(JoystickFindings.GONE(fault=self.reader.fault))
        found = JoystickFindings.READS(device=device.words())
        return Health.of(found, {'rumble': self.can_rumble})

    def on_poll(self) -> None:
        events = self.joysticks.poll()
        for joy in self.reader.update(events, self.steady_ns(), self.now_ns()):
            self.publish(joy)
        if self.reader.fault != self.fault:
            self.tell()

    def on_feedback(self, message: Any) -> None:
        intensity = rumble_of(message.type, message.id, message.intensity)
        device = self.reader.device
        if intensity is not None and device is not None:
            self.can_rumble = self.joysticks.rumble(device.instance, intensity, RUMBLE_S)

    def publish(self, joy: JoyState) -> None:
        self.joy.publish(build_joy(joy.stamp_ns, joy.axes, joy.buttons, FRAME))

    def tell(self) -> None:
        """Log that the joystick came or went."""
        self.fault = self.reader.fault
        if self.reader.device is None:
            self.get_logger().error(self.fault)
        else:
            self.get_logger().info(f'reads {self.reader.device.words()}')


def main() -> None:
    run(JoystickNode)


if __name__ == '__main__':
    main()
