"""Values survive the wire: every number exactly, every enum with its meaning."""

from __future__ import annotations

import math

import numpy as np
import pytest
from interactive_il import msg as il
from rclpy.serialization import deserialize_message, serialize_message

from il_core.codecs import COMMAND_CODECS, STREAM_CODECS, codec
from il_core.errors import UserError
from il_core.spec import Axis, CommandTopic, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import (
    AxisKind,
    Cause,
    Command,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    Frame,
    GateState,
    Mode,
    Outcome,
    Owner,
    Press,
    Proposal,
)
from il_ros import build, messages
from tests.toy import toy_spec

STAMP = 1_700_000_000_123_456_789
ODD = np.array([0.1, -1 / 3, np.nan, np.inf, 5e-324, 1.7e308])


def over_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


def same(a, b):
    return a is b is None or np.array_equal(a, b, equal_nan=True)


def test_proposal_keeps_every_number():
    frame = Frame(7, STAMP, ODD, (STAMP - 1, STAMP))
    members = np.arange(10.0).reshape(5, 2) / 3
    chunk = np.arange(6.0).reshape(3, 2) / 7
    features = np.array([0.5, 1e-8], np.float32)
    sent = Proposal(
        frame, 'abc', 'def', ODD[:2], ODD[1:3], members, chunk, features, 1e-4, 'why not'
    )
    back = messages.proposal_from_msg(over_the_wire(messages.proposal_to_msg(sent)))
    for name in ('mean', 'variance', 'members', 'chunk', 'features'):
        assert same(getattr(sent, name), getattr(back, name)), name
    assert same(back.frame.vector, ODD)
    assert (back.frame.tick, back.frame.stamp_ns) == (7, STAMP)
    assert back.frame.stamps_ns == frame.stamps_ns
    assert (back.checkpoint_id, back.spec_hash) == ('abc', 'def')
    assert (back.inference_s, back.fault, back.frame.fault) == (1e-4, 'why not', '')


def test_a_frame_with_a_fault_arrives_with_it_and_without_action():
    sent = Proposal(Frame(1, STAMP, np.empty(0), (), 'goal: no message yet'))
    back = messages.proposal_from_msg(over_the_wire(messages.proposal_to_msg(sent)))
    assert back.frame.fault == back.fault == 'goal: no message yet'
    assert back.mean is back.variance is back.members is back.chunk is back.features is None
    assert back.frame.vector.shape == (0,)


@pytest.mark.parametrize('action', [None, ODD])
def test_expert_action_round_trip(action):
    sent = ExpertAction(STAMP, action, True, 'joystick', (1, 0, 2, 0, 4_000_000_000, 5), 2**63, 9)
    back = messages.expert_from_msg(over_the_wire(messages.expert_to_msg(sent)))
    assert same(back.action, action)
    assert (back.stamp_ns, back.engaged, back.source) == (STAMP, True, 'joystick')
    assert (back.presses, back.seed, back.step) == (sent.presses, 2**63, 9)


@pytest.mark.parametrize('limited', [(), ('x',), ('x', 'gripper')])
def test_command_round_trip(limited):
    sent = Command(3, STAMP, ODD, Mode.SUPERVISOR, Owner.HUMAN, True, limited)
    message = over_the_wire(messages.command_to_msg(sent, tuple('abcdef')))
    back = messages.command_from_msg(message)
    assert list(message.axes) == list('abcdef')
    assert same(back.action, ODD)
    assert (back.tick, back.stamp_ns, back.mode, back.owner) == (3, STAMP, sent.mode, sent.owner)
    assert (back.transition, back.limited) == (True, limited)


def test_gate_state_round_trip_with_and_without_thresholds():
    sent = GateState(
        5,
        STAMP,
        Mode.REQUESTING,
        Owner.NOBODY,
        Cause.NOVELTY,
        'because',
        'e1',
        4,
        'novelty',
        {'novelty': 1 / 3, 'risk': -0.0},
        {'novelty': 0.1},
        0.01,
        2.5,
        'id',
        True,
        0.4,
    )
    assert messages.state_from_msg(over_the_wire(messages.state_to_msg(sent))) == sent


def test_unknown_ages_stay_unknown():
    back = messages.state_from_msg(
        over_the_wire(messages.state_to_msg(GateState(0, 0, Mode.HOLD, Owner.NOBODY, Cause.NONE)))
    )
    assert math.isnan(back.observation_age_s)
    assert math.isnan(back.joystick_age_s)
    assert math.isnan(back.joystick_timeout_s)


def test_event_round_trip():
    sent = EpisodeEvent(
        STAMP, EventKind.OUTCOME, 'e', 2**64 - 1, 6, Outcome.ABORTED, Cause.REQUEST_TIMEOUT, 'text'
    )
    assert messages.event_from_msg(over_the_wire(messages.event_to_msg(sent))) == sent


@pytest.mark.parametrize(
    ('convert', 'message', 'words'),
    [
        ('proposal', il.Proposal(members=3, member_actions=[0.0] * 4), 'is 4: must be 3 rows'),
        ('proposal', il.Proposal(chunk_length=2, chunk=[0.0]), 'chunk of Proposal is 1'),
        ('expert', il.ExpertAction(presses=[1, 2]), 'is 2: must be 6, a count per PRESS_., or 0'),
        ('command', il.Command(mode=9), r'mode of Command is 9: not known; choices: 0 UNKNOWN, 1'),
        ('command', il.Command(owner=7), r'owner of Command is 7.*3 HUMAN'),
        ('state', il.GateStatus(cause=200), 'cause of GateStatus is 200'),
        ('state', il.GateStatus(score_names=['doubt']), 'length of scores of GateStatus is 0'),
        ('event', il.EpisodeEvent(kind=99), r'kind of EpisodeEvent is 99.*7 RESTORED'),
        ('event', il.EpisodeEvent(outcome=9), r'outcome of EpisodeEvent is 9.*4 ABORTED'),
    ],
)
def test_what_does_not_fit_is_named_with_its_rule(convert, message, words):
    with pytest.raises(UserError, match=words):
        getattr(messages, f'{convert}_from_msg')(message)


def test_who_has_no_buttons_may_leave_their_counts_out():
    assert messages.expert_from_msg(il.ExpertAction()).presses == (0,) * len(Press)


@pytest.mark.parametrize(
    ('enum', 'message', 'prefix'),
    [
        (Mode, il.GateStatus, 'MODE_'),
        (Owner, il.GateStatus, 'OWNER_'),
        (EventKind, il.EpisodeEvent, 'KIND_'),
        (Outcome, il.EpisodeEvent, 'OUTCOME_'),
        (Press, il.ExpertAction, 'PRESS_'),
    ],
)
def test_enums_equal_the_constants_of_the_messages(enum, message, prefix):
    constants = {
        name.removeprefix(prefix): getattr(message, name)
        for name in dir(message)
        if name.startswith(prefix) and name != 'PRESS_COUNT'
    }
    assert constants == {member.name: int(member) for member in enum}


STREAM_FIELDS = {
    'joint_state': ('a', 'b.velocity', 'a.effort'),
    'pose': ('x', 'z', 'qx', 'qw'),
    'point': ('y',),
    'wrench': ('fz', 'tx'),
    'twist': ('x', 'rz'),
    'odometry': ('x', 'qw', 'vx', 'vrz'),
}
COMMAND_FIELDS = {
    'twist_stamped': ('x', 'rz'),
    'twist_unstamped': ('y', 'rx'),
    'float64_array': ('p', 'q'),
    'joint_trajectory': ('j1', 'j2'),
    'joint_state': ('j2', 'j1'),
}


@pytest.mark.parametrize('name', sorted(set(STREAM_CODECS) - {'image'}))
def test_every_stream_decodes_to_what_was_built(name):
    stream = Stream('s', name, STREAM_FIELDS[name], frame_id='base')
    values = np.arange(1.0, len(stream.fields) + 1) / 3
    message = over_the_wire(build.build_stream(stream, values, STAMP))
    assert same(codec('stream', name).decoder(stream.fields)(message), values)
    assert build.to_ns(message.header.stamp) == STAMP
    assert message.header.frame_id == 'base'


@pytest.mark.parametrize('name', sorted(COMMAND_CODECS))
def test_every_command_decodes_to_what_was_built(name):
    fields = COMMAND_FIELDS[name]
    command = CommandTopic('cmd', name, ('u', 'v'), fields)
    axes = tuple(Axis(n, AxisKind.VELOCITY, -1, 1) for n in 'vwu')
    spec = Spec(RobotSpec('r', 50.0, axes, (), (command,)), TaskSpec('t', 'r', 1.0))
    (message,) = build.build_commands(spec, np.array([0.1, 0.2, 0.3]), STAMP)
    got = codec('command', name).decoder(fields)(over_the_wire(message))
    assert same(got, np.array([0.3, 0.1]))


def test_a_trajectory_begins_when_it_comes_however_late_that_is():
    """A controller refuses one that ends before its own clock's now."""
    command = CommandTopic('cmd', 'joint_trajectory', ('u',), ('j1',), frame_id='base')
    axes = (Axis('u', AxisKind.VELOCITY, -1, 1),)
    spec = Spec(RobotSpec('r', 50.0, axes, (), (command,)), TaskSpec('t', 'r', 1.0))
    (message,) = build.build_commands(spec, np.array([0.1]), STAMP)
    assert build.to_ns(message.header.stamp) == 0
    assert message.header.frame_id == 'base'
    assert build.to_ns(message.points[0].time_from_start) == spec.period_ns


def test_a_delta_becomes_a_velocity_where_the_topic_carries_one():
    twist, gripper = build.build_commands(toy_spec(), np.array([0.05, -0.1, 0.08]), STAMP)
    assert (twist.twist.linear.x, twist.twist.linear.y) == pytest.approx((1.0, -2.0))
    assert list(gripper.data) == [0.08]
