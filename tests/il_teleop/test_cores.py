"""The small cores behind the nodes: waiting, alert, verdicts, pulse, view."""

from __future__ import annotations

import dataclasses
import math

import pytest

from il_core.types import (
    FAULTS,
    NS_PER_S,
    Cause,
    Command,
    EventKind,
    ExpertAction,
    GateState,
    Mode,
    Outcome,
    Owner,
)
from il_teleop.alert import QUIET, Alarm, Alert, Urgency, alarm
from il_teleop.experts.seen import Seen
from il_teleop.pulse import Pulse
from il_teleop.verdict import Verdicts
from il_teleop.waiting import Turn

MS = NS_PER_S // 1000


def test_an_input_waits_for_every_answer_to_the_one_before():
    turn = Turn[str](['status', 'command'])
    assert turn.input('a', 10) == 'a', 'nothing came before the first'
    assert turn.input('b', 20) is None
    assert turn.answer('status', 10) is None
    assert turn.answer('command', 10) == 'b'
    assert turn.answer('command', 20) is None
    assert turn.answer('status', 20) is None
    assert turn.input('c', 30) == 'c', 'the answers came first'


def test_a_newer_input_ends_a_wait_for_answers_that_never_come():
    turn = Turn[str](['status'])
    turn.input('a', 10)
    assert turn.input('b', 20) is None
    assert turn.input('c', 30) == 'c'
    assert turn.input('d', 40) is None
    assert turn.answer('status', 20) is None
    assert turn.answer('status', 30) == 'd'


def test_a_clock_that_jumps_back_begins_anew():
    turn = Turn[str](['status'])
    turn.input('a', 1000)
    turn.answer('status', 1000)
    assert turn.input('b', 10) == 'b'
    assert turn.input('c', 20) is None
    assert turn.answer('status', 10) == 'c'


def test_without_answers_to_wait_for_nothing_waits():
    turn = Turn[str]([])
    assert [turn.input(x, i) for i, x in enumerate('abc')] == ['a', 'b', 'c']


def gate(mode: Mode, cause: Cause = Cause.NONE) -> GateState:
    return GateState(0, 0, mode, Owner.NOBODY, cause, 'why')


def pulses(alert: Alert, found: Alarm, *times_ms: int) -> list[bool | None]:
    made = []
    for t in times_ms:
        alert.news(found, t * MS)
        made.append(alert.pulse(t * MS))
    return made


def test_a_request_pulses_until_it_is_answered():
    alert, asked = Alert(), alarm(gate(Mode.REQUESTING, Cause.NOVELTY), 0.0, False)
    assert pulses(alert, asked, 100, 400, 650, 1150) == [True, None, False, True]
    assert pulses(alert, asked, 60_100) == [None], 'and still does a minute later'
    assert pulses(alert, QUIET, 60_150, 60_200) == [False, None]


def test_an_alarm_with_another_text_is_told_anew():
    """Take-over without the dead-man, in HOLD for a joystick that had been silent."""
    alert, lost = Alert(), alarm(gate(Mode.HOLD, Cause.STALE_JOYSTICK), 0.0, False)
    assert [alert.news(lost, 0), alert.news(lost, 1)] == [True, False]
    assert alert.news(dataclasses.replace(lost, text='HOLD: hold the dead-man'), 2)


def test_a_loss_pulses_faster_and_for_five_seconds():
    alert, lost = Alert(), alarm(gate(Mode.HOLD, Cause.STALE_JOYSTICK), 0.0, False)
    assert pulses(alert, lost, 0, 150, 250, 450) == [True, None, False, True]
    assert pulses(alert, lost, 5100, 5500, 6000) == [False, None, None]


@pytest.mark.parametrize(
    ('state', 'gate_age_s', 'silent', 'urgency', 'key'),
    [
        (None, math.nan, True, Urgency.NONE, ''),
        (gate(Mode.HOLD, Cause.START), 0.0, True, Urgency.NONE, ''),
        (gate(Mode.AUTONOMOUS), 0.0, False, Urgency.NONE, ''),
        (gate(Mode.REQUESTING, Cause.RISK), 0.0, False, Urgency.REQUEST, 'RISK'),
        *((gate(Mode.HOLD, c), 0.0, False, Urgency.LOSS, c.name) for c in FAULTS),
        (gate(Mode.AUTONOMOUS), 0.0, True, Urgency.LOSS, 'JOYSTICK'),
        (gate(Mode.REQUESTING, Cause.RISK), 0.0, True, Urgency.LOSS, 'JOYSTICK'),
        (gate(Mode.SUPERVISOR), 1.5, False, Urgency.LOSS, 'GATE'),
        (gate(Mode.HOLD), 1.5, False, Urgency.NONE, ''),
        (gate(Mode.SUPERVISOR), math.nan, False, Urgency.NONE, ''),
    ],
)
def test_what_the_operator_is_told(state, gate_age_s, silent, urgency, key):
    found = alarm(state, gate_age_s, silent)
    assert (found.urgency, found.key) == (urgency, key)


def expert(*presses: int) -> ExpertAction:
    return ExpertAction(0, None, False, presses=presses)


def test_verdicts_come_from_increments_after_the_first_message():
    verdicts = Verdicts()
    assert verdicts.update(expert(0, 0, 5, 0, 0, 0), 1) == ()
    assert verdicts.update(expert(3, 1, 5, 0, 0, 2), 2) == ()
    (event,) = verdicts.update(expert(3, 1, 6, 0, 0, 2), 3)
    assert (event.kind, event.outcome, event.stamp_ns) == (EventKind.OUTCOME, Outcome.SUCCESS, 3)
    (event,) = verdicts.update(expert(3, 1, 6, 1, 0, 2), 4)
    assert event.outcome is Outcome.FAILURE
    (event,) = verdicts.update(expert(3, 1, 6, 1, 1, 2), 5)
    assert (event.outcome, event.detail) == (Outcome.ABORTED, 'discard')


def test_pulse_tells_silence_and_a_rate_too_low_for_the_time_out():
    pulse = Pulse(timeout_s=0.3)
    assert pulse.finding(0).text.startswith('no joystick message yet; start a driver')
    for i in range(20):
        pulse.beat(i * 50 * MS)
    assert math.isclose(pulse.rate_hz, 20.0)
    assert pulse.finding(950 * MS).level == 'OK'
    assert pulse.finding(2200 * MS).text.startswith('joystick silent for 1.2 s; plug it in')
    for i in range(10):
        pulse.beat(3000 * MS + i * 100 * MS)
    assert '10.0 Hz: the time-out of 0.3 s needs 16.7 Hz or more' in pulse.finding(3900 * MS).text


def test_in_lockstep_a_view_holds_nothing_of_its_own_tick():
    advice = ExpertAction(20, None, True)
    old, new = (Command(0, t, None, Mode.HOLD, Owner.NOBODY) for t in (10, 20))
    for lockstep, expected in ((True, old), (False, new)):
        seen = Seen(lockstep)
        assert seen.view(advice).command is None
        for command in (old, new):
            seen.commands.take(command.stamp_ns, command)
        assert seen.view(advice).command is expected
