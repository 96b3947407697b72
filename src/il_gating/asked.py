"""What people and episodes ask of the gate."""

from __future__ import annotations

import enum
from collections.abc import Set
from typing import NamedTuple

from il_core.types import NO_PRESSES, EpisodeEvent, EventKind, Mode, Press


class Request(enum.Enum):
    """What a service asks of the gate; buttons arrive as presses."""

    TAKEOVER = 'takeover'
    RELEASE = 'release'
    RESUME = 'resume'
    RESET_ESTOP = 'reset_estop'
    ESTOP = 'estop'


GateEvent = EpisodeEvent | Request


class Asked(NamedTuple):
    """What was asked since the last tick, by button or service: `takeover` to `resume`.

    `started`, `ended`: of an episode. `joined`: it ran before this gate did, which waits for
    resume then.
    """

    started: bool = False
    joined: bool = False
    ended: bool = False
    takeover: bool = False
    release: bool = False
    estop: bool = False
    reset_estop: bool = False
    resume: bool = False


NOTHING = Asked()
NO_REQUESTS: Set[Request] = frozenset()


def asked(
    presses: tuple[int, ...], requests: Set[Request], episode: EventKind, joined: bool
) -> Asked:
    """Return what was asked: NOTHING, nearly always.

    Args:
        presses: per `Press`, since the last tick.
        requests: by service.
        episode: STARTED, ENDED, or UNKNOWN where neither happened.
    """
    if presses is NO_PRESSES and not requests and episode is EventKind.UNKNOWN:
        return NOTHING
    return Asked(
        started=episode is EventKind.STARTED,
        joined=joined,
        ended=episode is EventKind.ENDED,
        takeover=presses[Press.TAKEOVER] > 0 or Request.TAKEOVER in requests,
        release=presses[Press.RELEASE] > 0 or Request.RELEASE in requests,
        estop=presses[Press.ESTOP] > 0 or Request.ESTOP in requests,
        reset_estop=Request.RESET_ESTOP in requests,
        resume=Request.RESUME in requests,
    )


def refusal(request: Request, mode: Mode, silence: str, running: bool, blind: str) -> str:
    """Say why a request would do nothing now, empty where it would do something.

    Args:
        mode: of the last tick.
        silence: why the joystick counts as not there.
        running: an episode is.
        blind: why there is no usable observation.
    """
    if request is Request.RESET_ESTOP:
        return '' if mode is Mode.ESTOP else 'the emergency stop is not on'
    if request is Request.ESTOP:
        return ''
    if mode is Mode.ESTOP:
        return 'the emergency stop is on: `il call gate/reset_estop` first'
    if request is Request.TAKEOVER:
        return silence
    if request is Request.RELEASE:
        owns = mode in (Mode.SUPERVISOR, Mode.REQUESTING)
        return '' if owns else f'the human does not own the robot, the mode is {mode.name}'
    if mode is not Mode.HOLD:
        return f'nothing to resume from, the mode is {mode.name}'
    if not running:
        return 'no episode is running: `il call episode/start` first'
    return f'there is no usable observation: {blind}' if blind else ''
