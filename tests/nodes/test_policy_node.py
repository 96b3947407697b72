"""The policy node: one proposal per tick with the frame it saw, and words where it has none."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from il_core.load import load_spec
from il_core.types import NS_PER_S, Mode, Proposal
from il_policy.node import PolicyNode
from il_ros.build import build_stream
from il_ros.health import Level
from il_ros.topics import TOPICS, create_publisher, create_subscription, stream_topic
from il_sim.node import SimNode

HOLD = np.zeros(4)


class Sensors:
    def __init__(self, stand, lockstep=False):
        self.out = {
            s: create_publisher(stand.hand, stream_topic(s), lockstep)
            for s in load_spec('reach').observed
        }

    def __call__(self, stamp_ns, skip=(), value=1.0):
        for stream, publisher in self.out.items():
            if stream.name not in skip:
                values = np.full(len(stream.fields), value)
                publisher.publish(build_stream(stream, values, stamp_ns))


def test_lockstep_one_proposal_per_tick_carries_the_frame(stand):
    sim = stand.add(SimNode, task='reach', lockstep=True)
    policy = stand.add(PolicyNode, task='reach', lockstep=True, policy='none')
    assert policy.autostart()
    assert sim.autostart()
    answered = []

    def answer():
        for p in stand.proposals[len(answered) :]:
            answered.append(p)
            stand.send(p.frame.stamp_ns, HOLD, Mode.HOLD)
        return len(stand.proposals) >= 30

    assert stand.spin(answer)
    world = np.concatenate([sim.world.observe()[s.name] for s in sim.spec.observed])
    assert [p.frame.tick for p in stand.proposals] == list(range(len(stand.proposals)))
    for proposal in stand.proposals:
        assert np.array_equal(proposal.frame.vector, world)
        assert set(proposal.frame.stamps_ns) == {proposal.frame.stamp_ns}
        assert proposal.spec_hash == sim.spec.hash
        assert not proposal.fault


@pytest.mark.parametrize('tick_on', ['timer', 'observations'])
def test_in_real_time_a_stale_stream_is_a_fault_in_words_not_silence(stand, tick_on):
    policy = stand.add(PolicyNode, task='reach', tick_on=tick_on)
    sensors = Sensors(stand)
    assert policy.autostart()
    assert stand.spin(lambda: len(stand.proposals) > 2)
    assert 'joint_states: no message yet' in stand.proposals[-1].fault

    def fault(**options):
        sensors(policy.now_ns(), **options)
        return stand.proposals[-1].fault

    assert stand.spin(lambda: not fault(), every_s=0.05)
    assert stand.spin(lambda: fault(skip=('goal',)), every_s=0.05)
    assert re.match(r'goal: 0\.\d+ s old, limit 0.2 s', stand.proposals[-1].fault)
    assert stand.spin(lambda: 'value nan is not finite' in fault(value=np.nan), every_s=0.05)


def test_a_value_that_is_not_a_number_is_a_fault_that_names_its_stream(stand):
    policy = stand.add(PolicyNode, task='reach', tick_on='observations')
    sensors = Sensors(stand)
    assert policy.autostart()
    stamp_ns = [10**12]

    def said():
        stamp_ns[0] += 1
        sensors(stamp_ns[0], value=np.nan)
        return any('joint_states' in p.fault and 'not finite' in p.fault for p in stand.proposals)

    assert stand.spin(said, every_s=0.05)
    assert all(p.mean is None for p in stand.proposals if p.fault)


def test_a_message_that_cannot_be_decoded_explains_the_fault(stand):
    policy = stand.add(PolicyNode, task='reach')
    sensors = Sensors(stand)
    (joints,) = [p for s, p in sensors.out.items() if s.name == 'joint_states']
    assert policy.autostart()

    def wrong():
        sensors(policy.now_ns(), skip=('joint_states',))
        message = joints.msg_type(name=['elbow'], position=[1.0])
        message.header.stamp = policy.get_clock().now().to_msg()
        joints.publish(message)
        return stand.proposals and 'choices: elbow' in stand.proposals[-1].fault

    assert stand.spin(wrong, every_s=0.05)


def test_a_gripper_that_publishes_on_the_topic_of_the_arm_disturbs_nothing(stand):
    policy = stand.add(PolicyNode, task='reach')
    sensors = Sensors(stand)
    (joints,) = [p for s, p in sensors.out.items() if s.name == 'joint_states']
    assert policy.autostart()

    def both(**options):
        sensors(policy.now_ns(), **options)
        message = joints.msg_type(name=['elbow'], position=[1.0])
        message.header.stamp = policy.get_clock().now().to_msg()
        joints.publish(message)
        return stand.proposals and not stand.proposals[-1].fault

    assert stand.spin(both, every_s=0.02)
    assert not stand.spin(lambda: not both(), limit_s=1.0, every_s=0.02)
    assert policy.state_of_health().level is Level.OK
    assert stand.spin(lambda: not both(skip=('goal',)), every_s=0.02)
    assert re.fullmatch(r'goal: 0\.\d+ s old, limit 0.2 s', stand.proposals[-1].fault)


def test_a_clock_that_jumps_back_is_followed(stand):
    policy = stand.add(PolicyNode, task='reach', lockstep=True)
    sensors = Sensors(stand, lockstep=True)
    assert policy.autostart()
    stamps = [10**12, 10**12 + 1, 5 * 10**9, 5 * 10**9 + 1]
    for stamp_ns in stamps:
        count = len(stand.proposals)
        assert stand.spin(
            lambda n=count, s=stamp_ns: sensors(s) or len(stand.proposals) > n, every_s=0.05
        )
    assert list(dict.fromkeys(p.frame.stamp_ns for p in stand.proposals)) == stamps


@pytest.mark.parametrize(
    ('stamp_ns', 'words'),
    [(0, 'joint_states: header.stamp is 0'), (10**18, r'joint_states: stamped \d+\.\d+ s before')],
)
def test_a_stream_with_wrong_stamps_is_named_and_leaves_the_others_alone(stand, stamp_ns, words):
    policy = stand.add(PolicyNode, task='reach')
    sensors, wrong = Sensors(stand), Sensors(stand)
    others = [s.name for s in wrong.out if s.name != 'joint_states']
    assert policy.autostart()

    def said(skip=()):
        sensors(policy.now_ns(), skip=skip)
        wrong(stamp_ns, skip=others)
        return stand.proposals[-1].fault if stand.proposals else 'none yet'

    assert stand.spin(lambda: not said(), every_s=0.02)
    del stand.proposals[:]
    stand.spin(said, limit_s=1.0, every_s=0.02)
    assert not [p.fault for p in stand.proposals if p.fault], 'good samples are there, too'
    assert stand.spin(lambda: re.search(words, said(('joint_states',))), every_s=0.02)
    assert all('joint_states' in p.fault for p in stand.proposals if p.fault)


def test_a_sensor_whose_clock_is_ahead_is_named_and_never_taken_for_fresh(stand):
    policy = stand.add(PolicyNode, task='reach')
    sensors, ahead = Sensors(stand), Sensors(stand)
    others = [s.name for s in ahead.out if s.name != 'joint_states']
    assert policy.autostart()

    def sense():
        sensors(policy.now_ns(), skip=('joint_states',))
        ahead(policy.now_ns() + NS_PER_S, skip=others)
        return stand.proposals and 's ahead of this clock' in stand.proposals[-1].fault

    assert stand.spin(sense, every_s=0.02)
    del stand.proposals[:]
    stand.spin(lambda: sense() and False, limit_s=2.0, every_s=0.02)
    assert len(stand.proposals) > 20
    for proposal in stand.proposals:
        assert re.match(r'joint_states: stamped \d\.\d+ s ahead of this clock', proposal.fault)
    assert stand.spin(
        lambda: sensors(policy.now_ns()) or not stand.proposals[-1].fault, every_s=0.02
    ), 'its clock was set right'


def test_a_clock_that_jumps_back_between_ticks_of_a_timer_is_followed(stand):
    policy = stand.add(PolicyNode, task='reach')
    sensors = Sensors(stand)
    assert policy.autostart()
    back_ns = [0]
    policy.now_ns = lambda: time.time_ns() - back_ns[0]

    def fine():
        sensors(policy.now_ns())
        return any(not p.fault for p in stand.proposals)

    assert stand.spin(fine, every_s=0.02)
    back_ns[0] = 10**12
    del stand.proposals[:]
    assert stand.spin(fine, every_s=0.02)
    assert all(p.frame.stamp_ns <= policy.now_ns() for p in stand.proposals)


@pytest.mark.parametrize(
    ('params', 'words'),
    [
        ({'policy': 'bc'}, 'needs one'),
        ({'policy': 'bc', 'checkpoint': '/nowhere'}, '/nowhere'),
        ({'robot': 'pandas'}, 'did you mean panda?'),
    ],
)
def test_configure_fails_in_words(stand, capfd, params, words):
    node = stand.add(PolicyNode, **{'task': 'reach', **params})
    assert not node.autostart()
    log = capfd.readouterr().err
    assert words in log
    assert 'Traceback' not in log


def test_an_unknown_policy_lists_the_names(stand):
    from il_core.errors import UserError

    with pytest.raises(UserError, match='choices: bc, none'):
        stand.add(PolicyNode, policy='bcc')


class Slow:
    """Proposes nothing, and takes 1.7 periods for some ticks."""

    checkpoint_id = 'slow'

    def __init__(self, spec, slow):
        self.spec, self.slow, self.count = spec, slow, 0

    def propose(self, frame):
        if self.count in self.slow:
            time.sleep(1.7 * self.spec.period_ns * 1e-9)
        self.count += 1
        return Proposal(frame, self.checkpoint_id, self.spec.hash)


def test_decisions_longer_than_a_period_are_counted_and_published(stand):
    policy = stand.add(PolicyNode, task='reach', tick_on='timer')
    told = {}

    def hear(message):
        told.update((v.key, v.value) for v in message.status[0].values)

    hearing = create_subscription(stand.hand, TOPICS['diagnostics'], hear)
    assert policy.autostart()
    policy.policy = Slow(policy.spec, slow=(5, 9, 14))
    assert stand.spin(lambda: policy.policy.count >= 25)
    assert stand.spin(lambda: told.get('slow_ticks') == '3' and int(told['late_ticks']) >= 3)
    stand.hand.destroy_subscription(hearing)
