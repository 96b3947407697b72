"""TeleopNode as a process, over real topics."""

from __future__ import annotations

import time

import numpy as np
import pytest

from il_core.types import EventKind, Mode, Outcome, Press
from tests.nodes.teleop_stand import Others, start

pytestmark = pytest.mark.ros

REST = [0.0] * 8
RB, X, BACK, A = 5, 2, 6, 0
OPEN = np.array([0.0, 0.0, 0.0, 0.08])


@pytest.fixture(scope='module')
def teleop():
    others = Others()
    others.start('il_teleop.node', 'joy', joystick='xbox')
    yield others
    others.close()


def hold(others: Others, axes, *down: int, until, **joy) -> bool:
    return others.spin(until, every=lambda: others.joystick(axes, *down, **joy))


def test_a_stick_becomes_an_action_of_now_whatever_the_clock_of_the_device(teleop):
    """Labels are joined to ticks by the stamp; a device elsewhere may say 0, or tomorrow."""
    forward = [0.0, 1.0, *REST[2:]]

    def moved():
        teleop.command(1, OPEN)
        got = teleop.last('teleop/action')
        return got and got.action is not None and got.engaged

    assert hold(teleop, forward, RB, until=moved, stamp_ns=123_456_789)
    got = teleop.last('teleop/action')
    assert got.action.tolist() == [0.02, 0.0, 0.0, 0.08]
    assert got.source == 'joystick'
    assert abs(time.time_ns() - got.stamp_ns) < 5_000_000_000
    assert hold(teleop, forward, until=lambda: not teleop.last('teleop/action').engaged)


def test_the_gripper_starts_from_what_was_last_sent(teleop):
    half = np.array([0.0, 0.0, 0.0, 0.03])

    def synced():
        teleop.command(1, half)
        got = teleop.last('teleop/action')
        return got and got.action is not None and got.action[3] == 0.03

    assert hold(teleop, REST, RB, until=synced)


def test_presses_end_the_episode_with_their_outcome(teleop):
    events = teleop.heard['episode/events']
    assert hold(
        teleop,
        REST,
        until=lambda: teleop.last('teleop/action') and not teleop.last('teleop/action').engaged,
    )
    assert hold(teleop, REST, X, until=lambda: len(events) == 1)
    assert hold(teleop, REST, BACK, until=lambda: len(events) == 2)
    assert [(e.kind, e.outcome) for e in events] == [
        (EventKind.OUTCOME, Outcome.FAILURE),
        (EventKind.OUTCOME, Outcome.ABORTED),
    ]
    assert events[1].detail == 'discard'
    assert teleop.last('teleop/action').presses[Press.FAILURE] == 1


def test_the_operator_feels_a_request_until_it_is_answered(teleop):
    felt = teleop.heard['joy/set_feedback']
    for mode, expected in ((Mode.REQUESTING, 1.0), (Mode.SUPERVISOR, 0.0)):
        reached = teleop.spin(
            lambda e=expected: felt and felt[-1] == e, every=lambda m=mode: teleop.status(9, m)
        )
        assert reached, mode


def test_a_joystick_with_too_few_axes_is_named_and_says_nothing_to_the_gate(teleop):
    """'Not engaged' would be 'let go', which hands the robot to the policy."""
    got, words = teleop.heard['teleop/action'], 'joy has 2 axes, mapping xbox needs 5'
    teleop.spin(lambda: False, 0.2)
    seen = len(got)

    def told():
        return any(words in status.message for status in teleop.heard['diagnostics'])

    assert hold(teleop, [0.0, 1.0], RB, until=told)
    assert len(got) == seen
    assert hold(teleop, REST, RB, until=lambda: len(got) > seen)


def test_while_the_joystick_is_silent_so_is_teleop(teleop):
    assert hold(
        teleop,
        REST,
        RB,
        until=lambda: teleop.last('teleop/action') and teleop.last('teleop/action').engaged,
    )
    reports = teleop.heard['diagnostics']
    reports.clear()
    assert teleop.spin(lambda: any('joystick silent' in r.message for r in reports))
    count = len(teleop.heard['teleop/action'])
    reports.clear()
    assert teleop.spin(lambda: len(reports) >= 2), 'it went on living'
    assert len(teleop.heard['teleop/action']) == count


@pytest.mark.parametrize(
    ('module', 'params', 'words'),
    [
        ('il_teleop.node', {'joystick': 'xbix'}, 'did you mean xbox?'),
        ('il_teleop.experts.node', {'style': 'eager'}, 'choices: always, on_request'),
    ],
)
def test_a_wrong_parameter_ends_the_process_with_the_choices(module, params, words):
    process = start(module, **params)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert words in output
