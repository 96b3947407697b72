"""A gate that is started anew leaves latched axes as the one before it did, and stays stopped."""

from __future__ import annotations

import json

import numpy as np
import pytest

from il_core.types import EpisodeEvent, EventKind
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
        '{"presses": true}',
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


def test_the_next_one_finds_how_often_the_emergency_stop_was_pressed_unless_all_ended_well():
    place = Place()
    memory = GateMemory(toy_spec(), place)
    for presses in (0, 0, 1):
        memory.count(presses)
    assert place.writes == 3, 'at the start, and changes'
    assert GateMemory(toy_spec(), Place(place.found)).presses == 1
    memory.stop(True)
    memory.forget()
    after = GateMemory(toy_spec(), Place(place.found))
    assert (after.stopped, after.presses) == (False, None)


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
