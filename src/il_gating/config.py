"""How control changes hands."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from il_core.errors import UserError

HANDOVERS = ('instant', 'request')


@dataclass(frozen=True)
class GateConfig:
    """Hand-over and time-outs, recorded with every result.

    Args:
        handover: `instant`: a switch costs no step and has no ramp beyond the axes' limits, as in
            papers; `request`: the robot holds until a human is at the controls, then ramps.
        latency_s: with `request`, the least time between asking and the human's first action.
        timeout_s: after this long without a human the episode is aborted.
        joystick_timeout_s: a human who owns the robot and is silent for longer loses it to HOLD.
        observation_timeout_s: without a usable observation for longer the robot holds.
        hand_back_ticks: ticks in a row for which a gate must want the policy back.
        min_duration_ticks: for so many ticks the human keeps a robot whose gate asked (the minimum
            help of Fleet-DAgger).
        auto_return: hand back also while the dead-man is held.
        auto_start: leave HOLD as soon as an episode was started (simulation); otherwise at
            `gate/resume`.
        auto_resume: leave HOLD again when observation or policy are back after a fault
            (simulation); otherwise at `gate/resume`.
    """

    handover: str = 'request'
    latency_s: float = 0.0
    timeout_s: float = 30.0
    joystick_timeout_s: float = 0.3
    observation_timeout_s: float = 0.2
    hand_back_ticks: int = 3
    min_duration_ticks: int = 1
    auto_return: bool = False
    auto_start: bool = False
    auto_resume: bool = False

    def __post_init__(self) -> None:
        if self.handover not in HANDOVERS:
            raise UserError('handover', self.handover, 'not known', HANDOVERS)
        for name in ('timeout_s', 'joystick_timeout_s', 'observation_timeout_s'):
            if not 0 < getattr(self, name) < inf:
                raise UserError(name, getattr(self, name), 'must be a finite number above 0')
        if not 0 <= self.latency_s < self.timeout_s:
            raise UserError(
                'latency_s', self.latency_s, f'must be 0 to timeout_s {self.timeout_s}'
            )
        for name in ('hand_back_ticks', 'min_duration_ticks'):
            if getattr(self, name) < 1:
                raise UserError(name, getattr(self, name), 'must be at least 1')
