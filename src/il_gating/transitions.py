"""The modes and what leads from one to another: the whole of the switching, as a table."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from il_core.types import NOBODY_CAME, Cause, Mode, Owner


class Event(enum.Enum):
    """What the switch makes of its inputs. Conditions are in the event, consequences in the
    table."""

    ESTOP = 'the operator pressed the emergency stop'
    ESTOP_RESET = 'the emergency stop was reset'
    EPISODE_STARTED = 'an episode was started'
    EPISODE_ENDED = 'the episode ended'
    START = 'the policy may begin'
    ASKED = 'the human is asked, and the robot waits'
    ASKED_IN_VAIN = 'the human is asked, and nobody is at the controls'
    GIVEN = 'the human gets control at once'
    OPERATOR_READY = 'the human who was asked is at the controls'
    OPERATOR_LOST = 'the joystick of the human who owns the robot is silent'
    RELEASE = 'the human gives control to the policy'
    RELEASE_TO_NOBODY = 'the human gives control back, and no episode runs'
    HAND_BACK = 'the gate gives control back to the policy'
    REQUEST_TIMEOUT = NOBODY_CAME
    OBSERVATION_STALE = 'there is no usable observation'
    POLICY_FAULT = 'the policy has no usable action'
    CHECKPOINT_MISMATCH = 'the gate was fitted for another policy'
    RIVAL = 'another node writes commands, too'

    __hash__ = object.__hash__  # as good for one object per member, and no Python call


@dataclass(frozen=True, slots=True)
class Change:
    """Where an event leads, and the cause to record unless the event brings one of its own (why
    the human was asked)."""

    mode: Mode
    cause: Cause


def _everywhere() -> dict[Event, Change]:
    """What the modes that act or wait have in common."""
    return {
        Event.ESTOP: Change(Mode.ESTOP, Cause.ESTOP),
        Event.EPISODE_STARTED: Change(Mode.HOLD, Cause.START),
        Event.EPISODE_ENDED: Change(Mode.HOLD, Cause.EPISODE_END),
    }


_RIVAL = Change(Mode.HOLD, Cause.RIVAL)
_STALE = Change(Mode.HOLD, Cause.STALE_OBSERVATION)
_TO_HUMAN = Change(Mode.SUPERVISOR, Cause.HUMAN_REQUEST)
_READY = Change(Mode.SUPERVISOR, Cause.OPERATOR_READY)
_VAIN = Change(Mode.HOLD, Cause.STALE_JOYSTICK)
_ASKED = Change(Mode.REQUESTING, Cause.HUMAN_REQUEST)
_RELEASED = Change(Mode.AUTONOMOUS, Cause.HUMAN_RELEASE)
_LAID_DOWN = Change(Mode.HOLD, Cause.HUMAN_RELEASE)
_NOBODY_CAME = Change(Mode.HOLD, Cause.REQUEST_TIMEOUT)

RESTING = 'the human has the robot and does not drive: it stands'

# What is not listed leaves the mode as it is.
TABLE: Mapping[Mode, Mapping[Event, Change]] = {
    Mode.HOLD: _everywhere()
    | {
        Event.START: Change(Mode.AUTONOMOUS, Cause.START),
        Event.ASKED: _ASKED,
        Event.ASKED_IN_VAIN: _VAIN,
        Event.GIVEN: _TO_HUMAN,
        Event.OPERATOR_READY: _READY,
        Event.RELEASE: _LAID_DOWN,
        Event.RELEASE_TO_NOBODY: _LAID_DOWN,
        Event.REQUEST_TIMEOUT: _NOBODY_CAME,
    },
    Mode.AUTONOMOUS: _everywhere()
    | {
        Event.ASKED: _ASKED,
        Event.ASKED_IN_VAIN: _VAIN,
        Event.GIVEN: _TO_HUMAN,
        Event.OBSERVATION_STALE: _STALE,
        Event.POLICY_FAULT: Change(Mode.HOLD, Cause.POLICY_FAULT),
        Event.CHECKPOINT_MISMATCH: Change(Mode.HOLD, Cause.CHECKPOINT_MISMATCH),
        Event.RIVAL: _RIVAL,
    },
    Mode.REQUESTING: _everywhere()
    | {
        Event.GIVEN: _TO_HUMAN,
        Event.OPERATOR_READY: _READY,
        Event.RELEASE: _RELEASED,
        Event.RELEASE_TO_NOBODY: _LAID_DOWN,
        Event.REQUEST_TIMEOUT: _NOBODY_CAME,
        Event.OBSERVATION_STALE: _STALE,
        Event.RIVAL: _RIVAL,
    },
    Mode.SUPERVISOR: _everywhere()
    | {
        Event.OPERATOR_LOST: Change(Mode.HOLD, Cause.STALE_JOYSTICK),
        Event.RELEASE: _RELEASED,
        Event.RELEASE_TO_NOBODY: _LAID_DOWN,
        Event.HAND_BACK: Change(Mode.AUTONOMOUS, Cause.HAND_BACK),
        Event.OBSERVATION_STALE: _STALE,
        Event.RIVAL: _RIVAL,
    },
    Mode.ESTOP: {Event.ESTOP_RESET: Change(Mode.HOLD, Cause.ESTOP_RESET)},
}

OWNERS: Mapping[Mode, Owner] = {
    Mode.HOLD: Owner.NOBODY,
    Mode.AUTONOMOUS: Owner.POLICY,
    Mode.REQUESTING: Owner.NOBODY,
    Mode.SUPERVISOR: Owner.HUMAN,
    Mode.ESTOP: Owner.NOBODY,
}
