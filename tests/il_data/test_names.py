"""Bags of two robots: one is read, or none, and never a bit of each."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from il_core.episode_ids import in_order
from il_core.errors import UserError
from il_core.types import NS_PER_S, Mode, Owner
from il_data.contents import RawTopic
from il_data.explain import explain
from il_data.names import Names
from il_data.read import read_episode
from il_data.repair import repair
from tests.il_data.fake import STORE, Rig, ToyWorld, cdr
from tests.il_data.test_dataset import plain_tick
from tests.toy import toy_spec

TICKS = 40
SPEC = toy_spec()
SEEN = {stream.topic: stream.type for stream in SPEC.streams}
SENT = {command.topic: command.type for command in SPEC.robot.commands}


def two_arms(path, lacking=()):
    """Write a plain bag of arm1, driven to +x, and arm2, driven to -x, without the topics
    `lacking`. What arm1 sees and what arm2 is sent come first."""
    names = [(arm, topic) for topic in SEEN for arm in ('arm1', 'arm2')]
    names += [(arm, topic) for topic in SENT for arm in ('arm2', 'arm1')]
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        out = {
            (arm, topic): writer.add_connection(
                f'/{arm}/{topic}', {**SEEN, **SENT}[topic], typestore=STORE
            )
            for arm, topic in names
        }
        for tick in range(TICKS):
            log_ns = NS_PER_S + tick * SPEC.period_ns
            for (arm, topic), connection in out.items():
                message = dict(plain_tick(tick, log_ns, 1))[topic]
                if topic == 'servo/twist' and arm == 'arm2':
                    message.twist.linear.x *= -1
                if f'/{arm}/{topic}' not in lacking:
                    writer.write(connection, log_ns, cdr(message))


def driven_to(path, spec=SPEC):
    """Return the one x that an episode's actions have."""
    (x,) = set(np.sign(read_episode(path, spec).expert_actions[:, 0]))
    return x


def test_a_plain_bag_of_two_robots_is_refused_with_what_to_do(tmp_path):
    two_arms(tmp_path / 'two')
    with pytest.raises(UserError, match="bag two: namespace is '/arm1, /arm2': must be one") as e:
        read_episode(tmp_path / 'two', SPEC)
    told = e.value.rule.split('`')[1].split()
    program, *words = told
    meant = {'BAG': str(tmp_path / 'two'), 'NEW': str(tmp_path / 'arm2')}
    words = [meant.get(word, word) for word in words if word not in ('TOPIC', '...')]
    topics = [f'/arm2/{topic}' for topic in (*SEEN, *SENT)]
    subprocess.run([Path(sys.executable).with_name(program), *words, *topics], check=True)
    assert driven_to(tmp_path / 'arm2') == -1


def test_a_plain_bag_of_two_robots_is_refused_after_a_repair_too(tmp_path):
    """Repaired here, it is not recorded here: its namespaces still are those of several robots."""
    two_arms(tmp_path / 'two')
    (file,) = (tmp_path / 'two').glob('*.mcap')
    file.write_bytes(file.read_bytes()[:-100])
    assert repair(tmp_path / 'two').recovered
    with pytest.raises(UserError, match="namespace is '/arm1, /arm2': must be one"):
        read_episode(tmp_path / 'two', SPEC)


@pytest.mark.parametrize(('whole', 'other', 'x'), [('arm1', 'arm2', 1), ('arm2', 'arm1', -1)])
def test_the_robot_that_has_every_topic_is_read_and_none_is_lent(tmp_path, whole, other, x):
    lacking = [f'/{other}/joint_states', f'/{other}/gripper/command']
    two_arms(tmp_path / 'one', lacking)
    assert driven_to(tmp_path / 'one') == x
    two_arms(tmp_path / 'none', [*lacking, f'/{whole}/goal'])
    with pytest.raises(UserError, match=rf"'goal'.* in the bag in /{whole}, the namespace of the"):
        read_episode(tmp_path / 'none', SPEC)


def test_a_topic_that_the_spec_names_in_full_is_that_one(tmp_path):
    two_arms(tmp_path / 'one', ['/arm2/joint_states'])
    twist, grip = SPEC.robot.commands
    commands = (dataclasses.replace(twist, topic='/arm2/servo/twist'), grip)
    spec = dataclasses.replace(SPEC, robot=dataclasses.replace(SPEC.robot, commands=commands))
    assert driven_to(tmp_path / 'one', spec) == -1


def test_two_graphs_in_one_plain_bag_are_refused_too(tmp_path):
    """As `ros2 bag record --all` beside two robots that run this package."""
    rig, sent = Rig(tmp_path / 'bags'), []
    rig.send = lambda topic, message, lost=0: sent.append((topic, message, rig.now_ns))
    for tick in range(5):
        rig.tick(ToyWorld(), tick, 'e', Mode.SUPERVISOR, Owner.HUMAN)
    for name, arms in (('one', ['/arm1']), ('two', ['/arm1', '/arm2'])):
        with Writer(tmp_path / name, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            out = {
                (arm, topic): writer.add_connection(arm + topic, kind, typestore=STORE)
                for topic, kind in {t: m.__msgtype__ for t, m, _ in sent}.items()
                for arm in arms
            }
            for topic, message, log_ns in sent:
                for arm in arms:
                    writer.write(out[arm, topic], log_ns, cdr(message))
    assert read_episode(tmp_path / 'one', SPEC).human_actions == 5
    assert len(explain(tmp_path / 'one').spans) == 1
    for read in (lambda path: read_episode(path, SPEC), explain):
        with pytest.raises(UserError, match="namespace is '/arm1, /arm2'"):
            read(tmp_path / 'two')


def topic(name, msgtype='t'):
    return RawTopic(name, msgtype, '', rows=[(0, b'')])


def test_nodes_of_one_graph_may_be_in_several_namespaces_and_files_may_lack_the_slash():
    found = [topic('/left/command'), topic('/teleop/action'), topic('/a/event'), topic('/b/event')]
    contents = SimpleNamespace(ours=False, topics={t.name: t for t in found})
    names = Names(contents, (('command', 't'),), scattered=True)
    assert names.find('command', 't') is found[0]
    assert names.find('teleop/action', 't') is found[1]
    assert names.find('event', 't') is None, 'whose?'
    assert Names(contents, (('command', 't'),)).find('teleop/action', 't') is None
    bare = SimpleNamespace(ours=False, topics={'joint_states': topic('joint_states')})
    assert Names(bare, (('joint_states', 't'),)).need('stream', 'joint_states', 't')


def test_episodes_of_two_runs_in_one_folder_are_in_the_order_of_their_times():
    one = ['20261201T100000_0001', '20261130T100000_0002']  # the clock was set back
    assert in_order(reversed(one)) == one
    other = '20261101T100000_0001'
    assert in_order([*one, other]) == [other, one[1], one[0]]
