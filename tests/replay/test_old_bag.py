"""A stored bag of older message definitions reads as on the day it was written."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from il_core.types import Cause, EventKind, Outcome, Owner
from il_data import cli
from il_data.contents import read_mcap
from il_data.manifest import Verdict
from il_data.read import read_episode, rebuild_frames
from il_data.schema import definition
from tests.il_data.fake import IL, OWN
from tests.replay.make_old_bag import BAG, HUMAN, LACKING, SEED, TICKS
from tests.toy import ToyWorld, toy_spec


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A copy: reading leaves a cache beside a bag."""
    (stored,) = BAG.iterdir()
    return Path(shutil.copytree(stored, tmp_path / stored.name))


def test_its_definitions_lack_what_today_s_have(bag: Path) -> None:
    (file,) = bag.glob('*.mcap')
    topics = read_mcap(file).topics
    for topic, name in OWN.items():
        old, new = (
            set(t.split()) for t in (topics[f'/{topic}'].schema, definition(IL + name).text)
        )
        for field in LACKING[name]:
            assert field in new, f'{name}.{field} is gone: make the bag lack another field'
            assert field not in old


def test_every_step_is_as_it_was_recorded_and_later_fields_have_their_defaults(bag: Path) -> None:
    episode = read_episode(bag)
    assert (len(episode), episode.outcome, episode.verdict) == (
        TICKS,
        Outcome.SUCCESS,
        Verdict.OK,
    )
    assert (episode.human_actions, episode.switches) == (len(HUMAN), 2)
    world = ToyWorld(episode.spec)
    world.reset(SEED)
    for row in episode.steps:
        action = world.supervisor()
        sent = action if row['owner'] == Owner.HUMAN else action * 0.5
        np.testing.assert_array_equal(row['frame'], np.concatenate([*world.observe().values()]))
        np.testing.assert_array_equal(row['expert'], action)
        np.testing.assert_array_equal(row['mean'], action * 0.5)
        np.testing.assert_array_equal(row['command'], sent)
        world.step(sent)
    assert not episode.steps['transition'].any()
    for column in ('inference_s', 'observation_age_s', 'joystick_age_s'):
        assert np.isnan(episode.steps[column]).all(), column
    events = [(e.kind, e.cause, e.detail, e.tick) for e in episode.events]
    assert events == [
        (EventKind.STARTED, Cause.UNKNOWN, '', 0),
        (EventKind.OUTCOME, Cause.UNKNOWN, '', 0),
    ]
    assert rebuild_frames(bag).tobytes() == episode.frames.tobytes()


def test_it_reads_with_the_spec_of_today_too(bag: Path) -> None:
    assert read_episode(bag, toy_spec()).spec == toy_spec()


def test_il_bags_info_and_check_accept_it(bag: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['info', str(bag)]) == 0
    line = next(t for t in capsys.readouterr().out.splitlines() if bag.name in t)
    cells = [cell.strip() for cell in line.strip('│').split('│')]
    assert cells[1:] == ['success', 'OK', str(TICKS), str(len(HUMAN)), '8', '2']
    assert cli.main(['check', str(bag)]) == 0
    assert 'OK' in capsys.readouterr().out
