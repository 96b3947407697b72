"""A gate that is started anew leaves latched axes as the one before it did, and stays stopped."""

from __future__ import annotations

import json

import numpy as np
import pytest

from il_core.types import NO_PRESSES, EpisodeEvent, EventKind, ExpertAction, Mode, Press
from il_gating.asked import Request
from il_gating.carried import Carried
from il_gating.intake import Joystick, since
from il_gating.memory import GateMemory
from tests.il_gating.rig import Rig, started
from tests.toy import toy_spec


class Place:
    def __init__(self, found=''):
        self.found, self.writes = found, 0

    def write(self, text):
        self.found, self.writes = text, self.writes + 1


def test_only_changes_of_latched_axes_are_written_and_the_next_one_finds_them():
    place = Place()
    memory = GateMemory(toy_spec(), place)
    assert memory.settings == {}
    for x in (0.0, 0.01, 0.02):
        memory.note(np.array([x, 0.0, 0.05]))
    assert place.writes == 2, 'at the start, and the first setting'
    memory.note(np.array([0.02, 0.0, 0.04]))
    assert memory.settings == {'gripper': 0.04}
    assert GateMemory(toy_spec(), Place(place.found)).settings == {'gripper': 0.04}


@pytest.mark.parametrize(
    'text',
    [
        '',
        'nonsense',
        '[1]',
        '"{}"',
        '{"settings": [1], "estop": 1}',
        '{"settings": {"gripper": "a"}, "estop": "true"}',
        '{"settings": {"gripper": 9.0}}',
        '{"settings": {"gripper": NaN}, "estop": null, "presses": "2"}',
        '{"presses": [0, 0, 0, 0, 0, true]}',
        '{"presses": [1, 2]}',
    ],
)
def test_what_makes_no_sense_is_not_used(text):
    memory = GateMemory(toy_spec(), Place(text))
    assert memory.settings == {}
    assert not memory.stopped
    assert memory.presses is None


def test_what_is_too_old_to_count_does_not_count_later_either():
    place = Place()
    place.text = '{"estop": true}'  # on the disk, and not `found`
    GateMemory(toy_spec(), place)
    assert place.found == '{"settings": {}, "estop": false, "presses": null}'


def test_the_next_one_finds_the_emergency_stop_as_it_was_left():
    place = Place()
    memory = GateMemory(toy_spec(), place)
    memory.note(np.array([0.0, 0.0, 0.05]))
    for on in (True, True, False, True):
        memory.stop(on)
    assert place.writes == 5, 'at the start, the setting, and changes of the stop'
    after = GateMemory(toy_spec(), Place(place.found))
    assert after.stopped
    assert after.settings == {'gripper': 0.05}
    memory.stop(False)
    assert not GateMemory(toy_spec(), Place(place.found)).stopped


def test_the_next_one_finds_what_the_joystick_had_counted_unless_all_ended_well():
    place = Place()
    memory = GateMemory(toy_spec(), place)
    once = (0, 3, 0, 0, 0, 1)
    for presses in (NO_PRESSES, NO_PRESSES, once):
        memory.count(presses)
    assert place.writes == 3, 'at the start, and changes'
    assert GateMemory(toy_spec(), Place(place.found)).presses == once
    memory.stop(True)
    memory.forget()
    after = GateMemory(toy_spec(), Place(place.found))
    assert (after.stopped, after.presses) == (False, None)


@pytest.mark.parametrize(
    ('before', 'now', 'heard', 'stop'),
    [
        (None, (0, 0, 0, 0, 0, 1), False, 0),  # nobody knows how old it is
        ((2, 0, 0, 0, 0, 1), (3, 0, 0, 0, 0, 2), True, 1),
        ((2, 0, 0, 0, 0, 1), (3, 0, 0, 0, 0, 1), False, 0),
        ((2, 0, 0, 0, 0, 1), (3, 0, 0, 0, 0, 2), False, 1),
        ((2, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 1), False, 1),  # its sender began anew
        ((2, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 1), True, 1),
        ((2, 0, 0, 0, 0, 1), (1, 0, 0, 0, 0, 0), True, 0),
    ],
)
def test_an_emergency_stop_counts_and_other_presses_only_where_somebody_listened(
    before, now, heard, stop
):
    counted = since(before, now, heard)
    assert counted[Press.ESTOP] == stop
    if not heard or (before and now[Press.TAKEOVER] < before[Press.TAKEOVER]):
        assert sum(counted) == stop
    else:
        assert counted[Press.TAKEOVER] == 1


def test_a_press_is_left_to_the_next_gate_until_this_one_has_acted_on_it():
    place = Place()
    carried, memory = Carried(), GateMemory(toy_spec(), place)
    carried.recall(memory)
    carried.note(Mode.AUTONOMOUS, NO_PRESSES)
    joystick = Joystick(1.0, lambda action: '', carried.presses)
    pressed = ExpertAction(0, None, False, 'test', (0, 1, 0, 0, 0, 1))
    assert joystick.take(pressed, 0)[Press.ESTOP]
    next_one = Carried()
    next_one.recall(GateMemory(toy_spec(), Place(place.found)))
    assert Joystick(1.0, lambda action: '', next_one.presses).take(pressed, 0)[Press.ESTOP]
    carried.note(Mode.ESTOP, joystick.presses)
    next_one = Carried()
    next_one.recall(GateMemory(toy_spec(), Place(place.found)))
    assert next_one.events() == [Request.ESTOP]
    assert joystick.take(pressed, 0) == NO_PRESSES


def test_a_gate_in_mid_episode_holds_what_was_set_and_a_new_episode_begins_at_idle():
    rig = Rig()
    memory = GateMemory(rig.spec, Place(json.dumps({'settings': {'gripper': 0.05}})))
    rig.core.recall(memory.settings)
    assert rig.tick().command.action[2] == 0.05
    joined = EpisodeEvent(0, EventKind.STARTED, 'e', 0)  # latched, from before its first frame
    assert rig.tick(joined).command.action[2] == 0.05
    rig.policy = np.array([0.0, 0.0, 0.0])
    stepped = rig.tick(started(1)).command.action[2]
    assert stepped == pytest.approx(0.04), 'a tick at 0.8 m/s from its idle 0.08'
