"""What is left of a recording after a crash, and what `il bags` says of it."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import yaml

from il_core.errors import UserError
from il_core.types import NOBODY_CAME, NS_PER_S, Mode, Outcome, Owner
from il_data.bag import Arrival, BagWriter, Qos, Topic
from il_data.check import damage
from il_data.cli import main
from il_data.contents import read_mcap
from il_data.manifest import Verdict, load
from il_data.read import read_episode
from il_data.record import Recorder
from il_data.repair import repair
from tests.il_data.fake import EVENTS, IL, Rig, ToyWorld, cdr, make

ROOT = Path(__file__).parents[2]


def crashed(
    folder: Path, ticks: int = 60, said: str = '', owner: Owner = Owner.HUMAN
) -> tuple[Rig, Path]:
    """Leave a bag as a killed recorder does: no manifest, no end, whole chunks only; `said`: why
    the episode was aborted before."""
    rig = Rig(folder)
    world, episode_id = ToyWorld(rig.spec), rig.begin()
    for tick in range(ticks):
        rig.tick(world, tick, episode_id, Mode.SUPERVISOR, owner)
        rig.recorder.update(rig.now_ns)
        if said and tick == 2:
            event = {'kind': 4, 'outcome': int(Outcome.ABORTED), 'detail': said}
            rig.send(EVENTS, make(IL + 'EpisodeEvent', rig.now_ns, **event))
    path = rig.folder / episode_id / f'{episode_id}_0.mcap'
    copy = path.read_bytes()
    rig.recorder.finish()
    (path.parent / 'manifest.json').unlink()
    (path.parent / 'metadata.yaml').unlink()
    path.write_bytes(copy)
    return rig, path


def test_unfinished_bag_is_recovered_at_the_next_start(tmp_path):
    rig, path = crashed(tmp_path)
    with pytest.raises(UserError, match=f'il bags repair {path.parent}'):
        read_episode(path.parent)
    lines = Rig(tmp_path).recorder.recover()
    assert len(lines) == 1
    assert 'SUSPECT: recovered' in lines[0]
    done = load(path.parent)
    assert (done.recovered, done.verdict, done.outcome) == (
        True,
        Verdict.SUSPECT,
        Outcome.UNKNOWN,
    )
    assert (done.operator, done.seed, done.spec_hash) == ('ada', 7, rig.spec.hash)
    episode = read_episode(path.parent, rig.spec)
    assert len(episode) >= 60 - 0.5 * rig.spec.robot.rate_hz - 1
    assert episode.human_labels.all()
    assert Rig(tmp_path).recorder.recover() == []


def test_a_bag_cut_anywhere_keeps_its_whole_chunks(tmp_path):
    _, path = crashed(tmp_path, 120)
    whole = path.read_bytes()
    before = 0
    for size in sorted(np.random.default_rng(0).integers(200, len(whole), 25).tolist()):
        path.write_bytes(whole[:size])
        count = read_mcap(path).count
        assert count >= before
        before = count
        if not count:
            continue
        done = repair(path.parent)
        assert done.verdict in (Verdict.SUSPECT, Verdict.BAD)
        fixed = read_mcap(path)
        assert (fixed.count, fixed.damage) == (count, '')
        read_episode(path.parent)
    assert before > 1000


def test_a_bag_without_any_message_is_put_away(tmp_path):
    _, path = crashed(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    (line,) = Rig(tmp_path).recorder.recover()
    assert f'no readable message (it is cut off); moved to {tmp_path / ".unreadable"}' in line
    assert Rig(tmp_path).recorder.recover() == []


def test_undo_brings_back_what_was_discarded_not_what_a_repair_put_away(tmp_path):
    whole, damaged = Rig(tmp_path).episode(), Rig(tmp_path).episode()
    _, cut = crashed(tmp_path)
    shelf = Rig(tmp_path).recorder.shelf
    assert shelf.discard(whole.episode_id) == whole.episode_id
    for file in (cut, *(tmp_path / damaged.episode_id).glob('*.mcap')):
        file.write_bytes(file.read_bytes()[:1000])
        assert main(['repair', str(file.parent)]) == 1
    assert shelf.new_id(0.0).endswith('_0004'), 'nor is its number given again'
    assert shelf.undo() == whole.episode_id
    with pytest.raises(UserError, match='nothing to undo'):
        shelf.undo()


def test_a_damaged_chunk_costs_only_itself(tmp_path):
    _, path = crashed(tmp_path, 120)
    data = bytearray(path.read_bytes())
    whole = read_mcap(path).count
    at = data.index(b'zstd', len(data) // 2) + 100
    data[at : at + 16] = bytes(16)
    path.write_bytes(data)
    done = repair(path.parent)
    assert any('recovered: a chunk is damaged' in reason for reason in done.reasons)
    assert any('messages lost' in reason for reason in done.reasons)
    kept = read_mcap(path)
    assert 0.5 * whole < kept.count < whole
    assert not kept.damage


def test_a_damaged_first_chunk_costs_only_itself_in_a_bag_that_was_finished(tmp_path):
    """It defines the topics, as the end of the file does."""
    done = Rig(tmp_path).episode(ticks=100)
    folder = tmp_path / done.episode_id
    path = folder / f'{folder.name}_0.mcap'
    data = bytearray(path.read_bytes())
    at = data.index(b'zstd') + 100
    data[at : at + 16] = bytes(16)
    path.write_bytes(data)
    assert any('a chunk is damaged' in reason for reason in repair(folder).reasons)
    kept = read_episode(folder)
    assert 90 < len(kept) <= 100
    assert kept.outcome is Outcome.SUCCESS


def test_a_bag_that_is_being_recorded_is_left_alone(tmp_path):
    rig = Rig(tmp_path)
    episode_id = rig.begin()
    assert Rig(tmp_path).recorder.recover() == []
    with pytest.raises(UserError, match='being recorded right now'):
        repair(tmp_path / episode_id)
    rig.outcome()
    assert rig.settle().outcome is Outcome.SUCCESS


WRITER = """
import sys, time
from pathlib import Path
from il_data.bag import Arrival, BagWriter, Topic
bag = BagWriter(Path(sys.argv[1]), {})
bag.add_topic(Topic('/clock', 'rosgraph_msgs/msg/Clock'))
while True:
    now = time.monotonic_ns()
    bag.write('/clock', Arrival(bytes(12), now, now))
    bag.flush_if_due(now)
    print(now, flush=True)
    time.sleep(0.005)
"""


def test_kill_9_loses_no_more_than_half_a_second(tmp_path):
    bag = tmp_path / 'episode'
    env = {**os.environ, 'PYTHONPATH': str(ROOT / 'src')}
    writer = subprocess.Popen(
        [sys.executable, '-c', WRITER, str(bag)], stdout=subprocess.PIPE, text=True, env=env
    )
    writer.stdout.readline()
    time.sleep(1.3)
    writer.send_signal(signal.SIGKILL)
    written = [int(line) for line in writer.communicate()[0].splitlines() if line.strip()]
    repair(bag)
    kept = read_mcap(bag / 'episode_0.mcap').topics['/clock'].log_ns
    assert len(kept) > 20
    assert (written[-1] - kept[-1]) / NS_PER_S <= 0.55


@pytest.mark.parametrize('noted', [True, False])
def test_publishers_that_count_apart_are_no_loss_after_a_repair(tmp_path, noted, monkeypatch):
    """A topic that is always shared, and one on which two were there; `noted`: bags say so, but
    for old ones."""
    rig, note = Rig(tmp_path), Recorder._note
    if not noted:
        keys = ('shared', 'publishers')
        old = lambda *args: {k: v for k, v in note(*args).items() if k not in keys}  # noqa: E731
        monkeypatch.setattr(Recorder, '_note', old)
    if noted:
        rig.recorder.note_offer('/joint_states', 2, Qos(False, False, 5))
    episode_id, world = rig.begin(), ToyWorld(rig.spec)
    for tick in range(60):
        rig.tick(world, tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
        rig.sequence[EVENTS] = 40 * (tick % 2) + tick
        rig.send(EVENTS, make(IL + 'EpisodeEvent', rig.now_ns, kind=2))
        if noted:
            rig.sequence['/joint_states'] = 40 * (tick % 2) + tick
    rig.recorder.stop(Outcome.SUCCESS, '', 0, rig.now_ns)
    rig.recorder.finish()
    (tmp_path / episode_id / 'manifest.json').unlink()
    done = repair(tmp_path / episode_id)
    lost = {t.name: t.lost for t in done.topics if t.lost}
    assert lost == {EVENTS: -1} | ({'/joint_states': -1} if noted else {})
    assert not [reason for reason in done.reasons if ' messages lost' in reason]


def test_a_long_episode_of_a_camera_is_checked_and_repaired_chunk_by_chunk(tmp_path):
    """Or the recorder would be killed for memory at every start after a crash in one."""
    size, count = 480 * 640 * 3, 60
    pixels = np.zeros(size, np.uint8)
    shape = {'height': 480, 'width': 640, 'encoding': 'rgb8', 'step': 1920}
    data = cdr(make('sensor_msgs/msg/Image', **shape, data=pixels))
    folder = tmp_path / '20261118T110640_0001'
    with BagWriter(folder, {}) as bag:
        bag.add_topic(Topic('/image_raw', 'sensor_msgs/msg/Image'))
        for stamp_ns in range(1, count + 1):
            bag.write('/image_raw', Arrival(data, stamp_ns, stamp_ns, stamp_ns))
    path = folder / f'{folder.name}_0.mcap'
    whole = path.read_bytes()
    tracemalloc.start()
    try:
        path.write_bytes(whole[:-100])
        assert main(['check', str(folder)]) == 1
        (line,) = Rig(tmp_path).recorder.recover()
        path.write_bytes(whole[:-100])
        assert main(['repair', str(folder)]) == 0
        assert main(['repair', str(folder)]) == 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 'SUSPECT: recovered' in line
    assert [(t.count, t.lost) for t in load(folder).topics] == [(count, 0)]
    assert peak < count * size / 5


class Killed(BaseException):
    pass


@pytest.mark.parametrize('finished', [True, False])
@pytest.mark.parametrize('step', range(6))
def test_a_kill_inside_a_repair_makes_no_bag_look_whole(tmp_path, monkeypatch, finished, step):
    """Before the `step`-th file or folder is renamed or removed. `finished`: there is a manifest,
    which knows all that was recorded."""
    if finished:
        folder = tmp_path / Rig(tmp_path).episode(ticks=100).episode_id
    else:
        folder = crashed(tmp_path, 100)[1].parent
    path = folder / f'{folder.name}_0.mcap'
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    left = iter(range(step))

    def counted(done):
        def call(*args):
            if next(left, None) is None:
                raise Killed
            return done(*args)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'replace', counted(Path.replace))
        patch.setattr(shutil, 'rmtree', counted(shutil.rmtree))
        try:
            repair(folder)
        except Killed:
            assert not finished or load(folder).recovered or damage(folder)
    Rig(tmp_path).recorder.recover()
    if damage(folder):
        repair(folder)
    done = load(folder)
    assert (done.recovered, done.verdict) == (True, Verdict.SUSPECT)
    assert done.outcome is (Outcome.SUCCESS if finished else Outcome.UNKNOWN)
    assert sum(topic.count for topic in done.topics) == read_mcap(path).count
    info = yaml.safe_load((folder / 'metadata.yaml').read_text())
    assert info['rosbag2_bagfile_information']['message_count'] == read_mcap(path).count
    assert damage(folder) == ''


def test_a_repair_on_a_full_disk_leaves_the_bag_and_nothing_beside_it(tmp_path, capsys):
    _, path = crashed(tmp_path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        assert main(['repair', str(path.parent)]) == 1
        assert 'cannot be repaired' in capsys.readouterr().out
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == [path.parent]
    assert path.read_bytes() == before
    assert repair(path.parent).recovered


def test_check_and_repair_on_the_command_line(tmp_path, capsys):
    Rig(tmp_path).episode()
    assert main(['check', str(tmp_path)]) == 0
    _, path = crashed(tmp_path)
    assert main(['info', str(tmp_path)]) == 1
    capsys.readouterr()
    assert main(['explain', str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert f'{path.parent.name}: bag is' in said
    assert 'event OUTCOME: success' in said, 'of the other one'
    assert main(['check', str(path.parent)]) == 1
    assert capsys.readouterr().out.count(f'il bags repair {path.parent}') == 1
    assert main(['repair', str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert 'left alone' in said
    assert 'recovered' in said
    assert main(['check', str(tmp_path)]) == 0
    assert main(['info', str(path.parent)]) == 0
    assert '/policy/proposal' in capsys.readouterr().out
    assert len(json.loads((path.parent / 'manifest.json').read_text())['topics']) == 10


@pytest.mark.parametrize('where', ['.', '..', './.'])
def test_a_bag_is_repaired_from_inside_its_folder(tmp_path, capsys, monkeypatch, where):
    """The new file is made beside the folder, whose name it must know."""
    _, path = crashed(tmp_path)
    inside = path.parent / 'notes'
    inside.mkdir()
    monkeypatch.chdir(inside if where == '..' else path.parent)
    assert main(['repair', where]) == 0
    assert load(path.parent).episode_id == path.parent.name
    assert main(['check', where]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.parent.name]
    capsys.readouterr()
    for what in ('info', 'explain'):
        assert main([what, where]) == 0
        assert path.parent.name in capsys.readouterr().out


def test_nothing_in_a_table_is_cut(tmp_path, capsys, monkeypatch):
    """In a pipe all is in one line; a narrow terminal folds it."""
    monkeypatch.delenv('COLUMNS', raising=False)
    name = Rig(tmp_path).episode().episode_id
    bag, kind = str(tmp_path / name), 'interactive_il/msg/EpisodeEvent'
    assert main(['info', bag]) == 0
    said = capsys.readouterr().out
    assert name in said
    assert kind in said
    monkeypatch.setenv('COLUMNS', '60')
    for what in ('info', 'explain', 'check'):
        assert main([what, bag]) == 0
        said = capsys.readouterr().out
        assert '…' not in said
        assert max(len(line) for line in said.splitlines() if line[:1] in '┃│') <= 60
        if what == 'info':
            rows = [line.split('│') for line in said.splitlines() if line.startswith('│')]
            assert kind in ''.join(row[-2].strip() for row in rows)


def test_a_name_with_brackets_is_shown_whole(tmp_path, capsys):
    """The terminal takes them for colours."""
    name = 'reach[old]'
    done = Rig(tmp_path).episode()
    (tmp_path / done.episode_id).rename(tmp_path / name)
    for what in ('explain', 'check', 'repair'):
        assert main([what, str(tmp_path)]) == 0
        assert name in capsys.readouterr().out
    (tmp_path / name / 'manifest.json').write_text('{')
    assert main(['info', str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert f'{name} ' in said
    assert said.count('is damaged') == 1


def test_a_damaged_manifest_is_said_once_with_the_remedy(tmp_path, capsys):
    bag = tmp_path / Rig(tmp_path).episode().episode_id
    (bag / 'manifest.json').write_text('{')
    assert main(['check', str(bag)]) == 1
    said = capsys.readouterr().out
    assert said.count(f'il bags repair {bag}') == 1
    assert 'is damaged' in said


def test_command_line_names_a_wrong_path(tmp_path):
    with pytest.raises(UserError, match='no such folder'):
        main(['info', str(tmp_path / 'nowhere')])
    with pytest.raises(UserError, match='holds no bags'):
        main(['check', str(tmp_path)])
    Rig(tmp_path / 'bags').episode()
    for what in ('info', 'check', 'explain', 'repair'):
        with pytest.raises(UserError, match=f'did you mean {tmp_path}/bags'):
            main([what, str(tmp_path)])


def test_an_option_that_would_do_nothing_is_refused(tmp_path):
    Rig(tmp_path).episode()
    with pytest.raises(UserError, match="--robot is 'nonsense': needs --task"):
        main(['info', str(tmp_path), '--robot', 'nonsense'])
    for what in ('explain', 'repair'):
        for option in ('--task', '--robot'):
            with pytest.raises(UserError, match=f'{option} .* does nothing with {what}'):
                main([what, str(tmp_path), option, 'reach'])


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit, match='0'):
        main(['--help'])
    assert 'il bags repair runs/first/bags' in capsys.readouterr().out


def test_a_bag_in_a_renamed_folder_names_its_file_after_a_repair(tmp_path):
    """Or `ros2 bag play` finds none."""
    _, path = crashed(tmp_path)
    path.parent.rename(tmp_path / 'kept')
    repair(tmp_path / 'kept')
    about = yaml.safe_load((tmp_path / 'kept' / 'metadata.yaml').read_text())
    (named,) = about['rosbag2_bagfile_information']['relative_file_paths']
    assert (tmp_path / 'kept' / named).is_file()


def test_that_nobody_came_is_known_after_a_repair_too(tmp_path):
    """Such an episode is the one of its seed, be its recording cut off or not."""
    _, path = crashed(tmp_path, 120, said=NOBODY_CAME)
    done = repair(path.parent)
    assert (done.outcome, done.reason, done.recovered) == (Outcome.ABORTED, NOBODY_CAME, True)
    assert done.finished
    path.write_bytes(path.read_bytes()[:-100])
    assert repair(path.parent).finished


def test_that_nobody_drove_is_known_after_a_repair_too(tmp_path):
    _, path = crashed(tmp_path, owner=Owner.NOBODY)
    done = repair(path.parent)
    assert done.verdict is Verdict.BAD
    assert done.reasons[0].startswith('nobody drove')
    assert done.reasons[0].endswith('in what is left of it')


def test_repair_keeps_the_outcome_of_a_manifest_that_is_intact(tmp_path, capsys):
    """Given by episode/label: it is in no message of the bag."""
    rig, path = crashed(tmp_path, 120)
    rig.recorder.recover()
    manifest = load(path.parent)
    dataclasses.replace(manifest, outcome=Outcome.FAILURE, reason='spilled', recovered=False).save(
        path.parent
    )
    for _ in range(2):
        path.write_bytes(path.read_bytes()[:-100])
        assert main(['repair', str(tmp_path)]) == 0
        assert 'left alone' not in capsys.readouterr().out
        done = load(path.parent)
        assert (done.outcome, done.reason) == (Outcome.FAILURE, 'spilled')
        assert done.recovered
