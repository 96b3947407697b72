"""The small cores behind the nodes: waiting, alert, verdicts, pulse, view."""

from __future__ import annotations

import math

from il_core.types import NS_PER_S, Command, EventKind, ExpertAction, Mode, Outcome, Owner
from il_teleop.alert import Alert
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


def test_alert_pulses_while_the_gate_asks_and_ends_with_it():
    alert = Alert()
    modes = [(Mode.AUTONOMOUS, 0), (Mode.REQUESTING, 100), (Mode.REQUESTING, 400)]
    assert [alert.update(m, t * MS) for m, t in modes] == [None, True, None]
    assert alert.update(Mode.REQUESTING, 600 * MS) is False
    assert alert.update(Mode.REQUESTING, 1100 * MS) is True
    assert alert.update(Mode.SUPERVISOR, 1150 * MS) is False
    assert alert.update(Mode.SUPERVISOR, 1200 * MS) is None


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
