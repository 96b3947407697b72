"""RecorderNode on real topics: a hand plays world, policy, gate and operator."""

from __future__ import annotations

import math
import shutil
import time

import numpy as np
import pytest
import rclpy
from interactive_il.msg import EpisodeEvent as EventMsg
from interactive_il.srv import LabelEpisode, StartEpisode, StopEpisode
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Joy
from std_srvs.srv import Trigger

from il_core.align import Aligner
from il_core.load import load_spec
from il_core.types import (
    NS_PER_S,
    Cause,
    Command,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    GateState,
    Mode,
    Outcome,
    Owner,
    Proposal,
)
from il_data.manifest import Manifest, Verdict, load
from il_data.node import RecorderNode
from il_data.read import read_episode, rebuild_frames
from il_ros.build import build_commands, build_stream, to_time
from il_ros.messages import (
    command_to_msg,
    event_from_msg,
    event_to_msg,
    expert_to_msg,
    proposal_to_msg,
    state_to_msg,
)
from il_ros.rules import arguments
from il_ros.topics import (
    TOPICS,
    command_topic,
    create_publisher,
    create_subscription,
    stream_topic,
)


class Hand:
    """A node that publishes whole ticks, calls the recorder's services and hears its events."""

    def __init__(self, folder, name, **params):
        self.folder, self.spec = folder, load_spec('reach')
        self.executor = SingleThreadedExecutor()
        self.node = rclpy.create_node('hand', namespace=name)
        options = [*arguments({'folder': str(folder), **params}), '-r', f'__ns:=/{name}']
        self.recorder = RecorderNode(cli_args=['--ros-args', *options])
        self.events = f'/{name}/episode/events'
        for node in (self.node, self.recorder):
            self.executor.add_node(node)
        assert self.recorder.autostart()
        self.streams = [(s, self._publisher(stream_topic(s))) for s in self.spec.observed]
        self.robot = [self._publisher(command_topic(c)) for c in self.spec.robot.commands]
        names = ('policy/proposal', 'teleop/action', 'command', 'gate/status', 'episode/events')
        self.out = {name: self._publisher(TOPICS[name]) for name in names}
        self.heard = []
        self.listener = create_subscription(
            self.node,
            TOPICS['episode/events'],
            lambda m: m.outcome == 9 or self.heard.append(event_from_msg(m)),
            lockstep=True,
        )
        self.stamp_ns, self.tick_number = 1000 * NS_PER_S, 0
        self.rng = np.random.default_rng(0)
        self.clients = {}
        expected = [self.recorder.events.topic_name, *self.recorder.topics]
        assert self.spin(lambda: all(self.connected(name) for name in expected[1:6]))

    def connected(self, name):
        return self.node.count_subscribers(name) > 0

    def _publisher(self, topic):
        return create_publisher(self.node, topic, lockstep=True)

    def spin(self, until, limit_s=10.0):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if until():
                return True
            self.executor.spin_once(0.01)
        return False

    def rest(self, seconds):
        self.spin(lambda: False, seconds)

    def ask(self, kind, name, **fields):
        client = self.clients.setdefault(name, self.node.create_client(kind, name))
        assert self.spin(client.service_is_ready)
        return client.call_async(kind.Request(**fields))

    def call(self, kind, name, **fields):
        future = self.ask(kind, name, **fields)
        assert self.spin(future.done)
        return future.result()

    def tick(self, mode=Mode.HOLD, owner=Owner.NOBODY, episode_id=''):
        """Publish one tick's messages, in the order of the graph."""
        stamp, spec, tick = self.stamp_ns, self.spec, self.tick_number
        aligner = Aligner(spec)
        for stream, publisher in self.streams:
            values = self.rng.normal(size=len(stream.fields))
            aligner.push(stream.name, stamp, values)
            publisher.publish(build_stream(stream, values, stamp))
        action = self.rng.uniform(spec.low, spec.high)
        frame = aligner.frame(tick, stamp)
        engaged = owner is Owner.HUMAN
        proposal = Proposal(frame, 'abc', spec.hash, action / 2)
        self.out['policy/proposal'].publish(proposal_to_msg(proposal))
        expert = ExpertAction(stamp, action, engaged, 'joystick')
        self.out['teleop/action'].publish(expert_to_msg(expert))
        for publisher, message in zip(
            self.robot, build_commands(spec, action, stamp), strict=True
        ):
            publisher.publish(message)
        command = Command(tick, stamp, action, mode, owner)
        self.out['command'].publish(command_to_msg(command, spec.axis_names))
        state = GateState(tick, stamp, mode, owner, Cause.START, episode_id=episode_id, step=tick)
        self.out['gate/status'].publish(state_to_msg(state))
        self.stamp_ns += spec.period_ns
        self.tick_number += 1
        return frame

    def start(self, seed=3):
        self.tick()
        answer = self.call(
            StartEpisode, 'episode/start', seed=seed, operator_name='ada', wait_s=5.0
        )
        assert answer.success, answer.message
        return answer.episode_id

    def stop(self, episode_id):
        """Let an episode act once and end; returns its id."""
        self.tick(Mode.AUTONOMOUS, Owner.POLICY, episode_id)
        answer = self.call(StopEpisode, 'episode/stop', outcome=int(Outcome.SUCCESS))
        assert answer.success, answer.message
        return answer.episode_id

    def outcome(self, outcome=Outcome.SUCCESS, detail=''):
        event = EpisodeEvent(self.stamp_ns, EventKind.OUTCOME, outcome=outcome, detail=detail)
        self.out['episode/events'].publish(event_to_msg(event))

    def kinds(self):
        return [event.kind for event in self.heard]

    def ended(self, count=1):
        return self.spin(lambda: self.kinds().count(EventKind.ENDED) == count)

    def close(self):
        self.recorder.close()
        for node in (self.node, self.recorder):
            self.executor.remove_node(node)
            node.destroy_node()


@pytest.fixture
def ros():
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def hand(ros, tmp_path, request):
    hand = Hand(tmp_path / 'bags', request.node.name, lockstep=True)
    yield hand
    hand.close()


def test_an_episode_over_topics_is_read_back_bit_for_bit(hand):
    episode_id = hand.start()
    frames = []
    for step in range(50):
        human = step >= 25
        frames.append(
            hand.tick(
                Mode.SUPERVISOR if human else Mode.AUTONOMOUS,
                Owner.HUMAN if human else Owner.POLICY,
                episode_id,
            ).vector
        )
    hand.outcome()
    assert hand.ended()
    done = load(hand.folder / episode_id)
    assert (done.verdict, done.reasons, done.outcome) == (Verdict.OK, (), Outcome.SUCCESS)
    assert (done.seed, done.operator, done.checkpoint_id) == (3, 'ada', 'abc')
    episode = read_episode(hand.folder / episode_id, hand.spec)
    assert episode.frames.tobytes() == np.array(frames).tobytes()
    assert rebuild_frames(hand.folder / episode_id).tobytes() == episode.frames.tobytes()
    assert (episode.robot_actions, episode.human_actions, episode.switches) == (25, 25, 1)
    kinds = [event.kind for event in episode.events]
    assert kinds == [EventKind.STARTED, EventKind.OUTCOME]
    assert hand.heard[-1].episode_id == episode_id
    assert hand.heard[-1].detail == 'OK'


def test_start_says_what_is_missing_and_waits_for_it(hand):
    at_once = hand.call(StartEpisode, 'episode/start', wait_s=0.0)
    assert not at_once.success
    assert '/policy/proposal' in at_once.message
    pending = hand.ask(StartEpisode, 'episode/start', wait_s=5.0)
    hand.rest(0.3)
    assert not pending.done()
    hand.tick()
    assert hand.spin(pending.done)
    assert pending.result().success


def test_with_simulated_time_a_start_waits_for_the_clock(ros, tmp_path):
    """A start stamped 0 looks like one from long ago, and the gate would not begin."""
    hand = Hand(tmp_path / 'bags', 'clocked', lockstep=True, use_sim_time=True)
    pending = hand.ask(StartEpisode, 'episode/start', wait_s=20.0)
    for _ in range(10):
        hand.tick()
        hand.rest(0.05)
    assert not pending.done()
    clock = create_publisher(hand.node, TOPICS['/clock'], lockstep=True)
    while not pending.done():
        clock.publish(Clock(clock=to_time(hand.stamp_ns)))
        hand.tick()
        hand.rest(0.05)
    assert pending.result().success
    assert hand.spin(lambda: EventKind.STARTED in hand.kinds())
    assert hand.heard[-1].stamp_ns > 0
    hand.close()


def test_stop_label_discard_and_undo_by_service(hand):
    first = hand.start()
    hand.tick(Mode.AUTONOMOUS, Owner.POLICY, first)
    stopped = hand.call(StopEpisode, 'episode/stop', outcome=int(Outcome.FAILURE), reason='fell')
    assert (stopped.success, stopped.episode_id, stopped.verdict) == (True, first, 'OK')
    again = hand.call(StopEpisode, 'episode/stop', outcome=1)
    assert not again.success
    labelled = hand.call(LabelEpisode, 'episode/label', outcome=int(Outcome.SUCCESS), reason='ok')
    assert labelled.success
    assert load(hand.folder / first).outcome is Outcome.SUCCESS
    second = hand.start()
    assert hand.call(Trigger, 'episode/discard').message == second
    assert not (hand.folder / second).exists()
    assert hand.call(Trigger, 'episode/undo').message == second
    assert (hand.folder / second / 'manifest.json').exists()
    told = [EventKind.DISCARDED, EventKind.ENDED, EventKind.RESTORED]
    assert hand.kinds()[-3:] == told


def test_a_label_means_the_episode_that_has_just_ended_never_one_that_runs(hand):
    first = hand.stop(hand.start())
    second = hand.start()
    for name in ('', second):
        refused = hand.call(LabelEpisode, 'episode/label', outcome=2, episode_id=name)
        assert not refused.success
        assert f"{second}': is still being recorded" in refused.message
        assert first in refused.message
    hand.tick(Mode.AUTONOMOUS, Owner.POLICY, second)
    ending = hand.ask(StopEpisode, 'episode/stop', outcome=int(Outcome.TIMEOUT))
    labelled = hand.call(LabelEpisode, 'episode/label', outcome=int(Outcome.FAILURE))
    assert (labelled.success, labelled.message) == (True, f'{second}: failure')
    assert hand.spin(ending.done)
    assert load(hand.folder / first).outcome is Outcome.SUCCESS
    assert load(hand.folder / second).outcome is Outcome.FAILURE


def test_what_a_service_cannot_mean_is_refused_and_the_episode_goes_on(hand):
    for wait_s in (math.inf, math.nan, -1.0):
        refused = hand.call(StartEpisode, 'episode/start', wait_s=wait_s)
        assert not refused.success
        assert 'must be 0 to 86400 seconds' in refused.message
    episode_id = hand.start()
    for kind, name in ((StopEpisode, 'episode/stop'), (LabelEpisode, 'episode/label')):
        refused = hand.call(kind, name, outcome=7)
        assert not refused.success
        assert 'outcome is 7: not known; choices: 0 UNKNOWN, 1 SUCCESS' in refused.message
    hand.out['episode/events'].publish(EventMsg(kind=int(EventKind.OUTCOME), outcome=9))
    for _ in range(5):
        hand.tick(Mode.AUTONOMOUS, Owner.POLICY, episode_id)
    assert hand.spin(lambda: 'outcome of EpisodeEvent is 9' in hand.recorder.complaint)
    stopped = hand.call(StopEpisode, 'episode/stop', outcome=int(Outcome.SUCCESS))
    assert (stopped.success, stopped.verdict) == (True, 'OK')


def test_a_run_folder_that_is_removed_while_the_graph_is_up_is_made_anew(hand):
    hand.stop(hand.start())
    shutil.rmtree(hand.folder)
    hand.rest(1.2)  # the disk is looked at once a second
    assert hand.recorder.health().values['free_mb']
    assert (hand.folder / hand.stop(hand.start()) / 'manifest.json').exists()


def test_an_episode_whose_bag_is_gone_ends_although_it_cannot_be_discarded(hand):
    hand.start()
    shutil.rmtree(hand.folder)
    answer = hand.call(Trigger, 'episode/discard')
    assert not answer.success
    assert 'discard of is' in answer.message
    assert 'failed:' in answer.message
    assert hand.ended()
    assert EventKind.DISCARDED not in hand.kinds()
    hand.start()


def test_what_a_service_cannot_do_on_the_disk_is_said_and_the_recorder_goes_on(hand, monkeypatch):
    hand.stop(hand.start())
    trash = hand.folder / '.trash'
    trash.touch()
    assert 'cannot be discarded' in hand.call(Trigger, 'episode/discard').message
    trash.unlink()
    gone = hand.call(Trigger, 'episode/discard').message
    (hand.folder / gone).mkdir()
    (hand.folder / gone / 'x').touch()
    assert 'cannot be brought back' in hand.call(Trigger, 'episode/undo').message
    hand.stop(hand.start())
    monkeypatch.setattr(Manifest, 'save', lambda *_: (_ for _ in ()).throw(OSError('disk full')))
    said = hand.call(LabelEpisode, 'episode/label', outcome=int(Outcome.SUCCESS))
    assert 'cannot be labelled: disk full' in said.message
    monkeypatch.undo()
    assert (hand.folder / hand.stop(hand.start()) / 'manifest.json').exists()


def test_discard_button_throws_the_running_episode_away(hand):
    episode_id = hand.start()
    hand.outcome(Outcome.ABORTED, 'discard')
    assert hand.ended()
    told = [EventKind.OUTCOME, EventKind.DISCARDED, EventKind.ENDED]
    assert hand.kinds()[-3:] == told, 'whoever waits for the end knows that it does not count'
    assert (hand.folder / '.trash' / episode_id / 'manifest.json').exists()
    assert not (hand.folder / episode_id).exists()


def test_an_outcome_from_before_the_start_does_not_end_the_episode(hand):
    hand.start()
    hand.outcome()
    assert hand.ended()
    second = hand.start()
    hand.recorder.queues.renew(hand.events)  # brings the latched events of before
    hand.rest(0.5)
    assert hand.recorder.recorder.episode_id == second


def test_a_best_effort_publisher_of_a_reliable_topic_is_heard(hand):
    profile = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = hand.node.create_publisher(Joy, 'joy', profile)
    hand.rest(1.2)
    episode_id = hand.start()
    assert hand.spin(lambda: publisher.get_subscription_count() > 0)
    for _ in range(5):
        publisher.publish(Joy(axes=[0.5], buttons=[1]))
        hand.rest(0.05)
    hand.outcome()
    assert hand.ended()
    stats = load(hand.folder / episode_id).topics
    assert [t.count for t in stats if t.name.endswith('/joy')] == [5]


def test_a_recorder_that_is_stopped_closes_its_bag(hand):
    episode_id = hand.start()
    hand.tick(Mode.AUTONOMOUS, Owner.POLICY, episode_id)
    hand.rest(0.2)
    hand.recorder.close()
    done = load(hand.folder / episode_id)
    assert (done.outcome, done.reason) == (Outcome.ABORTED, 'the recorder was stopped')


def test_messages_dropped_on_the_way_are_counted_exactly(hand):
    """The named point: between the middleware and the recorder."""
    take, gone = hand.recorder.on_message, []
    name = f'{hand.node.get_namespace()}/command'

    def drop(topic, data, info):
        number = info['publication_sequence_number']
        if topic == name and number in (20, 21, 22, 50, 77):
            gone.append(number)
        else:
            take(topic, data, info)

    hand.recorder.on_message = drop
    episode_id = hand.start()
    for _ in range(100):
        hand.tick(Mode.AUTONOMOUS, Owner.POLICY, episode_id)
        hand.rest(0.002)
    hand.outcome()
    assert hand.ended()
    done = load(hand.folder / episode_id)
    assert gone == [20, 21, 22, 50, 77]
    assert {t.name: t.lost for t in done.topics if t.lost > 0} == {name: 5}
    assert f'{name}: 5 of 100 messages lost' in done.reasons


def test_a_queue_that_overflowed_is_counted_exactly(hand):
    """The recorder is held up while more comes than its queue keeps."""
    publisher = create_publisher(hand.node, TOPICS['joy'], lockstep=True)
    hand.rest(1.2)
    episode_id = hand.start()
    assert hand.spin(lambda: publisher.get_subscription_count() > 0)
    for burst in (1, 1700, 1):
        for _ in range(burst):
            publisher.publish(Joy(axes=[0.5], buttons=[1]))
        hand.rest(0.3)
    hand.outcome()
    assert hand.ended()
    (joy,) = [t for t in load(hand.folder / episode_id).topics if t.name.endswith('/joy')]
    assert joy.lost > 0
    assert joy.count + joy.lost == 1702
