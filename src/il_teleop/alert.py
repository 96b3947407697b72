"""What the operator is told, and how: a request or a loss, by rumble, bell and topic."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from il_core.types import FAULTS, NS_PER_S, GateState, Mode

ACTING = (Mode.AUTONOMOUS, Mode.REQUESTING, Mode.SUPERVISOR)
GATE_TIMEOUT_S = 1.0
LOSS_NS = 5 * NS_PER_S


class Urgency(enum.IntEnum):
    """How urgent an alarm is. Numbers equal diagnostic_msgs/DiagnosticStatus."""

    NONE = 0
    REQUEST = 1
    LOSS = 2


PULSE_NS = {Urgency.REQUEST: NS_PER_S // 2, Urgency.LOSS: NS_PER_S // 5}


@dataclass(frozen=True)
class Alarm:
    """What the operator has to know: `key` says which alarm it is, `text` more."""

    urgency: Urgency = Urgency.NONE
    key: str = ''
    text: str = 'nothing to do'


QUIET = Alarm()


def alarm(state: GateState | None, gate_age_s: float, joystick_silent: bool) -> Alarm:
    """Return what to tell. A loss counts where it stopped the robot, or would keep the human from
    helping one that moves.

    Args:
        state: the gate's newest, None before any. gate_age_s: since then; NaN: it is not watched.
        joystick_silent: it was heard, and is not any more.
    """
    if state is None:
        return QUIET
    if not math.isnan(gate_age_s) and gate_age_s > GATE_TIMEOUT_S and state.mode in ACTING:
        return Alarm(Urgency.LOSS, 'GATE', 'the gate is silent: nobody commands the robot')
    if joystick_silent and state.mode in ACTING:
        return Alarm(Urgency.LOSS, 'JOYSTICK', 'the joystick is silent: you cannot take over')
    text = f'{state.mode.name}: {state.detail}'
    if state.mode is Mode.HOLD and state.cause in FAULTS:
        return Alarm(Urgency.LOSS, state.cause.name, text)
    if state.mode is Mode.REQUESTING:
        return Alarm(Urgency.REQUEST, state.cause.name, text)
    return QUIET


class Alert:
    """Pulses for an alarm: half a second on and off for a request, until it is answered; a fifth
    for a loss, five seconds long."""

    def __init__(self) -> None:
        self.alarm = QUIET
        self._since_ns = 0
        self._on = False

    def news(self, alarm: Alarm, now_ns: int) -> bool:
        """Take the present alarm. Returns whether it is another one."""
        if alarm == self.alarm:
            return False
        self.alarm, self._since_ns = alarm, now_ns
        return True

    def pulse(self, now_ns: int) -> bool | None:
        """Return True where a pulse begins, False where one ends, None where nothing changes."""
        lasts_ns, urgency = now_ns - self._since_ns, self.alarm.urgency
        on = urgency is not Urgency.NONE and lasts_ns // PULSE_NS[urgency] % 2 == 0
        on = on and (urgency is Urgency.REQUEST or lasts_ns < LOSS_NS)
        changed, self._on = on is not self._on, on
        return on if changed else None
