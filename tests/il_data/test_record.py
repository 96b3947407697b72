"""The recorder: what it writes, waits for, refuses, throws away and brings back."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from rosbags.highlevel import AnyReader

from il_core.errors import UserError
from il_core.types import NOBODY_CAME, NS_PER_S, EventKind, Mode, Outcome, Owner
from il_data import cache, steps
from il_data.bag import Arrival, BagWriter, Qos, Topic
from il_data.manifest import Verdict, load
from il_data.meter import Meter
from il_data.read import read_episode, read_episodes, rebuild_frames
from il_data.record import Recorder
from il_data.recording import Settings, State
from il_data.repair import repair
from il_data.schema import definition
from tests.il_data.fake import IL, UTC_S, Rig, ToyWorld, make


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / 'bags')


def bag(rig, done):
    return rig.folder / done.episode_id


def test_what_was_sent_is_read_back(rig):
    done = rig.episode()
    episode = read_episode(bag(rig, done), rig.spec)
    assert (done.outcome, done.verdict, done.reasons) == (Outcome.SUCCESS, Verdict.OK, ())
    assert (done.seed, done.operator, done.checkpoint_id) == (7, 'ada', 'c0ffee' + '0' * 10)
    assert len(episode) == 30
    assert (episode.human_actions, episode.robot_actions, episode.switches) == (10, 20, 2)
    assert episode.human_labels.sum() == 10
    world = ToyWorld(rig.spec)
    world.reset(7)
    for row in episode.steps:
        action = world.supervisor()
        sent = action if row['owner'] == Owner.HUMAN else action * 0.5
        np.testing.assert_array_equal(row['frame'], np.concatenate([*world.observe().values()]))
        np.testing.assert_array_equal(row['expert'], action)
        np.testing.assert_array_equal(row['mean'], action * 0.5)
        np.testing.assert_array_equal(row['members'], [action * 0.5, action * 0.5 + 1])
        np.testing.assert_array_equal(row['command'], sent)
        world.step(sent)
    assert episode.score_names == ('novelty',)
    np.testing.assert_allclose(episode.column('scores')[:3, 0], [10.0, 10.1, 10.2])
    assert [e.kind for e in episode.events] == [EventKind.STARTED, EventKind.OUTCOME]


def test_a_stamp_of_0_is_none_when_rates_are_measured():
    """As of a trajectory that is to begin when it comes."""
    kind = 'trajectory_msgs/msg/JointTrajectory'
    meter = Meter('/arm', kind, definition(kind).text)
    for k in range(5):
        meter.add(Arrival(bytes([0, 1, *bytes(30)]), 10**18 + k * NS_PER_S // 20, 0, k + 1))
    assert (meter.stats().rate_hz, meter.stats().max_gap_s) == (20.0, 0.05)


def test_frames_rebuilt_from_raw_topics_equal_those_that_were_acted_on(rig):
    done = rig.episode()
    carried = read_episode(bag(rig, done)).frames
    rebuilt = rebuild_frames(bag(rig, done))
    assert carried.shape == (30, 5)
    assert carried.tobytes() == rebuilt.tobytes()


def test_cached_columns_equal_decoded_ones_and_follow_the_bag(rig):
    path = bag(rig, rig.episode())
    fresh = read_episode(path, cached=False)
    assert not (path / '.cache').exists()
    first, second = read_episode(path), read_episode(path)
    assert not second.steps.flags.writeable, 'as it came from the file'
    assert fresh.steps.tobytes() == first.steps.tobytes() == second.steps.tobytes()
    assert fresh.events == second.events
    kept = (path / '.cache' / 'columns').read_bytes()
    next(path.glob('*.mcap')).touch()
    assert read_episode(path).steps.tobytes() == fresh.steps.tobytes()
    assert (path / '.cache' / 'columns').read_bytes() != kept
    (path / '.cache' / 'columns').write_bytes(kept[:-1])
    assert read_episode(path).steps.tobytes() == fresh.steps.tobytes()
    rig.recorder.label('', Outcome.FAILURE, 'seen too late')
    assert read_episode(path).outcome is Outcome.FAILURE


@pytest.mark.parametrize('delivered', [True, False])
def test_the_last_messages_of_a_topic_are_waited_for_and_missed_where_they_never_come(
    rig, delivered
):
    """On a busy machine what was lost on the way comes with the next heartbeat."""
    episode_id, world, send, stuck = rig.begin(), ToyWorld(rig.spec), rig.send, []
    late = ('/policy/proposal', '/ee_pose')
    for tick in range(30):
        if tick == 22:
            rig.send = lambda n, m, lost=0: stuck.append((n, m)) if n in late else send(n, m)
        rig.tick(world, tick, episode_id, Mode.SUPERVISOR, Owner.HUMAN)
    rig.outcome()
    with pytest.raises(AssertionError, match='stays open'):
        rig.settle()
    for name, message in stuck if delivered else ():
        send(name, message)
    for _ in range(200):
        rig.now_ns += 20_000_000
        if (done := rig.recorder.update(rig.now_ns)) is not None:
            break
    assert read_episode(bag(rig, done)).human_labels.sum() == (30 if delivered else 22)
    assert done.verdict is (Verdict.OK if delivered else Verdict.SUSPECT)
    if not delivered:
        missed = ['/ee_pose: nothing of its last 0.400 s']
        missed += ['/policy/proposal: nothing of its last 0.400 s']
        assert [r for r in done.reasons if 'nothing of' in r] == missed


def test_columns_that_other_code_decoded_are_decoded_anew(rig, monkeypatch):
    path = bag(rig, rig.episode(human=range(10, 20)))
    with monkeypatch.context() as older:
        older.setattr(cache, 'code', lambda: 'older')
        older.setattr(steps, '_count_ns', lambda states, rows: np.full(len(rows), -1))
        assert not read_episode(path).human_labels.any()
    assert read_episode(path).human_labels.sum() == 10
    now = cache.code.__wrapped__()
    monkeypatch.setattr(cache, 'DECODERS', cache.DECODERS[1:])
    assert cache.code.__wrapped__() != now


def test_cached_episodes_hold_no_file_open_however_many_they_are(rig):
    source = bag(rig, rig.episode(ticks=3))
    for number in range(40):
        shutil.copytree(source, rig.folder / f'20261122T210000_{number:04d}')
    bags = sorted(rig.folder.iterdir())
    for path in bags:
        read_episode(path)
    before = len(os.listdir('/proc/self/fd'))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 20, hard))
    try:
        episodes = [read_episode(path) for path in bags]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(episodes) == 41
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_cache_that_cannot_be_opened_is_none(rig):
    path = bag(rig, rig.episode())
    fresh = read_episode(path, cached=False)
    (path / '.cache' / 'columns').mkdir(parents=True)
    assert read_episode(path).steps.tobytes() == fresh.steps.tobytes()


def test_metadata_is_what_rosbag2_version_9_holds(rig):
    done = rig.episode()
    path = bag(rig, done)
    info = yaml.safe_load((path / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    assert (info['version'], info['storage_identifier']) == (9, 'mcap')
    topics = {t['topic_metadata']['name']: t for t in info['topics_with_message_count']}
    assert topics['/command']['message_count'] == 32
    offer = topics['/ee_pose']['topic_metadata']['offered_qos_profiles'][0]
    assert (offer['reliability'], offer['durability'], offer['depth']) == (
        'best_effort',
        'volatile',
        5,
    )
    offer = topics['/gate/status']['topic_metadata']['offered_qos_profiles'][0]
    assert offer['durability'] == 'transient_local'
    with AnyReader([path]) as reader:
        assert reader.message_count == info['message_count'] == sum(1 for _ in reader.messages())
        proposals = [c for c in reader.connections if c.topic == '/policy/proposal']
        _, _, data = next(reader.messages(proposals))
        assert reader.deserialize(data, IL + 'Proposal').spec_hash == rig.spec.hash


def test_start_waits_for_required_topics_and_says_which(rig):
    assert rig.recorder.state(rig.now_ns) is State.WAITING
    with pytest.raises(UserError, match='/ee_pose, /joint_states, /goal, /policy/proposal'):
        rig.recorder.start(0, '', 0.0, rig.now_ns)
    rig.announce()
    assert rig.recorder.state(rig.now_ns) is State.READY
    rig.now_ns += 3 * NS_PER_S
    assert rig.recorder.state(rig.now_ns) is State.WAITING, 'the topics have gone silent'
    assert list(rig.folder.iterdir()) == []


def test_what_the_first_tick_began_with_is_in_the_bag(rig):
    rig.begin()
    rig.outcome()
    done = rig.settle()
    stats = {t.name: t for t in done.topics}
    assert (stats['/gate/status'].early, stats['/gate/status'].count) == (1, 0)
    later = {name for name, topic in stats.items() if not topic.early}
    assert later == {'/command', '/episode/events'}, 'a command from before belongs to no step'
    with AnyReader([bag(rig, done)]) as reader:
        names = [c.topic for c, _, _ in reader.messages()]
    assert names[-2:] == ['/episode/events', '/episode/events']


def test_what_came_long_before_the_start_is_not_in_the_bag(rig):
    rig.announce()
    rig.now_ns += int(1.5 * NS_PER_S)
    rig.recorder.start(0, '', UTC_S + rig.now_ns / NS_PER_S, rig.now_ns)
    done = rig.recorder.finish()
    assert [t.name for t in done.topics if t.early] == ['/gate/status']


def test_messages_on_their_way_at_the_outcome_come_in_and_later_ones_do_not(rig):
    episode_id = rig.begin()
    end_ns = rig.now_ns
    rig.recorder.stop(Outcome.FAILURE, 'dropped it', end_ns, rig.now_ns)
    assert rig.recorder.state(rig.now_ns) is State.CLOSING
    rig.now_ns += 5_000_000
    rig.send('/command', make(IL + 'Command', end_ns, tick=1))
    rig.send('/gate/status', make(IL + 'GateStatus', end_ns, tick=1))
    rig.send('/command', make(IL + 'Command', end_ns + 1, tick=2))
    assert rig.recorder.update(rig.now_ns) is None
    assert not rig.recorder.stop(Outcome.SUCCESS, '', end_ns, rig.now_ns), 'the first one counts'
    done = rig.settle()
    assert (done.episode_id, done.outcome, done.reason) == (
        episode_id,
        Outcome.FAILURE,
        'dropped it',
    )
    assert {t.name: t.count for t in done.topics}['/command'] == 1


def test_what_is_left_out_after_the_end_is_no_loss(rig):
    """Where the gate ticked without a proposal, stamps of commands go back."""
    rig.begin()
    end_ns = rig.now_ns
    rig.send('/command', make(IL + 'Command', end_ns - 2, tick=1))
    rig.recorder.stop(Outcome.SUCCESS, '', end_ns, rig.now_ns)
    for stamp_ns in (end_ns - 1, end_ns + 1, end_ns):
        rig.send('/command', make(IL + 'Command', stamp_ns))
    rig.send('/gate/status', make(IL + 'GateStatus', end_ns))
    found = {t.name: (t.count, t.lost) for t in rig.settle().topics}
    assert found['/command'] == (3, 0)


def test_a_busy_topic_cannot_keep_an_episode_open(rig):
    rig.begin()
    rig.recorder.stop(Outcome.SUCCESS, '', rig.now_ns, rig.now_ns)
    for _ in range(10):
        rig.now_ns += 10_000_000
        rig.send('/gripper/command', make('std_msgs/msg/Float64MultiArray'))
        rig.send('/command', make(IL + 'Command', rig.now_ns))
        if rig.recorder.update(rig.now_ns):
            break
    assert rig.recorder.episode_id == ''


@pytest.mark.parametrize(
    ('owners', 'of_this', 'reason', 'verdict'),
    [
        ([Owner.NOBODY] * 3, True, '', Verdict.BAD),
        ([Owner.POLICY] * 2, False, '', Verdict.BAD),
        ([Owner.NOBODY, Owner.HUMAN], True, '', Verdict.OK),
        ([Owner.POLICY, Owner.NOBODY, Owner.NOBODY], True, '', Verdict.OK),
        ([Owner.NOBODY] * 3, True, NOBODY_CAME, Verdict.OK),
    ],
    ids=['nobody', 'another episode', 'human', 'held in the end', 'nobody came when it asked'],
)
def test_an_episode_in_which_nobody_drove_counts_nowhere(rig, owners, of_this, reason, verdict):
    """A demonstration to which nobody came, or a success before the first step."""
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    for owner in owners:
        rig.tick(world, 0, episode_id if of_this else 'before', Mode.REQUESTING, owner)
    rig.recorder.stop(Outcome.TIMEOUT, reason, rig.now_ns, rig.now_ns)
    done = rig.settle()
    assert done.verdict is verdict
    assert done.finished == (verdict is Verdict.OK)
    nobody = 'nobody drove: neither policy nor human ever had the robot'
    assert done.reasons == (() if done.finished else (nobody,))


def test_a_gate_that_is_gone_when_the_episode_ends_is_said(rig):
    """It died, and a human who saw the goal reached pressed success."""
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    topics = rig.recorder._topics
    wanted = dataclasses.replace(topics['/command'].expected, rate_hz=20.0)
    topics['/command'] = dataclasses.replace(topics['/command'], expected=wanted)
    for tick in range(20):
        rig.tick(world, tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
    for _ in range(40):
        rig.send('/goal', make('geometry_msgs/msg/PointStamped', rig.now_ns))
        rig.now_ns += 50_000_000
    rig.outcome()
    done = rig.settle()
    assert done.verdict is Verdict.SUSPECT
    assert '/command: none in the last 2.050 s: the gate was gone at the end' in done.reasons


@pytest.mark.parametrize('drove', [False, True], ids=['before anybody drove', 'in the middle'])
def test_an_episode_is_of_the_policy_that_drove_and_one_of_two_says_so(rig, drove):
    """A swap is for HOLD: most often that at the beginning, before a robot's human begins."""
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    for checkpoint, owner in (('old', drove), ('new', True)):
        rig.checkpoint_id = checkpoint
        mode = Mode.AUTONOMOUS if owner else Mode.HOLD
        for _ in range(5):
            rig.tick(world, 1, episode_id, mode, Owner.POLICY if owner else Owner.NOBODY)
    rig.outcome()
    done = rig.settle()
    said = 'the policy was swapped while it ran: checkpoint old at first, new at last'
    assert done.reasons == ((said,) if drove else ())
    assert done.checkpoint_id == ('old' if drove else 'new')
    if not drove:
        assert repair(bag(rig, done)).checkpoint_id == 'new'


def test_lost_messages_are_counted_exactly(rig):
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    for tick in range(20):
        rig.tick(world, tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
        if tick == 10:
            rig.sequence['/joint_states'] += 1
    rig.outcome()
    done = rig.settle()
    assert {t.name: t.lost for t in done.topics if t.lost > 0} == {'/joint_states': 1}
    assert done.verdict is Verdict.SUSPECT
    assert done.reasons == ('/joint_states: 1 of 21 messages lost',)


def test_a_topic_of_many_publishers_is_not_judged_by_their_counts(rig):
    rig.begin()
    for _ in range(5):
        rig.sequence['/episode/events'] += 3
        rig.send('/episode/events', make(IL + 'EpisodeEvent', rig.now_ns, kind=2))
    assert rig.recorder.lost() == {}
    rig.outcome()
    done = rig.settle()
    assert {t.name: t.lost for t in done.topics if t.lost} == {'/episode/events': -1}
    assert not [reason for reason in done.reasons if 'events' in reason]


def test_waits_longer_where_the_last_command_came_without_its_status(rig):
    rig.begin()
    end_ns = rig.now_ns
    rig.send('/command', make(IL + 'Command', end_ns, tick=1))
    rig.send('/gate/status', make(IL + 'GateStatus', end_ns - 50_000_000, tick=0))
    rig.recorder.stop(Outcome.SUCCESS, '', end_ns, rig.now_ns)
    with pytest.raises(AssertionError, match='stays open'):
        rig.settle()
    rig.send('/gate/status', make(IL + 'GateStatus', end_ns, tick=1))
    done = rig.settle()
    assert {t.name: t.count for t in done.topics}['/gate/status'] == 2


def test_messages_that_never_end_close_the_bag_with_a_remark(rig):
    rig.begin()
    end_ns = rig.now_ns
    rig.recorder.stop(Outcome.SUCCESS, '', end_ns, rig.now_ns)
    done = None
    while done is None:
        rig.now_ns += 20_000_000
        rig.send('/goal', make('geometry_msgs/msg/PointStamped', end_ns))
        done = rig.recorder.update(rig.now_ns)
    assert rig.now_ns - end_ns == 10 * NS_PER_S
    assert any('messages from before still came' in reason for reason in done.reasons)


@pytest.mark.parametrize('killed', [False, True])
def test_a_proposal_that_nobody_can_read_costs_no_episode(rig, killed):
    """One of an older build: its layout is another."""
    garbled = Arrival(b'\0\1\0\0' + bytes(30), 1, 1, 1)
    if killed:
        with BagWriter(rig.folder / 'cut', {}) as writer:
            writer.add_topic(Topic('/policy/proposal', IL + 'Proposal'))
            writer.write('/policy/proposal', garbled)
        done = repair(rig.folder / 'cut')
    else:
        rig.begin()
        rig.recorder.arrive('/policy/proposal', garbled, rig.now_ns)
        rig.recorder.stop(Outcome.FAILURE, 'spilled', 0, rig.now_ns)
        done = rig.recorder.finish()
    assert done.verdict is not Verdict.OK
    assert any('Proposal is' in r and 'does not fit its definition' in r for r in done.reasons)
    assert load(bag(rig, done)) == done


def test_a_bag_is_on_the_disk_before_its_manifest_and_before_what_a_repair_replaces(
    rig, monkeypatch
):
    """Else a power cut leaves a manifest that speaks for a file without an end."""
    synced, sync = [], os.fsync

    def see(handle):
        synced.append(Path(os.readlink(f'/proc/self/fd/{handle}')).suffix)
        sync(handle)

    monkeypatch.setattr(os, 'fsync', see)
    done = rig.episode()
    assert [kind for kind in synced if kind in ('.mcap', '.part')] == ['.mcap', '.part', '.part']
    synced.clear()
    repair(bag(rig, done))
    assert '.mcap' in synced[:2]


def test_heavy_loss_and_silence_are_bad(rig):
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    for tick in range(20):
        rig.tick(world, tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
        rig.sequence['/command'] += tick % 2
    rig.outcome()
    done = rig.settle()
    assert done.verdict is Verdict.BAD
    assert done.reasons[0].startswith('/command: ')
    rig.begin()
    rig.outcome()
    silent = rig.settle()
    assert silent.verdict is Verdict.BAD
    assert '/goal: no message' in silent.reasons


def test_a_gap_and_a_second_publisher_make_a_bag_suspect(rig):
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    for tick in range(20):
        rig.tick(world, tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
        rig.now_ns += 300_000_000 * (tick == 10)
    rig.recorder.note_offer('/command', 2, Qos(True, False, 10))
    rig.outcome()
    done = rig.settle()
    assert done.verdict is Verdict.SUSPECT
    assert '/goal: a gap of 0.350 s' in done.reasons
    assert '/command: 2 publishers, loss is not known' in done.reasons


@pytest.mark.parametrize('known', ['before', 'after'])
def test_two_publishers_of_a_topic_are_no_loss_in_diagnostics_either(rig, known):
    """Arm and gripper on one joint_states: each counts on its own. `known`: the start."""
    offer = ('/joint_states', 2, Qos(False, False, 5))
    if known == 'before':
        rig.recorder.note_offer(*offer)
    rig.begin()
    if known == 'after':
        rig.recorder.note_offer(*offer)
    for number in (1, 40, 2, 41, 3, 42):
        rig.sequence['/joint_states'] = number - 1
        rig.send('/joint_states', make('sensor_msgs/msg/JointState', rig.now_ns))
    assert rig.recorder.lost() == {}
    rig.outcome()
    assert {t.name: t.lost for t in rig.settle().topics}['/joint_states'] == -1


def test_discard_and_undo(rig):
    first, second = rig.episode(), rig.episode()
    assert second.episode_id > first.episode_id
    shelf = rig.recorder.shelf
    assert shelf.discard('') == second.episode_id
    assert shelf.discard(first.episode_id) == first.episode_id
    assert shelf.episodes() == ()
    third = rig.episode()
    assert third.episode_id.endswith('_0003'), 'the number of a discarded episode is not reused'
    assert [shelf.undo(), shelf.undo()] == [first.episode_id, second.episode_id]
    assert len(read_episode(bag(rig, second))) == 30
    with pytest.raises(UserError, match='nothing to undo'):
        shelf.undo()
    with pytest.raises(UserError, match=r'nonsense.*choices'):
        shelf.discard('nonsense')


def test_the_last_episode_is_the_one_recorded_last_though_the_clock_was_set_back(tmp_path):
    first = Rig(tmp_path).episode(seed=1)
    rig = Rig(tmp_path, utc_s=UTC_S - 30 * 86_400)
    second, third = rig.episode(seed=1), rig.episode(seed=2)
    assert third.episode_id < first.episode_id, 'by its time'
    names = [first.episode_id, second.episode_id, third.episode_id]
    assert [e.episode_id for e in read_episodes(tmp_path)] == names
    assert rig.recorder.label('', Outcome.FAILURE, '') == names[2]
    shelf = rig.recorder.shelf
    assert [shelf.discard(''), shelf.discard('')] == [names[2], names[1]]
    assert rig.begin().endswith('_0004')


def test_label_changes_the_manifest_alone(rig):
    done = rig.episode()
    rig.recorder.label('', Outcome.FAILURE, 'the cup fell')
    changed = load(bag(rig, done))
    assert changed == dataclasses.replace(done, outcome=Outcome.FAILURE, reason='the cup fell')


def test_a_label_is_for_the_episode_that_is_being_closed(rig):
    first, second = rig.episode(seed=1), rig.begin(2)
    rig.outcome(Outcome.TIMEOUT)
    assert rig.recorder.label('', Outcome.FAILURE, 'the ring slipped') == second
    assert rig.recorder.label(first.episode_id, Outcome.ABORTED, '') == first.episode_id
    done = rig.settle()
    assert load(bag(rig, done)) == done
    assert (done.episode_id, done.outcome) == (second, Outcome.FAILURE)
    assert done.reason == 'the ring slipped'
    assert load(bag(rig, first)).outcome is Outcome.ABORTED


def test_a_label_without_a_name_is_refused_while_an_episode_runs(rig):
    first, second = rig.episode(), rig.begin()
    for name in ('', second):
        with pytest.raises(UserError, match=f'{second}.* still being .*{first.episode_id}'):
            rig.recorder.label(name, Outcome.FAILURE, '')
    rig.recorder.label(first.episode_id, Outcome.FAILURE, '')
    assert load(bag(rig, first)).outcome is Outcome.FAILURE
    rig.outcome()
    assert rig.settle().outcome is Outcome.SUCCESS


def test_full_disk_closes_cleanly_and_refuses_the_next(tmp_path):
    free = [10**9]
    rig = Rig(tmp_path, Settings(reserve_mb=500), lambda folder: free[0])
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    rig.recorder.update(rig.now_ns)
    for tick in range(40):
        rig.tick(world, tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
        rig.recorder.update(rig.now_ns)
    assert not rig.recorder.disk(rig.now_ns).full
    free[0] = 499_000_000
    rig.now_ns += NS_PER_S
    done = rig.recorder.update(rig.now_ns)
    assert (done.outcome, done.reason, done.verdict) == (
        Outcome.ABORTED,
        'disk full',
        Verdict.SUSPECT,
    )
    assert len(read_episode(bag(rig, done))) == 40
    rig.announce()
    with pytest.raises(UserError, match=r'499 MB.*above 500 MB'):
        rig.recorder.start(0, '', 0.0, rig.now_ns)


def test_minutes_left_are_said_before_the_disk_is_full(tmp_path):
    rig = Rig(tmp_path, Settings(reserve_mb=0, warn_min=10), lambda folder: 60_000)
    rig.begin()
    world = ToyWorld(rig.spec)
    for tick in range(100):
        rig.tick(world, tick, 'x', Mode.AUTONOMOUS, Owner.POLICY)
        rig.recorder.update(rig.now_ns)
    disk = rig.recorder.disk(rig.now_ns)
    assert disk.warn
    assert not disk.full
    assert 0 < disk.minutes_left < 10


def test_two_recorders_never_share_an_id(tmp_path):
    one, two = Rig(tmp_path), Rig(tmp_path)
    assert one.begin() != two.begin()


def test_a_recording_of_another_spec_is_refused_with_what_differs(rig):
    done = rig.episode()
    robot = dataclasses.replace(rig.spec.robot, rate_hz=10.0)
    other = dataclasses.replace(rig.spec, robot=robot)
    with pytest.raises(UserError, match=r'robot\.rate_hz: 20\.0 -> 10\.0'):
        read_episode(bag(rig, done), other)


def test_manifest_is_json_that_others_can_read(rig):
    done = rig.episode()
    data = json.loads((bag(rig, done) / 'manifest.json').read_text())
    assert (data['outcome'], data['verdict'], data['spec_hash']) == (
        'success',
        'OK',
        rig.spec.hash,
    )
    assert load(bag(rig, done)) == done


def test_a_manifest_of_a_later_version_is_read_without_its_new_keys(rig):
    done = rig.episode()
    file = bag(rig, done) / 'manifest.json'
    data = json.loads(file.read_text())
    data['weather'] = 'fine'
    for topic in data['topics']:
        topic['jitter_s'] = 0.001
    file.write_text(json.dumps(data))
    assert load(bag(rig, done)) == done


def test_a_disk_that_cannot_be_written_ends_the_episode_and_refuses_the_next(rig, tmp_path):
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    rig.tick(world, 0, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        done = None
        for tick in range(1, 60):
            rig.tick(world, tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
            rig.now_ns += NS_PER_S // 20
            done = done or rig.recorder.update(rig.now_ns)
        assert done is not None
        assert (done.outcome, done.verdict) == (Outcome.ABORTED, Verdict.BAD)
        assert 'could not be written' in done.reasons[0]
        assert rig.recorder.episode_id == ''
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    again = Recorder(rig.folder, [], rig.spec)
    assert len(again.recover()) == 1


def test_a_folder_that_cannot_be_written_refuses_an_episode(rig, monkeypatch):
    def no(*_, **__):
        raise OSError(30, 'Read-only file system')

    monkeypatch.setattr(Path, 'mkdir', no)
    with pytest.raises(UserError, match='Read-only file system'):
        rig.begin()
    assert rig.recorder.episode_id == ''
