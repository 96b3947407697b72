"""Labels from bags: what counts, what is left out, and what is said when nothing is left."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3

import numpy as np
import pytest
import yaml
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from il_core.errors import UserError
from il_core.types import NS_PER_S, Mode, Outcome, Owner
from il_data import manifest
from il_data.as_steps import as_steps
from il_data.check import Finding, check
from il_data.cli import main
from il_data.dataset import DEMONSTRATIONS, Selection, labels, load_labels
from il_data.explain import explain
from il_data.manifest import Verdict
from il_data.read import raw, read_episode, read_episodes
from il_data.repair import repair
from tests.il_data.fake import EVENTS, IL, STORE, Rig, ToyWorld, cdr, make
from tests.toy import toy_spec


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / 'bags')


def test_labels_are_the_humans_actions(rig):
    rig.episode(human=range(10, 20))
    rig.episode(human=range(5), seed=8)
    episodes = read_episodes(rig.folder)
    found = labels(episodes)
    columns = found.columns
    assert columns.observations.shape == (15, 5)
    assert columns.actions.shape == (15, 3)
    np.testing.assert_array_equal(columns.episode, [0] * 10 + [1] * 5)
    np.testing.assert_array_equal(columns.actions[:10], episodes[0].commands[10:20])
    assert found.episode_ids == tuple(e.episode_id for e in episodes)


def test_ramps_requests_and_holds_carry_the_humans_action_and_idle_does_not(rig):
    episode_id, world = rig.begin(), ToyWorld(rig.spec)
    rig.tick(world, 0, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
    for tick, mode in enumerate((Mode.REQUESTING, Mode.HOLD, Mode.ESTOP, Mode.SUPERVISOR), 1):
        rig.tick(world, tick, episode_id, mode, Owner.HUMAN)  # dead-man held
    rig.tick(world, 5, episode_id, Mode.SUPERVISOR, Owner.NOBODY)  # released: idle
    rig.outcome()
    rig.settle()
    (episode,) = read_episodes(rig.folder)
    np.testing.assert_array_equal(episode.human_labels, [False, True, True, False, True, False])


@pytest.mark.parametrize(
    ('timeout_s', 'age_s', 'every', 'held', 'labels'),
    [
        (1.0, lambda tick: tick % 10 * 0.05, 10, 40, range(40)),
        (0.1, lambda tick: max(tick - 19, 0) * 0.05, 1, 22, range(22)),
        (np.nan, lambda tick: np.nan, 10, 40, [t for t in range(40) if t % 10 <= 6]),
        (1.0, lambda tick: np.nan, 1, 40, []),
    ],
    ids=['slow joystick', 'dies at tick 20', 'not recorded', 'never heard by the gate'],
)
def test_an_action_is_a_label_while_it_counted_for_the_gate(
    rig, timeout_s, age_s, every, held, labels
):
    """`every`: ticks from one expert action to the next; `held`: ticks until HOLD."""
    episode_id, world, send = rig.begin(), ToyWorld(rig.spec), rig.send
    now = [0]

    def sparsely(topic, message, lost=0):
        if topic == '/gate/status':
            message.joystick_age_s, message.joystick_timeout_s = age_s(now[0]), timeout_s
        dead = every == 1 and now[0] >= 20
        if topic != '/teleop/action' or not (now[0] % every or dead):
            send(topic, message, lost)

    rig.send = sparsely
    for now[0] in range(40):
        mode = Mode.SUPERVISOR if now[0] < held else Mode.HOLD
        rig.tick(world, now[0], episode_id, mode, Owner.HUMAN)
    rig.outcome()
    rig.settle()
    (episode,) = read_episodes(rig.folder)
    assert np.flatnonzero(episode.human_labels).tolist() == [*labels]


def test_bad_recordings_and_failed_demonstrations_are_left_out_and_named(rig):
    good, failed, bad = (rig.episode(human=range(30), seed=s) for s in range(3))
    rig.recorder.label(failed.episode_id, Outcome.FAILURE, '')
    spoilt = dataclasses.replace(manifest.load(rig.folder / bad.episode_id), verdict=Verdict.BAD)
    spoilt.save(rig.folder / bad.episode_id)
    found = load_labels(rig.folder, rig.spec, DEMONSTRATIONS)
    assert set(found.columns.episode) == {0}
    assert found.episode_ids[0] == good.episode_id
    assert {(o.episode_id, o.reason) for o in found.left_out} == {
        (failed.episode_id, 'outcome failure'),
        (bad.episode_id, 'verdict BAD'),
    }
    assert len(load_labels(rig.folder, rig.spec).columns) == 60
    everything = Selection(verdicts=tuple(Verdict))
    assert len(load_labels(rig.folder, rig.spec, everything).columns) == 90


def test_no_labels_and_no_bags_say_the_folder_and_the_rule(rig, tmp_path):
    rig.episode(human=range(0))
    with pytest.raises(UserError, match=r'bags.*in which the human drove.*no step is a label'):
        load_labels(rig.folder)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='holds no bags'):
        load_labels(tmp_path / 'empty')
    with pytest.raises(UserError, match='no such folder'):
        load_labels(tmp_path / 'nowhere')


def test_bags_of_two_specs_say_what_differs(rig):
    first, second = (rig.episode(seed=seed).episode_id for seed in (7, 8))
    one, other = (read_episode(rig.folder / name) for name in (first, second))
    task = dataclasses.replace(other.spec.task, horizon_s=99.0)
    other = dataclasses.replace(other, spec=dataclasses.replace(other.spec, task=task))
    with pytest.raises(UserError, match=rf'{first}; what differs: task.horizon_s: .* -> 99'):
        labels([one, other])


def test_steps_are_those_of_a_rollout(rig):
    rig.episode(ticks=20, human=range(5, 9))
    (episode,) = read_episodes(rig.folder)
    steps = as_steps(episode)
    assert [s.command.owner for s in steps[4:6]] == [Owner.POLICY, Owner.HUMAN]
    assert steps[5].expert.engaged
    np.testing.assert_array_equal(steps[5].command.action, steps[5].expert.action)
    assert steps[5].proposal.members.shape == (2, 3)
    assert dict(steps[5].state.scores) == {'novelty': 10.5}
    assert steps[0].proposal.frame.age_s == 0.0


def foreign(
    path, storage, spec, drop='', others=False, grips=1, start_s=1, jump_s=0, squeeze=None
):
    """Write a plain bag as `ros2 bag record` would: streams and commands, nothing of ours.

    The pose moves 0.1 m per tick in x, 0.1 s apart; commands stop after 2 s. `others`: somebody
    else publishes on joint_states, too, and first. `grips`: entries of most gripper commands.
    `jump_s`: by so much the clock is set 1.5 s after `start_s`. `squeeze`: what is compressed.
    """
    writing = Writer(path, version=9, storage_plugin=storage)
    if squeeze is not None:
        writing.set_compression(squeeze, CompressionFormat.ZSTD)
    with writing as writer:
        topics = [(s.topic, s.type) for s in spec.streams]
        topics += [(c.topic, c.type) for c in spec.robot.commands]
        connections = {
            name: writer.add_connection(f'/arm/{name}', kind, typestore=STORE)
            for name, kind in topics
            if name != drop
        }
        if others:
            kind = 'sensor_msgs/msg/JointState'
            joints = connections.get('joint_states') or writer.add_connection(
                '/arm/joint_states', kind, typestore=STORE
            )
        for tick in range(60):
            log_ns = start_s * NS_PER_S + tick * 50_000_000
            log_ns += jump_s * NS_PER_S if tick >= 30 else 0
            if others:
                elbow = {'name': ['elbow'], 'position': np.array([1.0])}
                message = make('sensor_msgs/msg/JointState', log_ns, **elbow)
                writer.write(joints, log_ns, cdr(message))
            for name, message in plain_tick(tick, log_ns, 1 if tick < 2 else grips):
                if name in connections and not (name == 'servo/twist' and tick > 40):
                    writer.write(connections[name], log_ns, cdr(message))


def plain_tick(tick, log_ns, grips):
    pose = make('geometry_msgs/msg/PoseStamped', log_ns)
    pose.pose.position.x = 0.1 * tick
    twist = make('geometry_msgs/msg/TwistStamped', log_ns)
    twist.twist.linear.x = 2.0
    layout = make('std_msgs/msg/MultiArrayLayout')
    grip = make('std_msgs/msg/Float64MultiArray', layout=layout, data=np.full(grips, 0.04))
    joints = make('sensor_msgs/msg/JointState', log_ns, name=['finger'], position=np.array([0.08]))
    goal = make('geometry_msgs/msg/PointStamped', log_ns)
    return [
        ('ee_pose', pose),
        ('joint_states', joints),
        ('goal', goal),
        ('servo/twist', twist),
        ('gripper/command', grip),
    ]


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_foreign_bag_trains_through_a_spec(tmp_path, storage):
    spec = toy_spec()
    foreign(tmp_path / 'plain', storage, spec)
    episode = read_episode(tmp_path / 'plain', spec)
    assert episode.foreign
    assert len(episode) == 60
    np.testing.assert_allclose(episode.frames[:, 0], 0.1 * np.arange(60))
    np.testing.assert_allclose(episode.expert_actions[:40], [[0.1, 0.0, 0.04]] * 40)
    driven = np.flatnonzero(episode.human_labels)
    assert driven[-1] == 44, 'commands count until the time-out of the robot, 0.2 s'
    assert len(labels([episode]).columns) == 45
    again = read_episode(tmp_path / 'plain', spec)
    assert again.steps.tobytes() == episode.steps.tobytes()


@pytest.mark.parametrize('squeeze', [CompressionMode.FILE, CompressionMode.MESSAGE])
@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_compressed_bag_is_read_as_any(tmp_path, storage, squeeze):
    """As `ros2 bag record --compression-mode file | message --compression-format zstd`."""
    spec = toy_spec()
    foreign(tmp_path / 'plain', storage, spec)
    foreign(tmp_path / 'tight', storage, spec, squeeze=squeeze)
    plain, tight = (read_episode(tmp_path / name, spec) for name in ('plain', 'tight'))
    assert tight.steps.tobytes() == plain.steps.tobytes()


def test_messages_compressed_one_by_one_are_messages_after_a_repair(tmp_path):
    spec = toy_spec()
    foreign(tmp_path / 'cut', StoragePlugin.MCAP, spec, squeeze=CompressionMode.MESSAGE)
    file = tmp_path / 'cut' / 'cut.mcap'
    file.write_bytes(file.read_bytes()[:-100])
    repair(tmp_path / 'cut')
    assert len(read_episode(tmp_path / 'cut', spec)) == 60
    with AnyReader([tmp_path / 'cut']) as reader:
        for connection, _, data in reader.messages():
            reader.deserialize(data, connection.msgtype)


@pytest.mark.parametrize('jump_s', [100, 56 * 365 * 86400])
def test_a_clock_that_is_set_forward_while_a_plain_bag_is_recorded_costs_nothing(tmp_path, jump_s):
    """NTP that comes late, or a pause: both sides of it give the labels that they hold."""
    spec = toy_spec()
    foreign(tmp_path / 'plain', StoragePlugin.MCAP, spec)
    foreign(tmp_path / 'jump', StoragePlugin.MCAP, spec, jump_s=jump_s)
    plain, jump = (labels([read_episode(tmp_path / n, spec)]).columns for n in ('plain', 'jump'))
    held = jump.observations[:, 0]
    np.testing.assert_allclose(held, [*plain.observations[:30, 0], *[2.9] * 4, *held[34:]])
    np.testing.assert_allclose(held[34:], plain.observations[30:, 0])
    steps = read_episode(tmp_path / 'jump', spec).steps
    assert len(steps) < 60 + 40, 'no steps where nothing was seen'
    assert (np.diff(steps['stamp_ns']) % spec.period_ns == 0).all()
    assert steps['tick'][-1] == 59 + jump_s * 20


def test_a_clock_that_is_set_back_while_a_plain_bag_is_recorded_is_refused(tmp_path):
    foreign(tmp_path / 'back', StoragePlugin.MCAP, toy_spec(), start_s=1000, jump_s=-100)
    words = r"bag back: receive stamp on /arm/ee_pose is '901.500 s': comes after 1001.450 s"
    with pytest.raises(UserError, match=words):
        read_episode(tmp_path / 'back', toy_spec())


def test_two_publishers_of_one_topic_read_as_they_do_live(tmp_path):
    """The arm and the gripper on joint_states: a message without the joint is left out."""
    spec = toy_spec()
    foreign(tmp_path / 'one', StoragePlugin.MCAP, spec)
    foreign(tmp_path / 'two', StoragePlugin.MCAP, spec, others=True)
    one, two = (read_episode(tmp_path / name, spec) for name in ('one', 'two'))
    assert np.isfinite(one.frames).all()
    np.testing.assert_array_equal(two.frames, one.frames)
    foreign(tmp_path / 'neither', StoragePlugin.MCAP, spec, drop='joint_states', others=True)
    with pytest.raises(UserError, match=r"JointState is 'finger'.*elbow"):
        read_episode(tmp_path / 'neither', spec)


def test_a_command_of_another_length_is_refused_and_not_left_out(tmp_path):
    """Left out, the axis would keep what it was told last: labels that nobody gave."""
    foreign(tmp_path / 'two', StoragePlugin.MCAP, toy_spec(), grips=2)
    words = r'bag two: std_msgs/msg/Float64MultiArray.data is 2: must have the 1 entries'
    with pytest.raises(UserError, match=words):
        read_episode(tmp_path / 'two', toy_spec())


def test_a_bag_of_several_files_is_judged_by_what_reads_it(tmp_path, capsys):
    """As `ros2 bag record --max-bag-duration` leaves it."""
    spec = toy_spec()
    bag = tmp_path / 'split'
    foreign(bag, StoragePlugin.MCAP, spec)
    foreign(tmp_path / 'rest', StoragePlugin.MCAP, spec, start_s=4)
    (tmp_path / 'rest' / 'rest.mcap').rename(bag / 'split_1.mcap')
    about = yaml.safe_load((bag / 'metadata.yaml').read_text())
    about['rosbag2_bagfile_information']['relative_file_paths'].append('split_1.mcap')
    (bag / 'metadata.yaml').write_text(yaml.safe_dump(about))
    assert len(read_episode(bag, spec)) == 120
    assert check(bag, spec) == Finding(Verdict.OK, ())
    assert main(['repair', str(bag)]) == 0
    assert 'a plain bag' in capsys.readouterr().out, 'none of ours: no manifest is missing'
    (bag / 'split_1.mcap').write_bytes(b'no bag at all')
    found = check(bag, spec)
    assert found.verdict is Verdict.BAD
    assert 'cannot be read' in found.lines[0]
    assert main(['repair', str(bag)]) == 1
    assert 'cannot be read' in capsys.readouterr().out


def test_a_bag_without_definitions_is_read_by_those_of_here(tmp_path):
    """As ROS 2 Humble writes it: sqlite3, nothing said of types."""
    spec, bag = toy_spec(), tmp_path / 'humble'
    foreign(bag, StoragePlugin.SQLITE3, spec)
    (file,) = bag.glob('*.db3')
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute('drop table message_definitions')
        database.execute(
            "insert into topics values (99, '/spare', 'spare/msg/Part', 'cdr', '', '')"
        )
        database.execute('update schema set schema_version = 3')
    about = yaml.safe_load((bag / 'metadata.yaml').read_text())
    about['rosbag2_bagfile_information']['version'] = 5
    (bag / 'metadata.yaml').write_text(yaml.safe_dump(about))
    assert read_episode(bag, spec).human_labels.sum() == 45


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_of_other_types_a_bag_gives_names_and_no_data(tmp_path, storage):
    """A camera fills the memory; a command of another type is what one has to be told."""
    spec, bag = toy_spec(), tmp_path / 'plain'
    foreign(bag, storage, spec)
    found = raw(bag, ('geometry_msgs/msg/PointStamped',))
    assert len(found.topics) == 5
    assert {name for name, topic in found.topics.items() if topic.rows} == {'/arm/goal'}
    unstamped = (dataclasses.replace(spec.robot.commands[0], codec='twist_unstamped'),)
    robot = dataclasses.replace(spec.robot, commands=unstamped)
    with pytest.raises(UserError, match=r'no geometry_msgs/msg/Twist of.*/twist \(.*TwistStamped'):
        read_episode(bag, dataclasses.replace(spec, robot=robot))


def test_a_foreign_bag_of_no_use_says_why(tmp_path):
    spec = toy_spec()
    foreign(tmp_path / 'blind', StoragePlugin.SQLITE3, spec, drop='goal')
    with pytest.raises(UserError, match=r"stream topic is 'goal'.*PointStamped.*/arm/ee_pose"):
        read_episode(tmp_path / 'blind', spec)
    foreign(tmp_path / 'still', StoragePlugin.MCAP, spec, drop='servo/twist')
    with pytest.raises(UserError, match=r"command topic is 'servo/twist'.*TwistStamped"):
        read_episode(tmp_path / 'still', spec)
    with pytest.raises(UserError, match='say of which task it is'):
        read_episode(tmp_path / 'still')


def test_a_bag_that_lost_its_file_is_not_passed_over(rig, capsys):
    lost = rig.folder / rig.episode(human=range(10, 20)).episode_id
    rig.episode(human=range(10, 20))
    next(lost.glob('*.mcap')).unlink()
    with pytest.raises(UserError, match=f'{lost.name}.*no .mcap or .db3 file beside metadata'):
        read_episodes(rig.folder)
    for what in ('info', 'check', 'repair'):
        assert main([what, str(rig.folder)]) == 1
        assert lost.name in capsys.readouterr().out


def test_empty_and_broken_files_are_user_errors(tmp_path):
    for name, content in (('empty', b''), ('text', b'no bag at all' * 50)):
        for ending in ('mcap', 'db3'):
            bag = tmp_path / f'{name}_{ending}'
            bag.mkdir()
            (bag / f'x.{ending}').write_bytes(content)
            with pytest.raises(UserError, match='bag'):
                read_episode(bag, toy_spec())
    with pytest.raises(UserError, match='no such folder'):
        read_episode(tmp_path / 'nowhere')


def test_a_bag_with_an_event_of_no_known_kind_is_named_with_the_kinds(rig):
    episode_id = rig.begin()
    world = ToyWorld(rig.spec)
    for tick in range(10):
        rig.tick(world, tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
    rig.send(EVENTS, make(IL + 'EpisodeEvent', rig.now_ns, kind=99, episode_id=episode_id))
    rig.outcome()
    bag = rig.folder / rig.settle().episode_id
    words = f'bag {bag.name}: kind of EpisodeEvent is 99: not known; choices: 0 UNKNOWN, 1 STARTED'
    with pytest.raises(UserError, match=words):
        read_episode(bag)
    with pytest.raises(UserError, match='kind of EpisodeEvent is 99'):
        explain(bag)
    assert check(bag, None).verdict is Verdict.BAD


def test_a_message_definition_that_lacks_newer_fields_still_reads(rig):
    """Decode by the schema in the bag: what is not in it gets its default."""
    from il_data.contents import RawTopic
    from il_data.table import Table

    text = 'uint64 tick\nfloat64[] frame\n'
    data = b'\0\1\0\0' + (5).to_bytes(8, 'little') + (1).to_bytes(8, 'little') + bytes(8)
    table = Table(RawTopic('/p', IL + 'Proposal', text, rows=[(0, 0, 0, data)]))
    assert table.numbers('tick', 'u8').tolist() == [5]
    assert table.numbers('inference_s', 'f8', np.nan).tolist() != [0.0]
    assert table.vectors('frame', 1).tolist() == [[0.0]]
    assert np.isnan(table.vectors('variance', 3)).all()
    assert table.texts('checkpoint_id').tolist() == ['']
