"""The questions of a calibration, one after the other: joystick messages in, a mapping out."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import Any

from il_core.spec import Axis, Spec
from il_core.types import AxisKind, Press
from il_teleop.api import JoyState
from il_teleop.device.push import Push, Pushing, Rest, Resting

CENTRED = 0.3  # a stick whose rest is farther out would drive by itself
DEAD_ZONE, EXPO = 0.1, 0.4
WAYS = {
    'x': 'forward',
    'y': 'left',
    'z': 'up',
    'roll': 'roll right',
    'pitch': 'nose down',
    'yaw': 'turn left',
}
PRESSES = {
    Press.TAKEOVER: 'you take over',
    Press.RELEASE: 'you give control back',
    Press.SUCCESS: 'the episode is a success',
    Press.FAILURE: 'the episode is a failure',
    Press.DISCARD: 'the episode is to be discarded',
    Press.ESTOP: 'emergency stop',
}


class Kind(enum.Enum):
    """What an answer becomes."""

    DEAD_MAN = enum.auto()
    AXIS = enum.auto()
    OTHER_WAY = enum.auto()
    PRESS = enum.auto()


@dataclass(frozen=True)
class Question:
    """One thing to ask for: `text` is what to do.

    Args:
        name: of the action axis or press.
        axis: the action axis of an AXIS or OTHER_WAY; plus: its button for +, which a first answer
            gave.
    """

    kind: Kind
    name: str
    text: str
    axis: Axis | None = None
    plus: int | None = None

    @property
    def latched(self) -> bool:
        return self.axis is not None and self.axis.kind is AxisKind.LATCHED


def questions(spec: Spec) -> list[Question]:
    """Return what to ask for a robot: the dead-man, every action axis, every press."""
    dead_man = 'dead-man: press and hold what you will hold while you drive, a button or a trigger'
    presses = {press.name.lower(): what for press, what in PRESSES.items()}
    return [
        Question(Kind.DEAD_MAN, 'dead-man', dead_man),
        *(Question(Kind.AXIS, axis.name, _ask(axis), axis) for axis in spec.axes),
        *(Question(Kind.PRESS, n, f'{n}: press a button ({w})') for n, w in presses.items()),
    ]


class Dialogue:
    """Ask, listen, and ask again where an answer does not do.

    Presses may be left out. No input is taken twice; two inputs at once are no answer.

    Args:
        spec: gives the action axes.
    """

    def __init__(self, spec: Spec) -> None:
        self._open = deque(questions(spec))
        self._resting = Resting()
        self._rest: Rest | None = None
        self._pushing: Pushing | None = None
        self._last: JoyState | None = None
        self._taken: dict[str, str] = {}
        self._dead_man: dict[str, Any] = {}
        self._axes: list[dict[str, Any]] = []
        self._buttons: dict[str, int | None] = {}

    @property
    def prompt(self) -> str:
        """What the operator should do now; empty when all is answered."""
        if self._rest is None:
            return 'let go of everything'
        if not self._open:
            return ''
        question = self._open[0]
        return question.text + ('; Enter for none' if question.kind is Kind.PRESS else '')

    def feed(self, joy: JoyState, now_ns: int) -> str:
        """Take one joystick message (not earlier than the last). Returns what there is to say
        about it, mostly nothing."""
        if self._rest is None:
            self._rest = self._resting.feed(joy, now_ns)
        if self._rest is None or not self._open:
            return ''
        question = self._open[0]
        if self._pushing is None:
            prefer_button = question.kind is not Kind.AXIS or question.latched
            self._pushing = Pushing(self._rest, self._last or joy, prefer_button)
        self._last = joy
        push = self._pushing.feed(joy, now_ns)
        return '' if push is None else self._answer(question, push, self._rest)

    def skip(self) -> str:
        """Leave the present question out. Returns why not, empty where it was done."""
        if self._rest is None or not self._open:
            return ''
        if self._open[0].kind is not Kind.PRESS:
            return f'{self._open[0].name} is needed'
        self._open.popleft()
        self._pushing = None
        return ''

    def mapping(self) -> dict[str, Any]:
        """Return the mapping as its YAML file has it, without what describes the device."""
        dead_man = {'mode': 'hold', 'hold': self._dead_man}
        return {'dead_man': dead_man, 'axes': self._axes, 'buttons': self._buttons}

    def _answer(self, question: Question, push: Push, rest: Rest) -> str:
        self._pushing = None
        refusal = self._refusal(question, push)
        if refusal:
            return refusal
        self._open.popleft()
        self._taken[push.name] = question.name
        if question.kind is Kind.DEAD_MAN:
            self._dead_man = _held(push)
        elif question.kind is Kind.PRESS:
            self._buttons[question.name] = push.button
        elif self._has_other_way(question, push):
            text = f'{question.name}: press the button for the other way'
            other = Question(Kind.OTHER_WAY, question.name, text, question.axis, push.button)
            self._open.appendleft(other)
        else:
            self._axes.append({'action': question.name, **_binding(question, push, rest)})
        return f'{question.name}: {push.words()}'

    def _has_other_way(self, question: Question, push: Push) -> bool:
        pair = push.button is not None and question.kind is Kind.AXIS
        return pair and not question.latched

    def _refusal(self, question: Question, push: Push) -> str:
        """Say why this push is no answer; empty where it is one."""
        words, axis = push.words(), question.axis
        if push.others:
            return f'{words} and {push.others} at once: only one of them, please'
        if push.name in self._taken:
            return f'{words} is {self._taken[push.name]} already: another one, please'
        if push.axis is not None and question.kind in (Kind.PRESS, Kind.OTHER_WAY):
            return f'{words} is not a button: a button, please'
        if question.kind is not Kind.AXIS or axis is None or question.latched:
            return ''
        if push.button is not None and axis.kind is AxisKind.POSITION:
            return f'{words}: {axis.name} is a position, which only a stick can give'
        if push.axis is not None and abs(push.rest) > CENTRED:
            return f'{words} rests at {push.rest:+.1f}, it would drive by itself: a stick, please'
        return ''


def _ask(axis: Axis) -> str:
    if axis.kind is AxisKind.LATCHED:
        return f'{axis.name}: press the button that sends it to its other end'
    way = f' ({WAYS[axis.name]})' if axis.name in WAYS else ''
    return f'{axis.name}: push a stick to where {axis.name} grows{way}, and hold it'


def _held(push: Push) -> dict[str, Any]:
    """A trigger is held beyond the middle of its way."""
    if push.button is not None:
        return {'button': push.button}
    middle = push.sign * (push.rest + push.value) / 2
    return {'axis': push.axis, 'sign': push.sign, 'threshold': round(middle, 2)}


def _binding(question: Question, push: Push, rest: Rest) -> dict[str, Any]:
    if question.kind is Kind.OTHER_WAY:
        return {'minus_button': push.button, 'plus_button': question.plus}
    if push.axis is None or question.axis is None:
        return {'toggle_button': push.button}
    binding: dict[str, Any] = {'joy_axis': push.axis}
    if push.sign < 0:
        binding['sign'] = -1
    if question.axis.kind is AxisKind.DISCRETE:
        binding['threshold'] = 0.5
    if question.axis.kind in (AxisKind.VELOCITY, AxisKind.DELTA):
        tremble = abs(push.rest) + 2 * rest.noise[push.axis]
        binding |= {'dead_zone': round(max(DEAD_ZONE, tremble), 2), 'expo': EXPO}
    return binding
