"""Bags that are being recorded, or were cut off, beside finished ones: nothing is held up by them,
and nothing is left out without a word."""

from __future__ import annotations

import time

import pytest

from il_core.errors import UserError
from il_core.types import Mode, Owner
from il_data.cli import main
from il_data.manifest import Manifest
from il_data.read import being_recorded, read_episode, read_episodes
from il_loop.evaluate import from_bags
from il_loop.job import Job
from il_loop.report_data import read_all
from il_loop.rounds import read_bags
from il_loop.run_folder import RunFolder
from il_loop.train_cli import train
from tests.il_data.fake import Rig, ToyWorld
from tests.il_data.test_repair import crashed


def begun(folder, ticks=30):
    """Leave an episode that goes on; returns its recorder, which must be kept, and its id."""
    rig = Rig(folder)
    episode_id, world = rig.begin(8), ToyWorld(rig.spec)
    for tick in range(ticks):
        rig.tick(world, 100 + tick, episode_id, Mode.AUTONOMOUS, Owner.POLICY)
    return rig, episode_id


def test_il_bags_says_of_a_bag_that_it_is_being_recorded(tmp_path, capsys):
    Rig(tmp_path).episode()
    rig, episode_id = begun(tmp_path)
    for what in ('check', 'info', 'explain', 'repair'):
        assert main([what, str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert 'is being recorded' in said
        assert 'il bags repair' not in said
    with pytest.raises(UserError, match=f'{episode_id}.* is being recorded'):
        read_episode(tmp_path / episode_id)
    rig.outcome()
    rig.settle()
    assert main(['check', str(tmp_path)]) == 0
    assert 'is being recorded' not in capsys.readouterr().out


def test_training_evaluation_and_report_leave_unfinished_bags_out_and_say_so(tmp_path, caplog):
    run = RunFolder(tmp_path)
    whole = Rig(run.bags).episode().episode_id
    _, cut = crashed(run.bags)
    _, running = begun(run.bags)
    bags, out = str(run.bags), str(tmp_path / 'bc')
    assert train([bags, '--out', out, '--epochs', '1', '--members', '1']) == 0
    assert sorted(caplog.messages) == sorted(
        [
            f'left out: {cut.parent} was cut off: run `il bags repair {cut.parent}`',
            f'left out: {run.bags / running} is being recorded',
        ]
    )
    found = [read_episodes(run.bags), read_all(run), read_bags(run)]
    assert [[e.episode_id for e in episodes] for episodes in found] == [[whole]] * 3
    assert [e.id for e in from_bags(run.bags, range(10), label='x').episodes] == [whole]


@pytest.mark.slow
def test_a_job_that_is_killed_does_not_blame_a_bag_that_was_left_out(tmp_path):
    bags = tmp_path / 'bags'
    Rig(bags).episode()
    _, running = begun(bags)
    job = Job(['train', str(bags), '--out', str(tmp_path / 'bc'), '--epochs', '1e9'])
    try:
        end = time.monotonic() + 60
        while running not in job.complaint and time.monotonic() < end:
            time.sleep(0.05)
            job.news()
        assert job.complaint == f'left out: {bags / running} is being recorded'
        job._process.kill()
        job._process.wait()
        assert job.complaint == 'exit code -9'
    finally:
        job.close()


def test_a_folder_without_any_finished_bag_says_what_is_there(tmp_path):
    _, cut = crashed(tmp_path)
    _, running = begun(tmp_path)
    with pytest.raises(UserError, match=f'repair {cut.parent}`; {running} is being recorded'):
        read_episodes(tmp_path)
    assert read_all(RunFolder(tmp_path.parent)) == []


def test_a_bag_is_being_recorded_until_its_manifest_is_there(tmp_path, monkeypatch):
    """In between it would look like one that was cut off."""
    rig, episode_id = begun(tmp_path)
    save, seen = Manifest.save, []

    def look(known, folder):
        seen.append(being_recorded(tmp_path / episode_id))
        save(known, folder)

    monkeypatch.setattr(Manifest, 'save', look)
    rig.recorder.finish()
    assert seen == [True]
    assert not being_recorded(tmp_path / episode_id)
