"""Teleoperation as a node: joystick messages in, the expert's action and verdicts out."""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JoyFeedback

from il_core.types import GateState
from il_ros.build import to_ns
from il_ros.health import Health
from il_ros.lifecycle import IlNode
from il_ros.messages import command_from_msg, event_to_msg, expert_to_msg, state_from_msg
from il_ros.params import CommonParams, param
from il_ros.run import run
from il_teleop.alert import GATE_TIMEOUT_S, Alarm, Alert, Urgency, alarm
from il_teleop.api import JoyState
from il_teleop.findings import TeleopFindings
from il_teleop.joystick import JoystickMapper
from il_teleop.mapping import load_joystick
from il_teleop.pulse import Pulse
from il_teleop.verdict import Verdicts
from il_teleop.waiting import Turn

LOOK_S = 0.05
BELL = '\a'  # a line of its own where lines are passed on, as by `il run`


@dataclass(frozen=True)
class TeleopParams(CommonParams):
    joystick: str = param('xbox', 'joystick layout: a name in config/joysticks or a .yaml')
    source: str = param('joystick', 'what teleop/action calls the human')
    joystick_timeout_s: float = param(
        0.3, 'when the gate counts a silent joystick as lost', low=0.01, high=10.0, live=True
    )
    bell: bool = param(True, 'ring the terminal bell on a request or a loss', live=True)
    rumble: bool = param(True, 'shake the joystick on a request or a loss', live=True)
    alarm: bool = param(True, 'publish teleop/alarm on a request or a loss', live=True)


class TeleopNode(IlNode):
    """Maps every joystick message at once. Silent while the joystick is, or cannot be read: the
    gate sees to that."""

    node_name = 'teleop'
    params_type = TeleopParams
    findings = TeleopFindings

    def setup(self) -> None:
        self.layout, self.spec = load_joystick(self.params.joystick), self.load_spec()
        self.forget()
        waits = self.lockstep and self.mapper.latching
        self.turn = Turn[JoyState](['command'] if waits else [])
        self.actions = self.publisher('teleop/action')
        self.events = self.publisher('episode/events')
        self.feedback = self.publisher('joy/set_feedback')
        self.alarms = self.publisher('teleop/alarm')
        self.subscribe('command', self.on_command)
        self.subscribe('gate/status', self.on_status)
        self.subscribe('joy', self.on_joy)

    def params_changed(self) -> None:
        self.pulse.timeout_s = self.params.joystick_timeout_s

    def start(self) -> None:
        self.forget()
        self.timer(LOOK_S, self.on_look)

    def stop(self) -> None:
        self.shake(False)

    def health(self) -> Health:
        now_ns = self.steady_ns()
        values = {
            'joystick': self.params.joystick,
            'rate_hz': self.pulse.rate_hz,
            'age_s': self.pulse.age_s(now_ns),
        }
        return Health.of(self.pulse.finding(now_ns, self.mapper.fault), values)

    def on_joy(self, message: Any) -> None:
        self.pulse.beat(self.steady_ns())
        stamp_ns = to_ns(message.header.stamp)
        joy = JoyState(stamp_ns, tuple(message.axes), tuple(message.buttons))
        self.act(self.turn.input(joy, stamp_ns))

    def on_command(self, message: Any) -> None:
        command = command_from_msg(message)
        self.mapper.sync(command)
        self.act(self.turn.answer('command', command.stamp_ns))

    def on_status(self, message: Any) -> None:
        self.gate_state = state_from_msg(message)
        self.gate.beat(self.steady_ns())
        self.on_look()

    def on_look(self) -> None:
        now_ns = self.steady_ns()
        watched = not self.lockstep  # where everybody waits, silence is no loss
        gate_age_s = self.gate.age_s(now_ns) if watched else math.nan
        found = alarm(self.gate_state, gate_age_s, watched and self.pulse.silent(now_ns))
        if self.alert.news(found, now_ns):
            self.tell(found)
        pulse = self.alert.pulse(now_ns)
        if pulse is not None:
            self.shake(pulse)

    def forget(self) -> None:
        """Nothing was heard yet: what was, before a pause, is no silence and holds no dead-man."""
        self.mapper = JoystickMapper(self.layout, self.spec, self.params.source)
        self.pulse = Pulse(self.params.joystick_timeout_s)
        self.verdicts, self.alert = Verdicts(), Alert()
        self.gate_state: GateState | None = None
        self.gate = Pulse(GATE_TIMEOUT_S)

    def act(self, joy: JoyState | None) -> None:
        """Publish what a joystick message means, where one is due.

        One that cannot be read is silence, which the gate knows how to take; in lockstep, where
        the gate waits for an answer, it is 'no action'. Stamps are of this node's clock: the
        device's may be another machine's, and labels are joined to ticks by them.
        """
        if joy is None:
            return
        expert = self.mapper.update(joy)
        if self.mapper.fault:
            self.get_logger().warning(self.mapper.fault, throttle_duration_sec=1.0)
        if not self.lockstep:
            if not self.mapper.readable:
                return
            expert = dataclasses.replace(expert, stamp_ns=self.now_ns())
        self.actions.publish(expert_to_msg(expert))
        for event in self.verdicts.update(expert, expert.stamp_ns):
            self.events.publish(event_to_msg(event))
            self.get_logger().info(f'operator says {event.outcome.name}: {event.detail}')

    def tell(self, alarm: Alarm) -> None:
        """Publish and log an alarm, or its end."""
        if self.params.alarm:
            level = bytes([alarm.urgency])
            self.alarms.publish(DiagnosticStatus(level=level, name=alarm.key, message=alarm.text))
        if alarm.urgency is not Urgency.NONE:
            self.get_logger().warning(f'alarm: {alarm.text}')

    def shake(self, on: bool) -> None:
        """Start or end a rumble, with a bell where it starts."""
        if self.params.rumble:
            self.feedback.publish(JoyFeedback(type=JoyFeedback.TYPE_RUMBLE, intensity=float(on)))
        if on and self.params.bell:
            sys.stdout.write(BELL if sys.stdout.isatty() else f'{BELL}\n')
            sys.stdout.flush()


def main() -> None:
    run(TeleopNode)


if __name__ == '__main__':
    main()
