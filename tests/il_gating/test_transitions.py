"""Every mode meets every event: the whole table, and what no table may hold."""

from __future__ import annotations

import pytest

from il_core.types import Cause, Mode
from il_gating.transitions import OWNERS, TABLE, Event

MODES = (Mode.HOLD, Mode.AUTONOMOUS, Mode.REQUESTING, Mode.SUPERVISOR, Mode.ESTOP)
# Columns as in MODES; a dot: the event changes nothing. A change here is a change of behaviour.
EXPECTED = {
    Event.ESTOP: 'E E E E .',
    Event.ESTOP_RESET: '. . . . H',
    Event.EPISODE_STARTED: 'H H H H .',
    Event.EPISODE_ENDED: 'H H H H .',
    Event.START: 'A . . . .',
    Event.ASKED: 'R R . . .',
    Event.ASKED_IN_VAIN: 'H H . . .',
    Event.GIVEN: 'S S S . .',
    Event.OPERATOR_READY: 'S . S . .',
    Event.OPERATOR_LOST: '. . . H .',
    Event.RELEASE: 'H . A A .',
    Event.RELEASE_TO_NOBODY: 'H . H H .',
    Event.HAND_BACK: '. . . A .',
    Event.REQUEST_TIMEOUT: 'H . H . .',
    Event.OBSERVATION_STALE: '. H H H .',
    Event.POLICY_FAULT: '. H . . .',
    Event.CHECKPOINT_MISMATCH: '. H . . .',
    Event.RIVAL: '. H H H .',
}
LETTERS = {mode.name[0]: mode for mode in MODES}


@pytest.mark.parametrize('event', Event, ids=lambda e: e.name)
def test_every_mode_answers_every_event_as_written(event: Event) -> None:
    for mode, letter in zip(MODES, EXPECTED[event].split(), strict=True):
        change = TABLE[mode].get(event)
        assert (change.mode if change else None) is LETTERS.get(letter), mode.name


def test_what_no_table_may_hold() -> None:
    assert set(TABLE) == set(MODES) == set(OWNERS)
    for mode, row in TABLE.items():
        for event, change in row.items():
            assert change.cause not in (Cause.UNKNOWN, Cause.NONE), (mode, event)
            if change.mode is Mode.AUTONOMOUS:
                people = (Event.START, Event.RELEASE, Event.HAND_BACK)
                assert event in people, 'only a start, a release or the gate lead to the policy'
            if mode is Mode.ESTOP:
                assert (event, change.mode) == (Event.ESTOP_RESET, Mode.HOLD)
